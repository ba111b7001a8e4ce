"""Schedules of other simulators, of a real Slurm, and of a real cluster, beside ours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from experiments.validation import jobs_of, rows, run
from sim.policies.backfill import Conservative, Easy, NoBackfill, Skip, Slurm
from sim.policies.placement import Consecutive
from sim.policies.preemption import Rebuild, Tail
from sim.policies.queue import Fifo, Las, Sjf, Smallest, Srtf, Themis, Tiresias

GPUS = {"synth480": 64, "philly_103959": 24, "ef06": 128}
ANY = Skip(depth=None)
PREEMPTIVE = {
    "shortest": Srtf(),
    "shortest-gpu": Srtf(by_gpus=True),
    "sjf": Smallest(),
    "dlas": Tiresias(by_gpus=False),
    "dlas-gpu": Tiresias(late_timer=True),
}
TESTBED = {
    "SRSF": Srtf(by_gpus=True),
    "SRTF": Srtf(),
    "tiresias": Tiresias(),
    "themis": Themis(refresh_s=0.0),
}
SLURM = {"interval_s": 1.0, "resolution_s": 1.0, "window_s": 86400.0}
SLURMS = {
    "fcfs_2205": NoBackfill(),
    "cons_2205": Slurm(**SLURM),
    "easy_2205": Slurm(**SLURM, reserve=1),
    "cons_2611": Slurm(**SLURM, idle_first=False),
    "easy_2611": Slurm(**SLURM, reserve=1, idle_first=False),
}
Row = tuple[str, str, float, float]
"""Who, which measure, theirs, ours."""


def mean_jct(told: list[dict[str, str]]) -> float:
    """Return the mean completion time of a peer's jobs."""
    return float(np.mean([float(r["finish_s"]) - float(r["submit_s"]) for r in told]))


def peers() -> Iterator[Row]:
    """Give the mean completion time of every job-by-job schedule of a peer."""
    cases = [
        (t, "tiresias", f"{t}__{n}__count.csv", {"backfill": b})
        for t in GPUS for n, b in (("fifo", NoBackfill()), ("fjf", ANY))
    ]  # fmt: skip
    cases += [
        (t, "tiresias", f"{t}__{n}__count.csv",
         {"queue": q, "backfill": ANY, "preemption": Rebuild()})
        for t in GPUS for n, q in PREEMPTIVE.items()
    ]  # fmt: skip
    few = ("synth480", "philly_103959")
    cases += [(t, "cqsim", f"{t}__EASY.csv", {"backfill": Easy("counts", None)}) for t in few]
    cases += [(t, "cqsim", f"{t}__CONSERVATIVE.csv", {"backfill": Conservative(None)}) for t in few]
    cases += [
        ("synth480", "pai2020", f"synth480__{n}__n1.csv", {"queue": q, "backfill": ANY})
        for n, q in (("p8", Fifo()), ("p0", Sjf()))
    ]
    cases += [
        ("synth480", "blox", f"synth480__{n}__64x1__r300.csv",
         {"queue": q, "preemption": Tail(strictly=False, in_vain=True, round_s=300.0)})
        for n, q in (("Fifo", Fifo()), ("Las", Las()), ("Srtf", Srtf()))
    ]  # fmt: skip
    for trace, peer, file, choices in cases:
        result = run(jobs_of("peers", "traces", f"{trace}.csv"), 1, GPUS[trace], **choices)
        label = f"{peer}: {file.removesuffix('.csv').replace('__', ', ')}"
        ours = float(np.mean(result.jobs.column("jct_s").to_pylist()))
        yield label, "mean completion, s", mean_jct(rows("peers", peer, file)), ours


def slurm() -> Iterator[Row]:
    """Give the mean wait of a real Slurm's whole-node jobs."""
    for column, rule in SLURMS.items():
        told = sorted(
            rows("slurm", "W1_results.csv"),
            key=lambda r: (float(r[f"{column}_submit"]), r["job_name"]),
        )
        at = {
            f: np.array([float(r[f"{column}_{f}"]) for r in told])
            for f in ("submit", "start", "end")
        }
        nodes, each = (
            np.array([int(r[n]) for r in told], np.int32) for n in ("nodes", "gpus_per_node")
        )
        jobs: dict[str, object] = {
            "submit_s": at["submit"], "gpus": nodes * each, "nodes": nodes, "gpus_per_node": each,
            "work_s": at["end"] - at["start"],
            "walltime_s": 60.0 * np.array([float(r["time_limit_min"]) for r in told]),
        }  # fmt: skip
        result = run(jobs, 8, 8, backfill=rule, placement=Consecutive())
        ours = float(np.mean(result.jobs.column("wait_s").to_pylist()))
        theirs = float((at["start"] - at["submit"]).mean())
        yield f"Slurm: W1, {column.replace('_', ', ')}", "mean wait, s", theirs, ours


def on_testbed(name: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return mean completion and makespan of 400 jobs, ours and those of Muri's 64 V100."""
    result = run(
        jobs_of("peers", "muri", "trace_testbed400.csv"), 8, 8, queue=TESTBED[name], backfill=ANY,
        preemption=Rebuild(round_s=360.0, cost_s=30.0),
    )  # fmt: skip
    told = rows("peers", "muri", f"testbed64V100__{name}.csv")
    ours = float(np.mean(result.jobs.column("jct_s").to_pylist()))
    theirs = float(np.mean([float(r["jct_s"]) for r in told]))
    last = max(float(r["finish_s"]) for r in told)
    return (ours, float(result.manifest["end_s"])), (theirs, last)


def testbed() -> Iterator[Row]:
    """Give mean completion and makespan of Muri's 64 V100 (SIGCOMM 2022)."""
    for name in TESTBED:
        ours, theirs = on_testbed(name)
        for what, i in (("mean completion, s", 0), ("makespan, s", 1)):
            yield f"testbed: {name}", what, theirs[i], ours[i]
