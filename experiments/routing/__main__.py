"""`python -m experiments.routing`: write docs/routing.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

import topologies
from experiments.routing import ring_jobs, slowdowns
from experiments.routing.in_a_run import DealtAnew, slowdown, slowdown_on
from sim.files import write
from sim.kernel.flows import finish_times
from sim.policies.placement import Pack, Random
from topologies import AbstractRouting, Adaptive, Ecmp, Spraying
from topologies.designs import FatTree, LeafSpine, RailOptimized

STUDY = {1: 3.90, 2: 2.68, 4: 2.10, 8: 1.63, 16: 1.28, 32: 1.10}
PACKETS: dict[str, tuple[AbstractRouting, str]] = {
    "hashed by flow": (Ecmp(), "2.65 (RoCE), 2.33 (NDP)"),
    "adaptive": (Adaptive(), "2.1 to 2.2 (RoCE)"),
    "sprayed": (Spraying(), "1.09 (EQDS)"),
}
HEAD = """# What the choice of paths costs

Made by `python -m experiments.routing`. Nothing here is oversubscribed: all that is lost is lost to
flows that meet although there is room beside them.

## Jobs on 4,096 GPUs

Rings of 2 to 64 nodes on a rail-optimised Clos of three tiers, 95 % full, 40 % of the nodes
shuffled; a job goes at the pace of its slowest flow; max-min over real routes, cable by cable, four
draws of jobs. The study beside it is a prototype's, which did not say how many nodes it shuffled:
of 30, 40 and 50 %, 40 comes nearest.

| paths | slowdown, mean over jobs | study |
|---|---:|---:|
"""
RUN = """
## In a run

The same fabric and rings in a whole simulation: 300 jobs come, wait, start where the placement puts
them and are routed then. Scattered at random they fare as in the study; packed side by side they
are spared half of it and more.

| queue pairs | placed at random | packed | study |
|---|---:|---:|---:|
"""
LOOKS = """
## Who looks at the ports

An adaptive switch sends a flow up the port with the least load when its job starts: the load of all
who run (`topologies.Adaptive`). 400 jobs as above, placed at random, offered 0.9 of what there is,
on three fabrics that block nobody; all the time, and for a quarter of their time. What is left to
it is lost on the way down, which the way up decides: a switch sees its own ports only. So to
choose again is of little use: with all running jobs dealt anew every five minutes, as flows may
that pause between bursts, jobs are 1 % faster in the mean over five draws of them, single draws
between 3 % faster and 2 % slower. To spread a flow is: over queue pairs or, packet by packet,
sprayed. On rails hashes tell the cables of a bundle apart; the others share it fairly.

| slowdown, mean | rails | a quarter | fat tree | a quarter | leaf-spine | a quarter |
|---|---:|---:|---:|---:|---:|---:|
"""
SECOND = """
## Permutations on 128 nodes

A fat tree, k = 8, 100 Gbit/s; everybody sends 20 MB to somebody; mean time over the ideal one, 20
permutations. Packets: htsim (Broadcom/csg-htsim), which also pays for headers and control.
NDP over many paths takes 1.72 there; how it drops packets and sends them again is not modelled, and
ours, 1.00, is that of a transport that loses nothing.

| paths | flows | packets |
|---|---:|---:|
"""


def jobs_on_gpus(draws: int = 4) -> Iterator[str]:
    """Give a row a routing."""
    bundles = topologies.rail_optimized.arrays(512)
    cables = topologies.cabled(bundles)
    jobs = [ring_jobs(np.random.default_rng(seed), 512, 0.4, 64) for seed in range(draws)]
    asked: list[tuple[str, topologies.Fabric, AbstractRouting, str]] = [
        (f"hashed, {pairs} queue pairs", cables, Ecmp(pairs), f"{theirs:.2f}")
        for pairs, theirs in STUDY.items()
    ]
    asked += [("adaptive", bundles, Adaptive(), ""), ("sprayed", bundles, Spraying(), "1.00")]
    for name, fabric, routing, theirs in asked:
        slow = [
            slowdowns(fabric, routing, some, 8, 50e9, seed).mean() for seed, some in enumerate(jobs)
        ]
        yield f"| {name} | {np.mean(slow):.2f} | {theirs} |"


def in_runs() -> Iterator[str]:
    """Give a row a number of queue pairs."""
    for pairs, theirs in STUDY.items():
        random, packed = (slowdown(pairs, place) for place in (Random(), Pack()))
        yield f"| {pairs} | {random:.2f} | {packed:.2f} | {theirs:.2f} |"


def who_looks() -> Iterator[str]:
    """Give a row a way to choose paths."""
    anew = (DealtAnew(300.0),)
    asked: list[tuple[str, str, int, tuple[DealtAnew, ...]]] = [
        ("hashed, 1 queue pair", "ecmp", 1, ()),
        ("adaptive, 1 queue pair", "adaptive", 1, ()),
        ("adaptive, dealt anew", "adaptive", 1, anew),
        ("hashed, 4 queue pairs", "ecmp", 4, ()),
        ("adaptive, 4 queue pairs", "adaptive", 4, ()),
        ("hashed, 16 queue pairs", "ecmp", 16, ()),
        ("adaptive, 16 queue pairs", "adaptive", 16, ()),
        ("sprayed", "spraying", 1, ()),
    ]
    for name, routing, pairs, more in asked:
        fabrics = (
            RailOptimized(routing=routing, queue_pairs=pairs),
            FatTree(routing=routing, queue_pairs=pairs),
            LeafSpine(32, 32, routing=routing, queue_pairs=pairs),
        )
        found = [
            slowdown_on(fabric, Random(), 400, 0.9, duty, more)
            for fabric in fabrics
            for duty in (1.0, 0.25)
        ]
        yield f"| {name} | " + " | ".join(f"{x:.2f}" for x in found) + " |"


def permutations(draws: int = 20) -> Iterator[str]:
    """Give a row a routing."""
    fabric = topologies.fat_tree.arrays(8, link_Bps=12.5e9)
    src, size = np.arange(128), np.full(128, 20e6)
    for name, (routing, theirs) in PACKETS.items():
        took = []
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            dst = rng.permutation(128)
            while (dst == src).any():  # nobody sends to itself
                dst = rng.permutation(128)
            r = routing.routes(fabric, src, dst, salt=seed)
            done = finish_times(fabric.link_Bps, r.start, r.link, src * 0.0, size, weight=r.weight)
            took.append(done.mean() * 12.5e9 / 20e6)
        yield f"| {name} | {np.mean(took):.2f} | {theirs} |"


def main() -> None:
    """Print the tables and write them."""
    parts = [HEAD]
    for head, table in (
        ("", jobs_on_gpus()),
        (RUN, in_runs()),
        (LOOKS, who_looks()),
        (SECOND, permutations()),
    ):
        parts.append(head)
        for row in table:
            print(row, flush=True)
            parts.append(row + "\n")
    write(Path("docs") / "routing.md", "".join(parts))


if __name__ == "__main__":
    main()
