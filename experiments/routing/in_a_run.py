"""The same question to a whole run: jobs that come and go, routed as they start."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sim import Scenario, simulate
from sim.policies.backfill import Skip
from sim.policies.placement import AbstractPlacement
from sim.state import Homogeneous
from sim.workload import Given, SameForAll
from topologies.designs import RailOptimized


def jobs_of(jobs: int, nodes: int, load: float, seed: int = 1) -> pa.Table:
    """Return jobs of 2 to 64 nodes, log-uniform, about an hour long, that offer such a load."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.uniform(np.log(2), np.log(65), jobs)).astype(np.int64)
    work_s = rng.lognormal(np.log(3600.0), 0.5, jobs)
    gap_s = (size * work_s).mean() / nodes / load
    return pa.table({
        "job_id": np.arange(jobs).astype(str),
        "submit_s": np.cumsum(rng.exponential(gap_s, jobs)),
        "gpus": (8 * size).astype(np.int32),
        "work_s": work_s,
        "walltime_s": work_s,
    })  # fmt: skip


def slowdown(queue_pairs: int, placement: AbstractPlacement, jobs: int = 300) -> float:
    """Return how many times longer jobs took than alone, the mean over jobs.

    Rings over 512 nodes of 8 GPUs on rails, three tiers, nothing oversubscribed; all send all the
    time, offered 1.2 times what there is.
    """
    scenario = Scenario(
        Homogeneous(nodes=512),
        Given(jobs_of(jobs, 512, 1.2)),
        fabric=RailOptimized(routing="ecmp", queue_pairs=queue_pairs),
        comm=SameForAll(1.0, 0.0, "ring"),
        placement=placement,
        backfill=Skip(),
    )
    return float(simulate(scenario).metrics["network"]["slowdown"]["mean"])
