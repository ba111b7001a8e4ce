"""2D-Gittins: equal to Tiresias' simulator for every job, and the index itself.

Source: shared/groundtruth/peers/tiresias (dlas-gpu-gittins); its history of GPU times is shipped.
"""

import csv

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.policies.backfill import Skip
from sim.policies.preemption import Rebuild
from sim.policies.queue import Gittins
from sim.policies.queue.gittins import indices
from tests.conftest import DATA, run
from tests.truth.test_peers import GPUS, agree_where_starved_rise, jobs_of, table


def history():
    with DATA.joinpath("peers", "tiresias", "history.csv").open() as file:
        return tuple(float(row["gpu_s"]) for row in csv.DictReader(file))


@pytest.mark.parametrize("trace", ["synth480", "philly_103959", "ef06"])
def test_equal_for_every_job(trace):
    queue = Gittins(history(), late_timer=True, from_zero=True)
    rows = table("tiresias", f"{trace}__dlas-gpu-gittins__count.csv")
    result = run(jobs_of(trace), 1, GPUS[trace], queue=queue, backfill=Skip(depth=None),
                 preemption=Rebuild())  # fmt: skip
    found = result.jobs.select(["job_id", "start_s", "end_s"]).to_pylist()
    ours = {r["job_id"]: (r["start_s"], r["end_s"]) for r in found}
    theirs = {r["job_id"]: (float(r["start_s"]), float(r["finish_s"])) for r in rows}
    assert ours == theirs


@pytest.mark.parametrize("trace", ["synth480", "philly_103959", "ef06"])
def test_who_starved_begins_anew(trace):
    """Of the original with its check of the schedule's name mended.

    dlas-gpu-gittins-N sorts by no index: it compares its name with that of the one without N.
    """
    queue = Gittins(history(), late_timer=True, from_zero=True, starve_limit=2.0)
    assert agree_where_starved_rise(trace, "dlas-gpu-gittins-2", queue) > 0


def plain_index(history, step, had):
    """Return the chance to end within a step over the mean service until then, from the meaning."""
    left = [h - had for h in history if h > had]
    ends = [x for x in left if x <= step]
    return 1e6 * len(ends) / sum(min(x, step) for x in left)


def test_the_index_is_what_it_says():
    took = tuple(float(x) for x in np.random.default_rng(3).integers(1, 60, 40) * 250)
    sample, index = indices(tuple(sorted(took)), 3250.0, False)
    for i in range(len(sample)):
        had = sample[sample < sample[i]].max(initial=0.0)
        assert index[i] == pytest.approx(plain_index(took, 3250.0, had), abs=1e-4)
    assert index[-1] == 0.0  # who has had more than any before is never expected to end


def test_who_is_likely_to_end_goes_first():
    """Most jobs take 100 s, some 5,000: who has had 200 s is of the long ones, and waits."""
    jobs = {"submit_s": np.array([0.0, 200.0]), "gpus": np.array([1, 1], np.int32),
            "work_s": np.array([5000.0, 100.0])}  # fmt: skip
    queue = Gittins((*[100.0] * 9, 5000.0), step_gpu_s=1000.0)
    result = run(jobs, 1, 1, queue=queue, backfill=Skip(depth=None), preemption=Rebuild())
    assert result.jobs.column("end_s").to_pylist() == [5100.0, 300.0]


@pytest.mark.parametrize(
    "knobs",
    [{"history_gpu_s": ()}, {"step_gpu_s": 0.0}, {"limits_s": (2, 1)}, {"starve_limit": 0.0}],
)
def test_wrong_knobs_are_named(knobs):
    with pytest.raises(ScenarioError, match=f"queue.{next(iter(knobs))}"):
        Gittins(**knobs)
