"""A real Slurm's instants of eligibility: array tasks, a dependency, requeues, a timeout.

Source: conf/traces/slurm_sacct.txt, Slurm 22.05.8 with KillWait=5 and requeue_delay 120 s; times are whole
seconds, so that one of them is within a second.
"""

import csv
from datetime import datetime

import numpy as np

from sim.policies.backfill import Skip
from sim.policies.limits import Walltime
from sim.policies.preemption import Tail
from sim.policies.queue import Priority
from tests.conftest import ROOT, run, starts

TICK_S = 1.0
ZERO = datetime.fromisoformat("2026-11-23T07:32:42")


def recorded():
    with (ROOT / "conf" / "traces" / "slurm_sacct.txt").open() as file:
        rows = list(csv.DictReader(file, delimiter="|"))
    return [r for r in rows if "." not in r["JobID"]]  # no steps


def at(text):
    return (datetime.fromisoformat(text) - ZERO).total_seconds()


def enters(result):
    """Return when each job became eligible: its start less its wait."""
    jobs = result.jobs.select(["job_id", "start_s", "wait_s"]).to_pydict()
    made = {j: a - b for j, a, b in zip(*jobs.values(), strict=True)}
    return [made[str(i)] for i in range(len(made))]


def test_a_throttled_array():
    """Six tasks, two at once: each pair is eligible when the one before it has ended.

    Tasks started up to 10 s after that, by the scheduler's period: given as such, the recorded
    eligible instants follow from the recorded ends.
    """
    rows = [r for r in recorded() if r["JobID"].startswith("4_")]
    rows.sort(key=lambda r: int(r["JobID"].split("_")[1]))
    n = len(rows)
    late = [at(r["Start"]) - at(r["Eligible"]) for r in rows]
    made = {
        "submit_s": [at(r["Submit"]) for r in rows],
        "gpus": [1] * n,
        # from eligible to end: what lies between eligible and start is the scheduler's period
        "work_s": [at(r["End"]) - at(r["Start"]) + x for r, x in zip(rows, late, strict=True)],
        "array": ["4"] * n,
        "array_most": [2] * n,
    }
    ours = enters(run(made, 4, backfill=Skip()))
    truth = [at(r["Eligible"]) for r in rows]
    assert np.abs(np.array(ours) - truth).max() <= TICK_S


def test_a_dependency():
    """Job 10 waits for job 1: eligible a second after its end."""
    rows = {r["JobID"]: r for r in recorded() if r["JobID"] in ("1", "10")}
    parent, child = rows["1"], rows["10"]
    made = {
        "submit_s": [at(parent["Start"]), at(child["Submit"])],
        "gpus": [16, 1],
        "work_s": [at(parent["End"]) - at(parent["Start"]), 5.0],
        "after": [None, "afterok:0"],
    }
    assert abs(enters(run(made, 4))[1] - at(child["Eligible"])) <= TICK_S


def test_a_requeue():
    """Job 5 gives way to job 18 and is eligible 121 s later; then it does all its work anew."""
    rows = [r for r in recorded() if r["JobID"] in ("5", "18")]
    victim, taker, again = rows[0], rows[1], rows[2]
    assert (victim["State"], again["JobID"]) == ("PREEMPTED", "5")
    made = {
        "submit_s": [at(victim["Start"]), at(victim["End"])],
        "gpus": [8, 8],
        "work_s": [float(again["ElapsedRaw"]), float(taker["ElapsedRaw"])],
        "priority": [0.0, 1.0],
    }
    gives = Tail(checkpoint_s=np.inf, requeue_delay_s=120.0)
    result = run(made, 1, queue=Priority(), preemption=gives)
    mine = [r for r in result.ledger.to_pylist() if r["job_id"] == "0"]
    assert abs(mine[1]["start_s"] - at(again["Eligible"])) <= 2 * TICK_S  # 121 s, and the end of 18
    assert mine[1]["end_s"] - mine[1]["start_s"] == float(again["ElapsedRaw"])


def test_a_timeout():
    """Limits are looked at every 30 s, at an unknown phase, and KillWait is 5 s: 88 s of 60."""
    (row,) = [r for r in recorded() if r["State"] == "TIMEOUT"]
    limit_s = 60.0 * float(row["TimelimitRaw"])
    ends = []
    for phase_s in np.arange(0.0, 30.0, 1.0):
        made = {"submit_s": [phase_s], "gpus": [2], "work_s": [1e4], "walltime_s": [limit_s]}
        slurm = Walltime(True, poll_s=30.0, kill_wait_s=5.0)
        result = run(made, 1, limits=slurm)
        ends.append(result.jobs.column("end_s")[0].as_py() - starts(result)[0])
        assert result.jobs.column("state").to_pylist() == ["timeout"]
    assert min(ends) <= float(row["ElapsedRaw"]) <= max(ends)
