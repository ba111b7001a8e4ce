"""A real cluster: Shockwave's 32 GPUs at TACC ran 120 jobs under six policies.

Source: shared/groundtruth/peers/shockwave (Zheng et al., NSDI 2023), rounds of 120 s. As in the
authors' simulator, whose own knobs these are, a start after a round without GPUs costs 20 s, and
targets are made anew at most each 1,000 s. Batch sizes change while jobs run, so a job's work is the
GPU time that it had in their simulation (the same under each policy, within a hundredth in the mean),
not the time in the trace. Jobs are placed by count.

What is left of the gap, (mean JCT, makespan) ours over theirs:
- Gavel -7 %, -5 %: on the cluster jobs held 12 % more GPU time than their work.
- Themis +1 %, +5 %: the cluster extended leases more often (51 % of rounds; 32 % in their simulator).
- MST -9 %, -12 %: the cluster held 5 % more GPU time, and the last job came late.
- OSSP +11 %, -5 %: it extended 34 % of leases where their simulator has 15 %, which is 9 % slower too.
- AlloX -13 %, -1 %: ours knows the work exactly, theirs reckons what is left at the batch size of the
  moment; its simulator is as far from ours, so it is not the cluster.
- Shockwave -1 %, +2 %: plans shares by a linear program, theirs whole rounds by a mixed-integer one.
"""

import csv

import numpy as np
import pytest

from sim.policies.backfill import Skip
from sim.policies.preemption import Rebuild
from sim.policies.queue import Allox, GavelCost, GavelFtf, GavelMakespan, GavelMaxMin, Shockwave
from tests.conftest import run, shared

RESET = {"by_speed": False, "reset_s": 1000.0}
QUEUES = {
    "max_min_fairness": GavelMaxMin(**RESET),
    "finish_time_fairness": GavelFtf(**RESET),
    "min_total_duration": GavelMakespan(**RESET),
    "max_sum_throughput_perf": GavelCost(reset_s=1000.0),
    "allox": Allox(reset_s=1000.0),
    "shockwave": Shockwave(),
}


def rows(name):
    with shared("groundtruth", "peers", "shockwave", name).open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def compared():
    """Return {policy: (mean JCT, makespan) of ours and of the cluster}."""
    trace = rows("trace_tacc120.csv")
    gpu_s = {r["job_id"]: float(r["gpu_time_s_all_workers"])
             for r in rows("tacc_32gpus__max_min_fairness__simulation.csv")}  # fmt: skip
    jobs = {
        "job_id": [r["job_id"] for r in trace],
        "submit_s": np.array([float(r["submit_s"]) for r in trace]),
        "gpus": np.array([int(r["gpus"]) for r in trace], np.int32),
        "work_s": np.array([gpu_s[r["job_id"]] / int(r["gpus"]) for r in trace]),
    }
    found = {}
    for name, queue in QUEUES.items():
        result = run(jobs, 1, 32, queue=queue, backfill=Skip(depth=None),
                     preemption=Rebuild(round_s=120.0, hold=False, cost_s=20.0))  # fmt: skip
        real = rows(f"tacc_32gpus_comparison__{name}__physical.csv")
        found[name] = (
            (np.mean(result.jobs.column("jct_s").to_pylist()), result.manifest["end_s"]),
            (np.mean([float(r["jct_s"]) for r in real]), max(float(r["finish_s"]) for r in real)),
        )
    return found


@pytest.mark.parametrize("name", QUEUES)
def test_within_15_percent_of_the_real_cluster(name, compared):
    ours, theirs = compared[name]
    assert np.array(ours) == pytest.approx(np.array(theirs), rel=0.15)


def test_mean_completion_in_the_same_order(compared):
    ours = sorted(QUEUES, key=lambda name: compared[name][0][0])
    assert ours == sorted(QUEUES, key=lambda name: compared[name][1][0])
