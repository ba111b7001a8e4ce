"""How far the mean field is from every phase played, on whole fabrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

import topologies
from experiments.routing import ring_jobs, used_by
from sim.kernel.flows import max_min
from sim.physics.duty import mean_field, phases
from sim.physics.parallelism import Profile

PORT_Bps, RAILS = 50e9, 8


class Case(NamedTuple):
    """A fabric and how its flows are routed."""

    name: str
    gpus: int
    oversubscription: float
    most: int  # nodes of a job
    queue_pairs: int  # 0: sprayed


CASES = (
    Case("1,024 GPUs, 4:1, sprayed", 1024, 4.0, 16, 0),
    Case("1,024 GPUs, 4:1, 8 queue pairs", 1024, 4.0, 16, 8),
    Case("2,048 GPUs, 1:1, 8 queue pairs", 2048, 1.0, 48, 8),
)
PARTS = (0.10, 0.25, 0.50)


class Row(NamedTuple):
    """What came out, jobs one by one."""

    case: Case
    part: float  # of a step in which a job communicates, alone
    played: np.ndarray  # slowdowns
    ours: np.ndarray
    always: np.ndarray  # as if all communicated all the time
    played_s: float  # CPU
    ours_s: float


def system(case: Case, seed: int) -> tuple[np.ndarray, ...]:
    """Return (capacity, first, link, weight) of jobs on the links between switches."""
    fabric = topologies.rail_optimized.arrays(
        case.gpus // RAILS, oversubscription=case.oversubscription
    )
    jobs = ring_jobs(np.random.default_rng(seed), fabric.nodes, 0.5, case.most, 1.0)
    if case.queue_pairs:
        fabric = topologies.cabled(fabric)
        routing: topologies.AbstractRouting = topologies.Ecmp(case.queue_pairs)
    else:
        fabric, routing = topologies.bundled(fabric), topologies.Spraying()
    first, link, weight = used_by(fabric, routing, jobs, RAILS, seed)
    return fabric.link_Bps, first, link, weight * PORT_Bps


def rows(seeds: int = 2, steps: float = 80.0) -> Iterator[Row]:
    """Give a row a case and part of communication; periods differ from job to job, 1 to 4 s."""
    for case in CASES:
        for part in PARTS:
            found: list[tuple[np.ndarray, ...]] = []
            cpu = np.zeros(2)
            for seed in range(seeds):
                capacity, first, link, weight = system(case, seed)
                n = len(first) - 1
                rng = np.random.default_rng(100 + seed)
                alone_s = rng.uniform(1.0, 4.0, n)
                none = np.zeros(n)
                made = Profile((1 - part) * alone_s, part * alone_s * PORT_Bps, none, none)
                flow = np.repeat(np.arange(n), np.diff(first))

                def shares(
                    on: np.ndarray,
                    capacity: np.ndarray = capacity,
                    flow: np.ndarray = flow,
                    link: np.ndarray = link,
                    weight: np.ndarray = weight,
                ) -> np.ndarray:
                    some = on[flow]
                    size = np.bincount(flow[some], minlength=len(on))
                    return max_min(capacity, np.concatenate([[0], np.cumsum(size)]), link[some],
                                   weight[some], bound_Bps=1.0)  # fmt: skip

                def step(
                    share: np.ndarray, alone_s: np.ndarray = alone_s, part: float = part
                ) -> np.ndarray:
                    return alone_s * (1.0 - part + part / share)

                began = time.process_time()
                ours = mean_field(capacity, first, link, weight, made, PORT_Bps).step_s
                between = time.process_time()
                begin_s = rng.uniform(0.0, 1.0, n) * alone_s
                played = phases(made, PORT_Bps, shares, begin_s, steps * 4.0, steps * 0.4)
                cpu += between - began, time.process_time() - between
                everyone = step(shares(np.ones(n, np.bool_)))
                found.append((played / alone_s, ours / alone_s, everyone / alone_s))
            yield Row(case, part, *(np.concatenate(x) for x in zip(*found, strict=True)),
                      cpu[1] / seeds, cpu[0] / seeds)  # fmt: skip
