"""How far the mean field is from every phase played, in whole runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, final

import numpy as np
import pyarrow as pa

from experiments.routing import ring_jobs
from sim import Scenario, simulate
from sim.engine import Phases
from sim.physics.duty import mean_field
from sim.physics.parallelism import Profile
from sim.policies.placement import AbstractPlacement
from sim.policies.placement.base import F8, Nodes, Preference
from sim.rng import Streams
from sim.state import Homogeneous
from sim.study.prepare import prepared
from sim.study.simulate import run
from sim.workload import Given, SameForAll
from topologies.designs import RailOptimized

RAILS, STEPS, LONGEST_S = 8, 80.0, 4.0


class Case(NamedTuple):
    """A fabric and how its flows are routed."""

    name: str
    gpus: int
    oversubscription: float
    most: int  # nodes of a job
    queue_pairs: int  # 0: sprayed


CASES = (
    Case("1,024 GPUs, 8:1, sprayed", 1024, 8.0, 16, 0),
    Case("1,024 GPUs, 4:1, 8 queue pairs", 1024, 4.0, 16, 8),
    Case("2,048 GPUs, 1:1, 8 queue pairs", 2048, 1.0, 48, 8),
)
PARTS = (0.10, 0.25, 0.50)
WAYS = ("mean field", "with its spread", "always")
"""What is held against every phase played."""


class Row(NamedTuple):
    """What came out, jobs one by one."""

    case: Case
    part: float  # of a step in which a job communicates, alone
    played: np.ndarray  # slowdowns
    ours: dict[str, np.ndarray]  # by the way they were found
    played_s: float  # CPU, of a run
    ours_s: float


@final
@dataclass(frozen=True)
class InTurn(AbstractPlacement):
    """Jobs take nodes in an order that is given.

    Source: none, so that jobs sit where the experiment wants them. Neglects: all else.
    """

    order: tuple[int, ...]

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return each node's place in the order."""
        del nodes, jobs, rng
        return Preference(np.zeros(len(free)), np.argsort(self.order).astype(np.float64))


def scenario(case: Case, part: float, seed: int) -> Scenario:
    """Return jobs that fill a fabric from the first instant on and outlast the run.

    Their periods differ from job to job, 1 to 4 s alone.
    """
    nodes, rng = case.gpus // RAILS, np.random.default_rng(seed)
    jobs = ring_jobs(rng, nodes, 1.0, case.most, 1.0)
    rest = np.setdiff1d(np.arange(nodes), np.concatenate(jobs))
    made = pa.table({
        "job_id": [str(i) for i in range(len(jobs))],
        "submit_s": np.zeros(len(jobs)),
        "gpus": np.array([RAILS * len(job) for job in jobs], np.int32),
        "work_s": np.full(len(jobs), 1e6),
        "step_s": rng.uniform(1.0, LONGEST_S, len(jobs)),
    })  # fmt: skip
    hashed = {"routing": "ecmp", "queue_pairs": case.queue_pairs} if case.queue_pairs else {}
    return Scenario(
        Homogeneous(nodes=nodes), Given(made), comm=SameForAll(part),
        fabric=RailOptimized(oversubscription=case.oversubscription, **hashed),
        placement=InTurn((*np.concatenate(jobs).tolist(), *rest.tolist())),
        horizon_s=STEPS * LONGEST_S,
    )  # fmt: skip


def slowdowns(asked: Scenario, seed: int) -> tuple[np.ndarray, float]:
    """Return how many times longer than alone each job took, (jobs,), and the CPU time."""
    began = time.process_time()
    jobs = simulate(asked, seed).jobs
    spent_s = time.process_time() - began
    took, lost = (jobs.column(name).to_numpy() for name in ("network_s", "network_lost_s"))
    return took / (took - lost), spent_s


def with_spread(asked: Scenario, part: float, seed: int) -> np.ndarray:
    """Return the same by the formula that minds how many communicate at once, (jobs,).

    On the links that a run has found.
    """
    streams, inventory = Streams(seed), asked.cluster.inventory()
    request = asked.workload.request(streams, inventory.gpus).jobs
    state = prepared(asked, inventory, request, streams)
    f = run(replace(asked, horizon_s=1.0), state, streams)[0].fabric
    uses: list[list[int]] = [[] for _ in f.first]
    for job, e in enumerate(f.first.tolist()):
        while e >= 0:
            uses[job].append(e)
            e = int(f.next[e])
    entries = np.concatenate([np.array(mine, np.int64) for mine in uses])
    first = np.cumsum([0, *map(len, uses)])
    none = np.zeros(len(uses))
    profile = Profile(none + 1.0 - part, none + part, none, none)
    found = mean_field(f.capacity_Bps, first, f.link[entries], f.use_Bps[entries], profile, 1.0)
    return found.step_s


def rows(seeds: int = 2) -> Iterator[Row]:
    """Give a row a case and part of communication."""
    simulate(replace(scenario(CASES[0], 0.5, 0), processes=(Phases(),), horizon_s=1.0))  # compiled
    for case in CASES:
        for part in PARTS:
            found: dict[str, list[np.ndarray]] = {name: [] for name in ("played", *WAYS)}
            cpu = np.zeros(2)
            for seed in range(seeds):
                asked = scenario(case, part, seed)
                played, played_s = slowdowns(replace(asked, processes=(Phases(),)), seed)
                ours, ours_s = slowdowns(asked, seed)
                all_on, _ = slowdowns(replace(asked, comm=SameForAll(1.0)), seed)
                cpu += played_s, ours_s
                for name, x in zip(found, (played, ours, with_spread(asked, part, seed),
                                           1.0 - part + part * all_on), strict=True):  # fmt: skip
                    found[name].append(x)
            whole = {name: np.concatenate(x) for name, x in found.items()}
            yield Row(case, part, whole.pop("played"), whole, *(cpu / seeds))
