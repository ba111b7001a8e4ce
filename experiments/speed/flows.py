"""How fast links are shared: `python -m experiments.speed.flows` prints a table as Markdown.

CPU time, the least of several, of compiled kernels and what Python does about them. Where SimGrid
is installed its solver gets the same systems in the same run, its set-up left out, and its rates
must be ours within 1e-9. Else its times are those of another day, on the same kind of processor,
for the same sort of traffic: random pairs on rail-optimised Clos fabrics, one path each by hash.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.speed.simgrid import program, simgrid
from sim.kernel.flows import Sharing, finish_times, max_min

RAILS, UNIT, PER_POD = 8, 32, 4  # GPUs a node, nodes a unit, units a pod
PORT_Bps = 50e9


@dataclass(frozen=True)
class Clos:
    """A rail-optimised Clos: a leaf a rail and unit, `up` spines a pod, as many cores a spine."""

    gpus: int
    up: int = UNIT  # uplinks a leaf; fewer than UNIT: oversubscribed

    def capacities(self) -> np.ndarray:
        """Return the capacity of each link: up, then down, of GPUs, leaves, spines."""
        return np.full(2 * (self.gpus + self.leaves * self.up + self.spine_links), PORT_Bps)

    @property
    def leaves(self) -> int:
        """Return how many leaves."""
        return self.gpus // UNIT

    @property
    def spine_links(self) -> int:
        """Return how many cables go from spines to cores: as many as come from leaves."""
        return self.leaves * self.up

    def leaf(self, gpu: np.ndarray) -> np.ndarray:
        """Return the leaf of each GPU, the leaves of a unit side by side."""
        return gpu // (RAILS * UNIT) * RAILS + gpu % RAILS

    def paths(self, rng: np.random.Generator, a: np.ndarray, b: np.ndarray) -> tuple:
        """Return (first, link) of one random shortest path a pair."""
        tier = self.leaves * self.up
        la, lb = self.leaf(a), self.leaf(b)
        pa, pb = la // (RAILS * PER_POD), lb // (RAILS * PER_POD)
        spine = rng.integers(0, self.up, len(a))
        ports = RAILS * PER_POD
        wide = np.full((len(a), 6), -1)
        wide[:, 0], wide[:, 5] = a, self.gpus + b
        base = 2 * self.gpus
        out = la != lb
        wide[out, 1] = (base + la * self.up + spine)[out]
        wide[out, 4] = (base + tier + lb * self.up + spine)[out]
        far = pa != pb
        base += 2 * tier
        for column, pod in ((2, pa), (3, pb)):
            port = rng.integers(0, ports, len(a))
            at = base + (column - 2) * tier + (pod * self.up + spine) * ports + port
            wide[far, column] = at[far]
        crosses = wide >= 0
        first = np.concatenate([[0], np.cumsum(crosses.sum(1))])
        return first, wide[crosses].astype(np.int32)

    def ring(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs of GPUs: each sends to its like in another node, half of them far away."""
        node = np.arange(self.gpus // RAILS)
        some = rng.permutation(node)[: len(node) // 2]
        node[np.sort(some)] = some
        rail = np.arange(RAILS)
        pairs = [(n[:, None] * RAILS + rail).ravel() for n in (node, np.roll(node, -1))]
        return pairs[0], pairs[1]

    def random(self, rng: np.random.Generator, flows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return random pairs."""
        return rng.integers(0, self.gpus, flows), rng.integers(0, self.gpus, flows)


def cpu_s(function: Callable[[], Any], repeats: int) -> float:
    """Return the least CPU time of several calls after one that compiles."""
    function()
    best = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        function()
        best = min(best, time.process_time() - began)
    return best


def beside(capacity: np.ndarray, first: np.ndarray, link: np.ndarray, repeats: int) -> float:
    """Return the least CPU seconds of SimGrid's solves of the same system; its rates are ours."""
    took = [simgrid(capacity, first, link) for _ in range(repeats)]
    np.testing.assert_allclose(max_min(capacity, first, link), took[0][1], rtol=1e-9)
    return min(seconds for seconds, _ in took)


def static(gpus: int, flows: int, up: int, ring: bool, simgrid_ms: float) -> str:
    """Return a row of all flows at once."""
    rng, fabric = np.random.default_rng(7), Clos(gpus, up)
    a, b = fabric.ring(rng) if ring else fabric.random(rng, flows)
    a, b = a[:flows], b[:flows]
    capacity = fabric.capacities()
    first, link = fabric.paths(rng, a, b)
    repeats = 20 if flows <= 10_000 else 5
    ms = 1e3 * cpu_s(lambda: max_min(capacity, first, link), repeats)
    if program() is not None:
        simgrid_ms = 1e3 * beside(capacity, first, link, repeats if flows <= 10_000 else 1)
    what = f"{len(a):,} {'ring' if ring else 'random'} flows, {gpus:,} GPUs, {UNIT // up}:1"
    return f"| {what} | {ms:.3f} ms | {simgrid_ms:.3g} ms | {simgrid_ms / ms:,.1f} |"


def dynamic(gpus: int, flows: int, simgrid_s: float) -> str:
    """Return a row of random flows with log-normal sizes, which all start at once."""
    rng, fabric = np.random.default_rng(8), Clos(gpus)
    first, link = fabric.paths(rng, *fabric.random(rng, flows))
    size = rng.lognormal(np.log(1e8), 1.0, flows)
    capacity, start = fabric.capacities(), np.zeros(flows)
    took = cpu_s(lambda: finish_times(capacity, first, link, start, size), 3)
    what = f"{flows:,} random flows until all have ended, {gpus:,} GPUs"
    return f"| {what} | {took:.3f} s | {simgrid_s:g} s, another day | {simgrid_s / took:,.0f} |"


def sprayed(gpus: int, oversubscribed: int, most: int, events: int = 200) -> str:
    """Return a row of jobs that come and go on a fabric which sprays: a bundle a leaf and pod."""
    rng, fabric = np.random.default_rng(9), Clos(gpus)
    nodes, leaves = gpus // RAILS, fabric.leaves
    pods = -(-leaves // (RAILS * PER_POD))
    wide = PORT_Bps * UNIT / oversubscribed
    capacity = np.concatenate([
        np.full(2 * gpus, PORT_Bps), np.full(2 * leaves, wide),
        np.full(2 * pods, wide * RAILS * PER_POD),
    ])  # fmt: skip
    order = np.arange(nodes)
    some = rng.permutation(nodes)[: nodes // 2]
    order[np.sort(some)] = some
    rail, jobs, used = np.arange(RAILS), [], 0
    while used < nodes - 1:
        n = min(int(np.exp(rng.uniform(np.log(2), np.log(most + 1)))), nodes - used)
        if n < 2:
            break
        ours = order[used : used + n]
        used += n
        a = (ours[:, None] * RAILS + rail).ravel()
        b = (np.roll(ours, -1)[:, None] * RAILS + rail).ravel()
        la, lb = fabric.leaf(a), fabric.leaf(b)
        pa, pb = la // (RAILS * PER_POD), lb // (RAILS * PER_POD)
        out, far, base = la != lb, pa != pb, 2 * gpus
        ids = [a, gpus + b, base + la[out], base + leaves + lb[out]]
        ids += [base + 2 * leaves + pa[far], base + 2 * leaves + pods + pb[far]]
        jobs.append(np.unique(np.concatenate(ids), return_counts=True))
    sharing = Sharing(capacity)
    for i, (link, weight) in enumerate(jobs):
        sharing.add(i, link, weight)
    sharing.drop(0)  # compiles
    sharing.add(0, *jobs[0])
    times = []
    for i in rng.integers(0, len(jobs), events):
        began = time.process_time()
        sharing.drop(int(i))
        middle = time.process_time()
        sharing.add(int(i), *jobs[i])
        times += [middle - began, time.process_time() - middle]
    ms = 1e3 * np.array(times)
    entries = sum(len(link) for link, _ in jobs)
    what = f"{len(jobs)} jobs, {entries:,} entries, {gpus:,} GPUs sprayed, {oversubscribed}:1"
    return f"| {what}, an event | {ms.mean():.3f} ms, worst {ms.max():.3f} | | |"


def main() -> None:
    """Measure and print the rows."""
    here = "in this run" if program() is not None else "another day; it is not installed"
    print(f"| sharing of links | CPU time | SimGrid's, {here} | times faster |\n|---|---|---|---|")
    print(static(1024, 1000, 8, True, 0.32), flush=True)
    print(static(1024, 1000, 32, True, 0.11), flush=True)
    print(static(4096, 10_000, 32, False, 41.4), flush=True)
    print(static(16_384, 10_000, 8, False, 53.0), flush=True)
    print(static(16_384, 100_000, 32, False, 9_700.0), flush=True)
    print(static(16_384, 100_000, 8, False, 1_150.0), flush=True)
    print(static(98_304, 98_304, 32, True, 650.0), flush=True)
    print(static(98_304, 98_304, 8, True, 39_700.0), flush=True)
    print(dynamic(4096, 10_000, 375.9), flush=True)
    cases = ((16_384, 1, 256), (16_384, 4, 256), (98_304, 1, 1500), (98_304, 4, 64))
    for gpus, oversubscribed, most in cases:
        print(sprayed(gpus, oversubscribed, most), flush=True)


if __name__ == "__main__":
    main()
