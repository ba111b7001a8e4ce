"""The cases of the benchmark; each runs in a process of its own and prints one JSON line."""

from __future__ import annotations

import heapq
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.speed.load import columns
from experiments.speed.serving import BESIDE, SCALED, SEARCH, SERVING, WRITTEN, serving
from sim.engine import Failures
from sim.policies.backfill import Easy, NoBackfill
from sim.policies.elastic import EqualShares, Goodput, Marginal
from sim.policies.placement import Fgd
from sim.policies.preemption import Rebuild, Reclaim
from sim.policies.queue import AbstractQueuePolicy, Fifo, JobView, Las, Multifactor, Tiresias
from sim.policies.quota import Kueue, SlurmLimits
from sim.rng import Streams
from sim.state import Homogeneous
from sim.study import Scenario, simulate
from sim.study.prepare import prepared
from sim.study.simulate import run
from sim.workload import Given, MakeElastic, NodeList, SameForAll, Trace
from topologies.designs import (
    DragonflyPlus,
    FatTree,
    HyperX,
    LeafSpine,
    MultiPlane,
    RailOptimized,
    Torus,
)

REPEATS = 3


def peak_MB() -> float:  # noqa: N802 (a unit)
    """Return the most memory this process ever held, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass(frozen=True)
class AskAlways(AbstractQueuePolicy):
    """A user's own policy in Python, asked before every pass: least GPU-seconds, ageing."""

    refresh_s: float = 0.0

    def key(self, jobs: JobView, now_s: Any) -> Any:
        """Return GPU-seconds less what waiting earns, (k,)."""
        return jobs.gpus * jobs.walltime_s - 8.0 * (now_s - jobs.enter_s)


def with_tenants(made: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns with one of 20 tenants for each job."""
    many = len(made["gpus"])
    names = np.array([f"t{i:02d}" for i in range(20)])
    return made | {"tenant": names[np.random.default_rng(3).integers(0, 20, many)]}


def cohorts(**knobs: Any) -> Kueue:
    """Return 20 queues of 400 GPUs in 4 cohorts."""
    queues = {f"q{i:02d}": {"cohort": f"c{i % 4}", "gpus": 400, "tenants": [f"t{i:02d}"]}
              for i in range(20)}  # fmt: skip
    named = {f"c{i}": {} for i in range(4)}
    return Kueue(queues=queues, cohorts=named, partial_admission=False, **knobs)


def limits() -> SlurmLimits:
    """Return 20 associations of at most 500 GPUs in 4 accounts of at most 2162."""
    own = {f"q{i:02d}": {"account": f"c{i % 4}", "gpus": 500, "tenants": [f"t{i:02d}"]}
           for i in range(20)}  # fmt: skip
    return SlurmLimits(associations=own, accounts={f"c{i}": {"gpus": 2162} for i in range(4)})


RINGS = SameForAll(0.25, 0.0, "ring")


def on_fabric(oversubscription: float, pattern: str) -> Scenario:
    """Return leaves of 32 nodes under 16 spines, every gang sending a quarter of its time."""
    return Scenario(
        fabric=LeafSpine(32, 16, oversubscription=oversubscription),
        comm=SameForAll(0.25, 0.0, pattern),
    )


CALM = "2048 nodes, load 0.7"
"""Without a fabric; what cases by `crossing` are compared with."""


def crossing() -> dict[str, tuple[int, float, Scenario]]:
    """Return rings over each kind of fabric on 2048 nodes, at a load that slowed jobs leave calm.

    Where jobs are slowed until a queue grows, scheduling costs more than all links.
    """
    fabrics = {
        "8 planes, sprayed": MultiPlane(),
        "a fat tree, 1 queue pair hashed": FatTree(routing="ecmp"),
        "a HyperX": HyperX(),
        "a torus": Torus(),
        "a dragonfly+, 2 links between groups": DragonflyPlus(parallel=2),
        "a dragonfly+, 1 link between groups": DragonflyPlus(parallel=1),
        "rails, 4 queue pairs hashed": RailOptimized(routing="ecmp", queue_pairs=4),
        "rails, 1 queue pair hashed": RailOptimized(routing="ecmp"),
        "rails, adaptive": RailOptimized(routing="adaptive"),
    }
    told = {
        f"2048 nodes on {name}, rings, load 0.7": Scenario(fabric=fabric, comm=RINGS)
        for name, fabric in fabrics.items()
    }
    return {name: (2048, 0.7, one) for name, one in ({CALM: Scenario()} | told).items()}


def lane(jobs: int, nodes: int, load: float, scenario: Scenario, horizon: bool = False) -> dict:
    """Return jobs and decisions per CPU-second of the simulation itself, median of runs."""
    elastic = MakeElastic(0.5, 2.0)  # only acted on where the scenario's `elastic` does
    table, small = (
        elastic.apply(
            pa.table(with_tenants(columns(many, gpus, load))), np.random.default_rng(), gpus
        )
        for many, gpus in ((jobs, nodes * 8), (2000, 512))
    )
    rates = []
    warm = Homogeneous(nodes=64).inventory()  # whole groups of any fabric
    run(scenario, prepared(scenario, warm, small, Streams(1)), Streams(1), None)
    inventory = Homogeneous(nodes=nodes).inventory()
    for _ in range(REPEATS):
        state = prepared(scenario, inventory, table, Streams(1))
        began = time.process_time()
        state, *_ = run(scenario, state, Streams(1), None)
        rates.append((time.process_time() - began, int((state.jobs.state >= 3).sum())))
    cpu_s, done = sorted(rates)[len(rates) // 2]
    wait_s = float(np.nanmean(state.jobs.start_s - state.jobs.submit_s))
    rows, ran_s = int(state.ledger.n[0]), float(state.fabric.ran_s.sum())
    lost = float(state.fabric.lost_s.sum()) / ran_s if ran_s > 0.0 else 0.0
    return {"jobs": jobs, "per_cpu_s": done / cpu_s, "wait_s": wait_s, "rows": rows,
            "lost_frac": lost, "restarts": int(state.jobs.restarts.sum())}  # fmt: skip


def filled(jobs: int) -> dict:
    """Return the rate of OpenB's arrivals scored by FGD, each tried once; median of runs."""
    arrivals = Trace(path="openb_arrivals_seed42.parquet")
    scenario = Scenario(cluster=NodeList("openb_nodes_seed42.parquet"), workload=arrivals,
                        backfill=NoBackfill(), placement=Fgd(history=8152),
                        horizon_s=10866.0)  # fmt: skip
    inventory = scenario.cluster.inventory()
    table = arrivals.request(Streams(1), inventory.gpus).jobs.slice(0, jobs)
    times = []
    for _ in range(REPEATS + 1):  # the first compiles
        state = prepared(scenario, inventory, table, Streams(1))
        began = time.process_time()
        state, *_ = run(scenario, state, Streams(1), None)
        times.append(time.process_time() - began)
    cpu_s = sorted(times[1:])[REPEATS // 2]
    started = int((~np.isnan(state.jobs.start_s)).sum())
    return {"jobs": table.num_rows, "per_cpu_s": table.num_rows / cpu_s, "cpu_s": cpu_s,
            "started": started}  # fmt: skip


def heap(jobs: int) -> dict:
    """Return the rate of a bare heapq loop over the same arrivals and ends, nothing placed."""
    made = columns(jobs, 8000, 0.9)
    submit, work = made["submit_s"].tolist(), made["work_s"].tolist()
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        agenda = [(submit[0], 0, 0)]
        while agenda:
            now, what, job = heapq.heappop(agenda)
            if what == 0:
                heapq.heappush(agenda, (now + work[job], 1, job))
                if job + 1 < jobs:
                    heapq.heappush(agenda, (submit[job + 1], 0, job + 1))
        times.append(time.process_time() - began)
    return {"jobs": jobs, "per_cpu_s": jobs / sorted(times)[len(times) // 2]}


def whole(jobs: int, nodes: int) -> dict:
    """Return the rate from reading a Parquet trace to written results, and the peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.parquet"
        pq.write_table(pa.table(columns(jobs, nodes * 8, 0.9)), path)
        scenario = Scenario(cluster=Homogeneous(nodes=nodes), workload=Trace(path=str(path)))
        simulate(Scenario(cluster=Homogeneous(nodes=10), workload=Given(columns(2000, 80, 0.9))))
        began = time.process_time()
        simulate(scenario).write(Path(folder) / "run")
        cpu_s = time.process_time() - began
    return {"jobs": jobs, "per_cpu_s": jobs / cpu_s, "peak_MB": peak_MB()}


def told(jobs: int, nodes: int, load: float, scenario: Scenario) -> float:
    """Return the CPU seconds from jobs to written results, the median of runs."""
    times = []
    for many in [2000] + [jobs] * REPEATS:  # the first compiles
        asked = replace(scenario, cluster=Homogeneous(nodes=nodes),
                        workload=Given(columns(many, nodes * 8, load)))  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            began = time.process_time()
            simulate(asked).write(Path(folder) / "run")
            times.append(time.process_time() - began)
    return sorted(times[1:])[REPEATS // 2]


def case(name: str, jobs: int) -> dict:
    """Run one case by name."""
    lanes = crossing() | {
        "100 nodes, load 0.9": (100, 0.9, Scenario()),
        "1000 nodes, load 0.9": (1000, 0.9, Scenario()),
        "1000 nodes, load 0.9, no backfill": (1000, 0.9, Scenario(backfill=NoBackfill())),
        "1000 nodes, load 0.9, EASY by counts": (1000, 0.9, Scenario(backfill=Easy("counts"))),
        "12500 nodes, load 0.9": (12500, 0.9, Scenario()),
        "100 nodes, load 1.1": (100, 1.1, Scenario()),
        "1000 nodes, load 1.1": (1000, 1.1, Scenario()),
        "12500 nodes, load 1.1": (12500, 1.1, Scenario()),
        "1000 nodes that fail and are repaired": (
            1000, 0.9, Scenario(processes=(Failures(mtbf_s=30 * 86400.0, repair_s=3600.0),)),
        ),
        "Tiresias with preemption, asked each minute": (
            1000, 0.9, Scenario(queue=Tiresias(refresh_s=60.0), preemption=Rebuild()),
        ),
        "Tiresias with preemption, load 1.05": (
            1000, 1.05, Scenario(queue=Tiresias(refresh_s=60.0), preemption=Rebuild()),
        ),
        "least attained service with preemption, asked each minute": (
            1000, 0.9, Scenario(queue=Las(refresh_s=60.0), preemption=Rebuild()),
        ),
        "starved jobs rise in Tiresias, asked each minute": (
            1000, 0.9,
            Scenario(queue=Tiresias(refresh_s=60.0, starve_limit=8.0), preemption=Rebuild()),
        ),
        "least attained service with preemption, load 1.05": (
            1000, 1.05, Scenario(queue=Las(refresh_s=60.0), preemption=Rebuild()),
        ),
        "Slurm's multifactor with fair tree, load 0.9": (1000, 0.9, Scenario(queue=Multifactor())),
        "Slurm's multifactor with fair tree, load 1.05": (
            1000, 1.05, Scenario(queue=Multifactor()),
        ),
        "elastic jobs in equal shares, each minute": (1000, 0.9, Scenario(elastic=EqualShares())),
        "elastic jobs by marginal gain, each minute": (1000, 0.9, Scenario(elastic=Marginal())),
        "elastic jobs by fair goodput, each minute": (1000, 0.9, Scenario(elastic=Goodput())),
        "20 queues in 4 cohorts, load 0.9": (1000, 0.9, Scenario(quota=cohorts())),
        "20 queues in 4 cohorts, load 1.05": (1000, 1.05, Scenario(quota=cohorts())),
        "20 queues that take back, load 1.05": (
            1000, 1.05, Scenario(quota=cohorts(reclaim_within_cohort="Any"),
                                 preemption=Reclaim()),
        ),
        "20 queues that share fairly and take back, load 1.05": (
            1000, 1.05, Scenario(quota=cohorts(reclaim_within_cohort="Any", fair_sharing=True),
                                 preemption=Reclaim()),
        ),
        "2048 nodes, load 0.9": (2048, 0.9, Scenario()),
        "2048 nodes on a fabric, 1 to 1": (2048, 0.9, on_fabric(1.0, "ring")),
        "2048 nodes on a fabric, rings, 4 to 1": (2048, 0.9, on_fabric(4.0, "ring")),
        "2048 nodes on a fabric, all to all, 4 to 1": (2048, 0.9, on_fabric(4.0, "all_to_all")),
        "2048 nodes on a torus, rings": (2048, 0.9, Scenario(fabric=Torus(), comm=RINGS)),
        "2048 nodes on rails, 1 queue pair hashed, rings": (
            2048, 0.9, Scenario(fabric=RailOptimized(routing="ecmp"), comm=RINGS),
        ),
        "20 associations with limits, load 1.05": (1000, 1.05, Scenario(quota=limits())),
        "a Python policy asked at every pass": (1000, 0.9, Scenario(queue=AskAlways())),
    }  # fmt: skip
    if name == "heapq":
        return heap(jobs)
    if name == "OpenB on 1213 nodes, FGD":
        return filled(jobs)
    if name in SERVING or name in SCALED or name in (SEARCH, BESIDE):
        return serving(name, jobs)
    if name in WRITTEN:
        return serving(name, jobs) | {"peak_MB": peak_MB()}
    if name == "whole":
        return whole(jobs, 1000)
    made = lane(jobs, *lanes[name])
    return made | {"told_s": told(jobs, *lanes[name])} if name in crossing() else made


def main() -> None:
    """Run the case named on the command line and print what it gave."""
    assert Fifo  # the default queue of a Scenario
    print(json.dumps(case(sys.argv[1], int(sys.argv[2]))))


if __name__ == "__main__":
    main()
