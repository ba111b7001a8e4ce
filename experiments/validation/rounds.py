"""Gavel's simulator and Shockwave's cluster, whose policies deal GPUs in rounds, beside ours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from experiments.validation import jobs_of, rows, run
from experiments.validation.schedulers import Row
from sim.policies.backfill import Skip
from sim.policies.preemption import Rebuild
from sim.policies.queue import (
    Allox,
    GavelCost,
    GavelFtf,
    GavelIsolated,
    GavelMakespan,
    GavelMaxMin,
    Shockwave,
)
from sim.results import Result
from sim.state import Inventory, Pool

KINDS = {"v100": 8, "p100": 16, "k80": 24}
GAVEL_RULES = {"backfill": Skip(depth=None), "preemption": Rebuild(round_s=360.0, hold=False)}
GAVEL = {
    "max_min_fairness_perf": GavelMaxMin(),
    "max_min_fairness": GavelMaxMin(by_speed=False),
    "min_total_duration_perf": GavelMakespan(),
    "min_total_duration": GavelMakespan(by_speed=False),
    "finish_time_fairness_perf": GavelFtf(),
    "finish_time_fairness": GavelFtf(by_speed=False),
    "max_sum_throughput_perf": GavelCost(),
    "isolated": GavelIsolated(by_speed=False),
}
GAVEL_RUNS = {
    "makespan100": tuple(GAVEL),
    "maxmin96": (
        "max_min_fairness_perf", "max_min_fairness", "min_total_duration_perf",
        "finish_time_fairness_perf", "isolated",
    ),
    "synth480": ("max_min_fairness", "finish_time_fairness", "min_total_duration", "isolated"),
}  # fmt: skip
SHOCKWAVE_RULES = {
    "backfill": Skip(depth=None),
    "preemption": Rebuild(round_s=120.0, hold=False, cost_s=20.0),
}
RESET_S = 1000.0
SHOCKWAVE = {
    "max_min_fairness": GavelMaxMin(by_speed=False, reset_s=RESET_S),
    "finish_time_fairness": GavelFtf(by_speed=False, reset_s=RESET_S),
    "min_total_duration": GavelMakespan(by_speed=False, reset_s=RESET_S),
    "max_sum_throughput_perf": GavelCost(reset_s=RESET_S),
    "allox": Allox(reset_s=RESET_S),
    "shockwave": Shockwave(),
}
GAVEL_TRACES = {"makespan100": "minimize_makespan", "maxmin96": "max_min_fairness"}
Means = tuple[float, float]
"""Mean completion time and makespan, s."""


def in_steps(told: list[dict[str, str]]) -> dict[str, object]:
    """Return the columns of jobs in steps, with their speed on each kind."""
    speeds = [{kind: float(r[f"steps_per_s_{kind}"]) for kind in KINDS} for r in told]
    return {
        "job_id": [r["job_id"] for r in told],
        "submit_s": np.array([float(r["submit_s"]) for r in told]),
        "gpus": np.array([int(r["gpus"]) for r in told], np.int32),
        "work_s": np.array([float(r["total_steps"]) for r in told]),
        "gpu_types": ["|".join(f"{k}:{v!r}" for k, v in s.items() if v > 0) for s in speeds],
    }


def on_kinds(jobs: dict[str, object], each: dict[str, int], policy: object) -> Result:
    """Return a run of Gavel's rounds on one node a kind, for gangs may lie over any GPUs of it."""
    pools = Inventory(tuple(Pool(kind, 1, gpus, kind) for kind, gpus in each.items()))
    return run(jobs, cluster=pools, queue=policy, **GAVEL_RULES)


def gavel_pair(trace: str, name: str) -> tuple[Means, Means]:
    """Return ours and theirs of one trace under one policy, over the jobs that theirs ended."""
    policy = GAVEL[name]
    if trace == "synth480":
        result = run(jobs_of("peers", "traces", "synth480.csv"), 1, 64, queue=policy, **GAVEL_RULES)
    else:
        told = in_steps(rows("peers", "gavel", f"trace_{GAVEL_TRACES[trace]}.csv"))
        result = on_kinds(told, KINDS, policy)
    theirs = {r["job_id"]: r for r in rows("peers", "gavel", f"{trace}__{name}.csv") if r["jct_s"]}
    ours = [r for r in result.jobs.to_pylist() if r["job_id"] in theirs]
    return (
        (float(np.mean([r["jct_s"] for r in ours])), max(r["end_s"] for r in ours)),
        (
            float(np.mean([float(r["jct_s"]) for r in theirs.values()])),
            max(float(r["finish_s"]) for r in theirs.values()),
        ),
    )


def shockwave_pair(name: str) -> tuple[Means, Means]:
    """Return ours and the cluster's, 120 jobs on 32 GPUs under one policy.

    A job's work is the GPU time that it had in the authors' simulation of max-min fairness.
    """
    trace = rows("peers", "shockwave", "trace_tacc120.csv")
    simulated = rows("peers", "shockwave", "tacc_32gpus__max_min_fairness__simulation.csv")
    gpu_s = {r["job_id"]: float(r["gpu_time_s_all_workers"]) for r in simulated}
    jobs: dict[str, object] = {
        "job_id": [r["job_id"] for r in trace],
        "submit_s": np.array([float(r["submit_s"]) for r in trace]),
        "gpus": np.array([int(r["gpus"]) for r in trace], np.int32),
        "work_s": np.array([gpu_s[r["job_id"]] / int(r["gpus"]) for r in trace]),
    }
    result = run(jobs, 1, 32, queue=SHOCKWAVE[name], **SHOCKWAVE_RULES)
    real = rows("peers", "shockwave", f"tacc_32gpus_comparison__{name}__physical.csv")
    return (
        (float(np.mean(result.jobs.column("jct_s").to_pylist())), result.manifest["end_s"]),
        (
            float(np.mean([float(r["jct_s"]) for r in real])),
            max(float(r["finish_s"]) for r in real),
        ),
    )


def gavel() -> Iterator[Row]:
    """Give mean completion and makespan of Gavel's policies in its own simulator (OSDI 2020)."""
    for trace, names in GAVEL_RUNS.items():
        for name in names:
            ours, theirs = gavel_pair(trace, name)
            for what, i in (("mean completion, s", 0), ("makespan, s", 1)):
                yield f"gavel: {trace}, {name}", what, theirs[i], ours[i]


def shockwave() -> Iterator[Row]:
    """Give mean completion and makespan of Shockwave's 32 GPUs (NSDI 2023)."""
    for name in SHOCKWAVE:
        ours, theirs = shockwave_pair(name)
        for what, i in (("mean completion, s", 0), ("makespan, s", 1)):
            yield f"testbed: Shockwave's, {name}", what, theirs[i], ours[i]
