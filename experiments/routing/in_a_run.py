"""The same question to a whole run: jobs that come and go, routed as they start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import simpy

from sim import Scenario, simulate
from sim.engine import AbstractProcess, Clock, Cluster
from sim.policies.backfill import Skip
from sim.policies.placement import AbstractPlacement
from sim.rng import Streams
from sim.state import Homogeneous
from sim.state.joins import AbstractFabric
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


@dataclass(frozen=True)
class DealtAnew(AbstractProcess):
    """Lets everybody choose ports anew now and then: as flows do that pause between bursts."""

    every_s: float

    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Route all who run, one by one, each past what the others send then."""
        del cluster, streams
        finder = clock.finder
        assert finder is not None

        def life() -> Iterator[simpy.Event]:
            while True:
                yield clock.timeout(self.every_s)
                spans = clock.state.fabric.spans[: len(clock.state.fabric.ran_s)]
                for job in np.flatnonzero(spans).tolist():
                    finder.lay(clock, job)

        clock.process(life())


def slowdown_on(
    fabric: AbstractFabric,
    placement: AbstractPlacement,
    jobs: int,
    load: float,
    duty: float,
    processes: tuple[AbstractProcess, ...] = (),
    seed: int = 1,
) -> float:
    """Return how many times longer jobs took than alone, the mean over jobs.

    Rings over 512 nodes of 8 GPUs, which send for a part `duty` of their time alone and are offered
    `load` times what there is.
    """
    scenario = Scenario(
        Homogeneous(nodes=512),
        Given(jobs_of(jobs, 512, load, seed)),
        fabric=fabric,
        comm=SameForAll(duty, 0.0, "ring"),
        placement=placement,
        backfill=Skip(),
        processes=processes,
    )
    return float(simulate(scenario).metrics["network"]["slowdown"]["mean"])


def slowdown(queue_pairs: int, placement: AbstractPlacement, jobs: int = 300) -> float:
    """Return the same on rails, three tiers, nothing oversubscribed, paths hashed.

    All send all the time, offered 1.2 times what there is.
    """
    fabric = RailOptimized(routing="ecmp", queue_pairs=queue_pairs)
    return slowdown_on(fabric, placement, jobs, 1.2, 1.0)
