"""Nodes that come and go: asked for, provisioned, told to leave, emptied, gone."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import simpy

from sim.engine.clock import Clock
from sim.engine.cluster import Cluster
from sim.rng import Streams
from sim.state.arrays import B1, F8, I8
from sim.state.fleet import Fled, Span, Stage, Stopped
from sim.state.growth import Change
from sim.state.supply import Terms
from sim.state.words import Going

AWAY = (int(Stage.OFF), int(Stage.LENT))
WORDS = {int(going): going.name.lower().replace("_", " ") for going in Going}
LENT = WORDS[Going.LENT]


class Fleet:
    """The nodes of a cluster: how each stands, and what it takes to change that."""

    def __init__(
        self, clock: Clock, cluster: Cluster, terms: Sequence[Terms], lost_s: float,
        streams: Streams,
    ) -> None:  # fmt: skip
        self.clock, self.cluster, self.terms, self.lost_s = clock, cluster, tuple(terms), lost_s
        n = cluster.nodes
        self.pool: I8 = np.repeat(np.arange(len(terms)), [t.places for t in terms])
        self.stage: I8 = np.full(n, int(Stage.ON))
        self.rest: I8 = np.full(n, int(Stage.OFF))  # how it stands while it is away
        self.begin_s: F8 = np.zeros(n)
        self.visit: I8 = np.zeros(n, np.int64)  # counts changes: what was meant for another is void
        self.doomed: B1 = np.zeros(n, np.bool_)  # to be retired: asked for no more
        self.refused: I8 = np.zeros(len(terms), np.int64)  # since the last asking
        self.spans: list[Span] = []
        self.stops: list[Stopped] = []
        self.notes: list[str] = []
        self.changed_s = 0.0
        self._rng = [streams.stream("supply", pool) for pool in range(len(terms))]
        cluster.freed(self.look)
        clock.listen(self.look)

    def change(self, node: int, stage: int, why: str, due_s: float = np.nan) -> None:
        """A node stands otherwise from now on."""
        now_s = self.clock.now
        if now_s > self.begin_s[node]:
            self.spans.append(Span(
                node, int(self.stage[node]), float(self.begin_s[node]), now_s, why, due_s
            ))  # fmt: skip
        self.stage[node], self.begin_s[node] = stage, now_s
        self.visit[node] += 1
        self.changed_s = now_s

    def away(self, node: int, stage: Stage) -> None:
        """A node is not there at the beginning."""
        self.cluster.go(node)
        self.rest[node] = Stage.OFF if stage == Stage.ABSENT else stage
        self.change(node, stage, "")

    def count(self, stage: Stage) -> I8:
        """Return how many nodes of each pool stand so, (p,)."""
        return np.bincount(self.pool[self.stage == stage], minlength=len(self.terms))

    def ask(self, pool: int, many: int) -> int:
        """Ask for nodes of a pool, lowest number first; return for how many there were places."""
        free = (self.pool == pool) & np.isin(self.stage, AWAY) & ~self.doomed
        nodes = np.flatnonzero(free)[: max(many, 0)].tolist()
        for node in nodes:
            self.change(node, Stage.COMING, "asked")
            self.clock.process(self.coming(node, int(self.visit[node])))
        return len(nodes)

    def coming(self, node: int, visit: int) -> Generator[simpy.Event, None, None]:
        """A node boots, or will not come."""
        pool = int(self.pool[node])
        terms, rng = self.terms[pool], self._rng[pool]
        refused = terms.refused_frac > 0.0 and rng.random() < terms.refused_frac
        yield self.clock.timeout(terms.refused_after_s if refused else terms.come_s)
        if self.visit[node] != visit:
            return
        if refused:
            self.refused[pool] += 1
            self.change(node, int(self.rest[node]), "refused")
        else:
            self.arrive(node, "came")

    def arrive(self, node: int, why: str) -> None:
        """A node is there from now on."""
        self.cluster.come(node)
        self.change(node, Stage.ON, why)
        self.watch_spot(node)

    def watch_spot(self, node: int) -> None:
        """Let a node be interrupted some day, if its pool is one of those."""
        pool = int(self.pool[node])
        if self.terms[pool].spot_mtbf_s < np.inf:
            after_s = float(self._rng[pool].exponential(self.terms[pool].spot_mtbf_s))
            self.clock.process(self.interrupted(node, int(self.visit[node]), after_s))

    def interrupted(
        self, node: int, visit: int, after_s: float
    ) -> Generator[simpy.Event, None, None]:
        """A node is called back by its owner, with notice."""
        yield self.clock.timeout(after_s)
        if self.visit[node] == visit:
            self.leave(node, "interrupted", self.terms[int(self.pool[node])].notice_s)

    def leave(self, node: int, why: str, notice_s: float, due_s: float = np.nan) -> None:
        """Tell a node that is on to go: at once if it is empty, else within its notice."""
        if self.stage[node] != Stage.ON:
            return
        self.rest[node] = Stage.LENT if why == LENT else Stage.OFF
        self.cluster.withdraw(node)
        self.cluster.leaving.add(node)
        self.change(node, Stage.LEAVING, why, due_s)
        jobs = self.cluster.on(node).tolist()
        movers = self.cluster.movers
        self.clock.state.jobs.watched[[job for job in jobs if job not in movers]] = True
        if jobs:
            self.clock.process(self.stopped(node, int(self.visit[node]), why, notice_s))
        for job in jobs:
            if job in movers:
                movers[job](job)
        self.look()

    def stopped(
        self, node: int, visit: int, why: str, notice_s: float
    ) -> Generator[simpy.Event, None, None]:
        """Stop who still runs on a node when its notice is over."""
        yield self.clock.timeout(notice_s)
        if self.visit[node] == visit:
            for job in self.cluster.on(node).tolist():
                lost_s = self.cluster.evict(job, self.lost_s)
                self.stops.append(Stopped(job, node, self.clock.now, why, lost_s))
            self.look()

    def look(self) -> None:
        """Let nodes go that are to leave and are empty."""
        row = self.clock.state.nodes.row
        for node in sorted(self.cluster.leaving):
            if row[node] < 0:
                self.cluster.leaving.discard(node)
                self.cluster.go(node)
                rest = Stage.ABSENT if self.doomed[node] else self.rest[node]
                self.change(node, int(rest), "empty")

    def deliver(self, change: Change, nodes: Sequence[int]) -> Generator[simpy.Event, None, None]:
        """Nodes are bought, and there from an instant on."""
        yield self.clock.timeout(change.at_s)
        for node in nodes:
            self.arrive(node, "delivered")

    def retire(self, change: Change) -> Generator[simpy.Event, None, None]:
        """The oldest nodes of a pool are given away for good, emptied first."""
        notice_s = min(change.notice_s, change.at_s)
        yield self.clock.timeout(change.at_s - notice_s)
        here = (self.pool == change.pool) & (self.stage != Stage.ABSENT) & ~self.doomed
        nodes = np.flatnonzero(here)[: -change.nodes].tolist()
        self.doomed[nodes] = True
        for node in nodes:
            self.leave(node, "retired", notice_s)
        yield self.clock.timeout(notice_s)
        for node in nodes:
            if self.stage[node] in (*AWAY, Stage.COMING):
                self.change(node, Stage.ABSENT, "retired")
            self.leave(node, "retired", 0.0)  # one that came within the notice

    def ended(self, end_s: float) -> Fled:
        """Return how each node stood over the whole run, in order of node and time."""
        last = [Span(node, int(self.stage[node]), float(self.begin_s[node]), end_s, "cut", np.nan)
                for node in range(len(self.stage)) if end_s > self.begin_s[node]]  # fmt: skip
        spans = sorted([*self.spans, *last], key=lambda span: (span.node, span.begin_s))
        return Fled(self.terms, spans, self.stops, self.notes)
