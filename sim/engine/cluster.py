"""What a SimPy process holds: the kernel's verbs, at the clock's instant."""

from __future__ import annotations

import abc
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import simpy

from sim import kernel
from sim.engine.clock import Clock
from sim.rng import Streams
from sim.state.fabric import FIRST
from sim.state.words import Ended


class Cluster:
    """The cluster as a process sees it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows = itertools.count()
        self._freed: list[Callable[[], None]] = []
        self._movers: dict[int, Callable[[int], None]] = {}
        self.leaving: set[int] = set()  # nodes that are offered to nobody until they have gone

    @property
    def nodes(self) -> int:
        """Nodes in all."""
        return len(self._clock.state.nodes.kind)

    def fail(self, node: int, lost_s: float = np.inf) -> int:
        """A node goes down; return how many jobs were hit.

        Each goes back to the queue and does up to `lost_s` seconds of its work again; by default
        all of it, as without checkpoints.
        """
        self._clock.room(1)
        hit: int = kernel.fail(self._clock.state, node, lost_s, self._clock.now)
        self._clock.tell()
        return hit

    def repair(self, node: int) -> None:
        """A node comes back, empty; not if it is to go, or has gone."""
        if node not in self.leaving:
            kernel.repair(self._clock.state, node, self._clock.now)

    def go(self, node: int) -> None:
        """An empty node is no more there, until it comes."""
        self._clock.room(1)
        kernel.go(self._clock.state, node, self._clock.now)

    def come(self, node: int) -> None:
        """A node that was not there is, empty."""
        kernel.come(self._clock.state, node, self._clock.now)

    def moves(self, jobs: Sequence[int], move: Callable[[int], None]) -> None:
        """Ask `move` when one of these jobs is to leave its nodes, before it is stopped."""
        self._movers |= dict.fromkeys(jobs, move)

    @property
    def movers(self) -> dict[int, Callable[[int], None]]:
        """Return by job who is asked when it is to leave its nodes."""
        return self._movers

    def freed(self, tell: Callable[[], None]) -> None:
        """Call `tell` after a job was taken off its nodes by a word of its own."""
        self._freed.append(tell)

    @property
    def links(self) -> np.ndarray:
        """Return the links that can fail by number, (k,); none without a fabric.

        Those out of leaves and pods, or where jobs find their ways one of each two ways.
        """
        fabric, finder = self._clock.state.fabric, self._clock.finder
        if finder is not None:
            return finder.edges + int(fabric.n[FIRST])
        return np.flatnonzero(fabric.level > 0)

    @property
    def switches(self) -> int:
        """Return how many switches can fail; 0 without a fabric, or where none can be told."""
        one = self._clock.finder or self._clock.sprayed()
        return 0 if one is None else one.switches

    def set_switch(self, number: int, works: bool) -> None:
        """A switch fails or works again: flows go round it, nodes on it alone are cut off."""
        one = self._clock.finder or self._clock.sprayed()
        if one is not None:
            one.switch(self._clock, number, works)

    def set_link(self, link: int, part: float) -> None:
        """A link carries so much of what it was built for from now on, 0 … 1, both ways.

        `link` is one of `links`, or the number of a node: then its NICs. Where jobs find their
        ways, those who cross one that carries nothing find others.
        """
        kernel.set_link(self._clock.state, link, part)
        finder = self._clock.finder
        if finder is not None and link >= (first := int(self._clock.state.fabric.n[FIRST])):
            kernel.set_link(self._clock.state, link + 1, part)
            finder.changed(self._clock, link - first, part)

    def hobble(self, node: int, keeps: float) -> None:
        """A node keeps a part of its speed from now on, above 0; 1 is all of it.

        For a process that says so: `hobbles`.
        """
        kernel.hobble(self._clock.state, node, keeps, self._clock.now)

    def withdraw(self, node: int) -> None:
        """Offer a node to no more jobs; those on it go on."""
        kernel.withdraw(self._clock.state, node)

    def offer(self, node: int) -> None:
        """Offer a node to jobs again."""
        kernel.offer(self._clock.state, node)

    def window(self) -> int:
        """Return the number of a window of one's own, of those that processes asked for."""
        return next(self._windows)

    def set_aside(self, row: int, nodes: int, span_s: tuple[float, float],
                  tenants: Sequence[str]) -> np.ndarray:  # fmt: skip
        """Set nodes aside from one instant to another, but for these tenants; return them, (k,).

        `row` is the number of a window (`window`); there may be fewer nodes than were asked for.
        """
        state = self._clock.state
        open_to = np.zeros(state.calendar.open_to.shape[1], np.bool_)
        for code, name in enumerate(state.tenant_names[: open_to.size]):
            open_to[code] = name in tenants
        found: np.ndarray = kernel.open_window(state, row, nodes, *span_s, open_to)
        return found

    def set_free(self, row: int) -> None:
        """A window is over."""
        kernel.close_window(self._clock.state, row)

    def outsiders(self, row: int) -> list[int]:
        """Return the jobs on a window's nodes that it is not open to, lowest row first."""
        state = self._clock.state
        nodes = np.flatnonzero(state.calendar.held[row])
        there = sorted({int(job) for node in nodes for job in self.on(int(node))})
        return [job for job in there if not state.calendar.open_to[row, state.jobs.tenant[job]]]

    def on(self, node: int) -> np.ndarray:
        """Return the jobs on a node, newest first, (k,)."""
        jobs: np.ndarray = kernel.on_node(self._clock.state, node)
        return jobs

    def evict(self, job: int, lost_s: float = 0.0) -> float:
        """Send a running job back to the queue; return the work it does again, `lost_s` at most.

        One that writes checkpoints does no more again than it has done since.
        """
        lost: float = kernel.turn_out(self._clock.state, job, lost_s, self._clock.now)
        self._clock.tell()
        return lost

    def watch(self, jobs: Sequence[int], tell: Callable[[], None]) -> None:
        """Call `tell` when one of these jobs starts, and after nodes were taken from any."""
        self._clock.state.jobs.watched[list(jobs)] = True
        self._clock.listen(tell)

    def submit(self, job: int) -> None:
        """Let a job come that is unborn: it may come and go again and again."""
        kernel.submit(self._clock.state, job, self._clock.now)

    def withhold(self, job: int) -> None:
        """Take a job off the queue, or off its GPUs; it may be submitted again."""
        kernel.withhold(self._clock.state, job, self._clock.now)
        for tell in self._freed:
            tell()

    def end(self, job: int) -> None:
        """Take a job off the queue, or off its GPUs, for good."""
        kernel.end(self._clock.state, job, self._clock.now)
        for tell in self._freed:
            tell()

    def state_of(self, job: int) -> int:
        """Return how a job stands: a JobState."""
        return int(self._clock.state.jobs.state[job])

    def held(self, job: int) -> tuple[int, float, np.ndarray]:
        """Return of the last run of a job its first row of the ledger, its start, its nodes."""
        state = self._clock.state
        row = int(state.jobs.row0[job])
        nodes = state.ledger.node[row : row + int(state.jobs.rows[job])]
        return row, float(state.ledger.start_s[row]), np.asarray(nodes, np.int64)

    def left_by(self, row: int) -> str:
        """Return why a row of the ledger ended, as a word."""
        return Ended(int(self._clock.state.ledger.why[row])).name.lower()

    def set_rate(self, job: int, rate: float) -> None:
        """Let a running job go on at another rate, work seconds a second; 0 holds it."""
        kernel.set_rate(self._clock.state, job, rate, self._clock.now)

    def done(self, job: int) -> simpy.Event:
        """Return an event that happens when a job ends."""
        return self._clock.done(job)


class AbstractProcess(abc.ABC):
    """Something with a life of its own: nodes that fail, maintenance, autoscalers, caps."""

    @property
    def windows(self) -> int:
        """Return how many windows it needs in which nodes are set aside."""
        return 0

    @property
    def hits_per_s(self) -> float:
        """Return how often it takes each node from the job there, in the mean."""
        return 0.0

    @property
    def hobbles(self) -> bool:
        """Return whether it makes nodes slow for a while."""
        return False

    def names(self) -> Mapping[str, tuple[str, Iterable[str]]]:
        """Return the names that its settings hold: by path, what they are (`tenant`), and they."""
        return {}

    def issues(self, nodes: int) -> list[str]:
        """Return what it cannot do on a cluster of so many nodes."""
        del nodes
        return []

    @abc.abstractmethod
    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Start its SimPy processes on the clock."""
