"""Finds the links of jobs that cross a fabric by ways of their own, and others when links fail."""

from __future__ import annotations

import numpy as np

from sim import kernel
from sim.engine.clock import Clock
from sim.state.arrays import F8, I8
from sim.state.fabric import FIRST, SEEKS, SPARE, Fabric, roomier
from sim.state.handle import COMPILED, State
from sim.state.joins import AbstractWays
from sim.state.paths import PAIRS, paths_of


def ring(gpus: I8) -> tuple[I8, I8, F8]:
    """Return (src, dst, part) of a ring over places 0 … k - 1, each sending to the next.

    A flow carries what the GPUs of the node with the fewest send: part is in GPUs' NICs.
    """
    at = np.arange(len(gpus))
    return at, np.roll(at, -1), np.full(len(gpus), float(gpus.min()))


def all_to_all(gpus: I8, most: int = PAIRS) -> tuple[I8, I8, F8]:
    """Return (src, dst, part) of each GPU with each other, g_i g_j / (N - g) between two nodes.

    g is the node with the fewest, N all GPUs: so that node's NICs are just full. Beyond `most`
    pairs: to nodes some steps further on, all told what all pairs would carry.
    """
    n = len(gpus)
    steps = np.arange(1, n)
    if n * (n - 1) > most:
        steps = np.unique(np.linspace(1, n - 1, max(1, most // n)).round().astype(np.int64))
    src = np.repeat(np.arange(n), len(steps))
    dst = (src + np.tile(steps, n)) % n
    total = int(gpus.sum())
    part = gpus[src] * gpus[dst] / (total - int(gpus.min()))
    if len(steps) < n - 1:  # each node still sends all that it has for others
        out = gpus * (total - gpus) / (total - int(gpus.min()))
        part *= (out / np.bincount(src, part, n))[src]
    return src, dst, part


def sent_by_others(fabric: Fabric, job: int) -> F8:
    """Return what others than a job send over each link of ways in the mean, (links,), if unslowed.

    In whole B/s, so that the order of the sum says nothing; with what a link cannot carry of what
    it was built for. As `kernel.evenly.sent_over`.
    """
    first, n = int(fabric.n[FIRST]), int(fabric.n[SPARE])
    used = np.ones(len(fabric.job), np.bool_)
    used[fabric.spare[:n]] = False
    e = np.flatnonzero(used & (fabric.job != job))
    e = e[fabric.link[e] >= first]
    lacks_Bps = np.rint(fabric.built_Bps[first:] - fabric.capacity_Bps[first:])
    sent_Bps = np.rint(fabric.use_Bps[e] * fabric.duty[fabric.job[e]])
    return lacks_Bps + np.bincount(fabric.link[e] - first, sent_Bps, len(lacks_Bps))


class Finder:
    """Tells the kernel which links jobs use, as they start and as links fail.

    Neglects: of an all-to-all over many nodes all but `PAIRS` pairs; in a ring another order than
    that of the nodes' numbers.

    Where all works and paths are arithmetic (`AbstractWays.plan`), a kernel finds the same links;
    without a compiler numpy's arrays are quicker.
    """

    def __init__(self, ways: AbstractWays, salt: int) -> None:
        self._whole = self._ways = ways
        self._salt = salt
        self._dead: set[int] = set()
        self._detoured: set[int] = set()
        self._broken = np.zeros(len(ways.own), np.int64)  # ends of each edge that do not work
        plan = ways.plan() if COMPILED else None
        self._paths = None if plan is None else paths_of(plan, len(ways.capacity_Bps))

    @property
    def switches(self) -> int:
        """Return how many switches can fail."""
        return len(self._whole.switches)

    @property
    def edges(self) -> I8:
        """Return the links that can fail, one of each two ways, (k,)."""
        return 2 * np.flatnonzero(self._whole.shared[0::2])

    def __call__(self, clock: Clock) -> None:
        """Tell the links of those who have started at this instant."""
        fabric = clock.state.fabric
        if self._paths is not None and not self._dead:
            while lack := kernel.route(clock.state, self._paths, self._salt):
                clock.state = clock.state.replaced(fabric=roomier(clock.state.fabric, lack))
            return
        jobs = fabric.seeks[: fabric.n[SEEKS]].tolist()
        fabric.n[SEEKS] = 0
        for job in jobs:
            self.lay(clock, job)

    def lay(self, clock: Clock, job: int) -> None:
        """Route a job's flows and tell the kernel."""
        state = clock.state
        links, use_Bps = np.zeros(0, np.int64), np.zeros(0)
        if state.fabric.spans[job]:
            links, use_Bps = self.used(state, job)
            if state.fabric.n[SPARE] < len(links):
                clock.state = state.replaced(fabric=roomier(state.fabric, len(links)))
        kernel.lay(clock.state, job, links, use_Bps, clock.now)

    def used(self, state: State, job: int) -> tuple[I8, F8]:
        """Return (link, B/s) of a running job, (k,) each: what crosses at its full speed."""
        rows = slice(state.jobs.row0[job], state.jobs.row0[job] + state.jobs.rows[job])
        node, at = np.unique(state.ledger.node[rows].astype(np.int64), return_inverse=True)
        gpus = np.bincount(at, state.ledger.gpus[rows]).astype(np.int64)
        src, dst, part = (all_to_all if state.fabric.all_to_all[job] else ring)(gpus)
        salt, nic_Bps = self._salt + job, state.fabric.gpu_Bps[node].min()
        busy: tuple[F8 | None, F8 | None] = (None, None)
        if self._ways.looks:
            busy = nic_Bps * part * state.fabric.duty[job], sent_by_others(state.fabric, job)
        try:
            flow, link, share = self._ways.routes(node[src], node[dst], salt, *busy)
        except ValueError:  # cut off: it stands still on the ways it had
            flow, link, share = self._whole.routes(node[src], node[dst], salt, *busy)
        if self._dead:
            self._detoured.add(job)
        links, which = np.unique(link, return_inverse=True)
        use = np.bincount(which, part[flow] * share, len(links))
        use_Bps = np.asarray(nic_Bps * use, np.float64)
        return links.astype(np.int64) + int(state.fabric.n[FIRST]), use_Bps

    def changed(self, clock: Clock, link: int, part: float) -> None:
        """A link carries another part of what it could: 0 makes those who cross it go round."""
        self.turn(clock, {link, link ^ 1}, part <= 0.0)

    def switch(self, clock: Clock, number: int, works: bool) -> None:
        """A switch fails or works again, and all its cables with it.

        A node keeps the part of its NICs whose cables lead to switches that work; who has none
        stands still.
        """
        edges = self._whole.switches[number]
        self._broken[edges] += -1 if works else 1
        turned = edges[self._broken[edges] == (0 if works else 1)]
        first = int(clock.state.fabric.n[FIRST])
        for link in (2 * turned).tolist():
            for one in (link, link + 1):
                kernel.set_link(clock.state, first + one, float(works))
        own = self._whole.own
        for node in np.unique(own[turned][own[turned] >= 0]).tolist():
            part = 1.0 - float((self._broken[own == node] > 0).mean())
            kernel.set_link(clock.state, node, part)
        self.turn(clock, {x for e in turned.tolist() for x in (2 * e, 2 * e + 1)}, not works)

    def turn(self, clock: Clock, both: set[int], dead: bool) -> None:
        """Links die or come back: route anew who crosses them, and who has gone round before."""
        was = len(self._dead)
        self._dead = self._dead | both if dead else self._dead - both
        if len(self._dead) == was:
            return
        gone = np.array(sorted(self._dead), np.int64)
        self._ways = self._whole.without(gone) if len(gone) else self._whole
        fabric = clock.state.fabric
        jobs, first = set(self._detoured), int(fabric.n[FIRST])
        for one in both if dead else ():
            entry = int(fabric.newest[first + one])
            while entry >= 0:
                jobs.add(int(fabric.job[entry]))
                entry = int(fabric.older[entry])
        self._detoured.clear()
        for job in sorted(jobs):
            if fabric.spans[job]:  # else it has left its nodes
                self.lay(clock, job)
