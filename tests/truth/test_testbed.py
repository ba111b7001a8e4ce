"""A real cluster: Muri's testbed of 64 V100 ran 400 jobs under four schedulers.

Source: shared/groundtruth/peers/muri (Zhao et al., SIGCOMM 2022): jobs are scheduled each 6 min and
lose about half a minute at each start (the median of jobs started once). Ours are below the real by
a tenth. What is left of the gap: jobs of more than 1,000 s that were never interrupted ran 3 to 5 %
longer than the trace says, and the testbed stopped and started jobs four to six times as often as
the policies ask for (3,388 starts under SRTF).
"""

import csv

import numpy as np
import pytest

from experiments.validation.schedulers import TESTBED
from sim.policies.backfill import Skip
from sim.policies.preemption import Rebuild
from tests.conftest import run, shared

QUEUES = TESTBED


def rows(name):
    with shared("groundtruth", "peers", "muri", name).open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def mean_jct_s():
    """Return mean JCT and makespan by scheduler: (ours, theirs)."""
    trace = rows("trace_testbed400.csv")
    jobs = {
        "job_id": [r["job_id"] for r in trace],
        "submit_s": np.array([float(r["submit_s"]) for r in trace]),
        "gpus": np.array([int(r["gpus"]) for r in trace], np.int32),
        "work_s": np.array([float(r["duration_s"]) for r in trace]),
    }
    found = {}
    for name, queue in QUEUES.items():
        result = run(jobs, 8, 8, queue=queue, backfill=Skip(depth=None),
                     preemption=Rebuild(round_s=360.0, cost_s=30.0))  # fmt: skip
        ours = np.mean(result.jobs.column("jct_s").to_pylist()), result.manifest["end_s"]
        real = rows(f"testbed64V100__{name}.csv")
        theirs = (np.mean([float(r["jct_s"]) for r in real]),
                  max(float(r["finish_s"]) for r in real))  # fmt: skip
        found[name] = ours, theirs
    return found


@pytest.mark.parametrize("name", QUEUES)
def test_within_15_percent_of_the_real_cluster(name, mean_jct_s):
    ours, theirs = mean_jct_s[name]
    assert np.array(ours) == pytest.approx(np.array(theirs), rel=0.15)


def test_in_the_same_order(mean_jct_s):
    ours = sorted(QUEUES, key=lambda name: mean_jct_s[name][0][0])
    assert ours == sorted(QUEUES, key=lambda name: mean_jct_s[name][1][0])
