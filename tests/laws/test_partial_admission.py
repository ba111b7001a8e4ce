"""Kueue's partial admission: its documentation's example, and what follows from the algebra."""

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.policies.backfill import Skip
from sim.policies.placement import Fgd
from sim.policies.preemption import Reclaim
from sim.policies.queue import Priority
from sim.policies.quota import Kueue
from tests.conftest import run
from tests.laws.test_kueue_examples import held

pytestmark = pytest.mark.rare


def go(queues, jobs, gpus=64, cohorts=None, placement=None, **knobs):
    """Run jobs (submit_s, queue, gpus, min_gpus or None, work_s, priority=0) on one node."""
    rows = [(*job, 0.0)[:6] for job in jobs]
    made = {
        "submit_s": np.array([r[0] for r in rows], float),
        "tenant": [r[1] for r in rows],
        "gpus": np.array([r[2] for r in rows], np.int32),
        "min_gpus": [r[3] for r in rows],
        "work_s": np.array([r[4] for r in rows], float),
        "priority": np.array([r[5] for r in rows], float),
    }
    told = {name: {"tenants": [name]} | one for name, one in queues.items()}
    choices = {} if placement is None else {"placement": placement}
    return run(made, gpus=gpus, queue=Priority(), backfill=Skip(None),
               quota=Kueue(queues=told, cohorts=cohorts or {}, **knobs),
               preemption=Reclaim(0.0, 0.0, 0.0), **choices)  # fmt: skip


def test_twenty_pods_where_there_is_quota_for_nine():
    """Kueue's task page: parallelism 20, at least 5, and 9 left; as much is to be done as before."""
    result = go({"a": {"gpus": 9}}, [(0.0, "a", 20, 5, 90.0)])
    assert held(result, 1.0) == {"a": 9}
    assert result.jobs["end_s"].to_pylist() == [pytest.approx(90.0 * 20 / 9, rel=1e-12)]
    assert result.jobs["gpu_s"].to_pylist() == [pytest.approx(90.0 * 20, rel=1e-12)]


@pytest.mark.parametrize("taken", range(10))
def test_the_largest_size_that_fits_and_none_below_the_least(taken):
    first = [(0.0, "a", taken, None, 500.0)] if taken else []
    result = go({"a": {"gpus": 9}}, [*first, (1.0, "a", 8, 3, 10.0)])
    got = held(result, 1.0).get("a", 0) - taken
    room = 9 - taken
    assert got == (min(room, 8) if room >= 3 else 0)


def test_a_job_that_fits_whole_is_whole():
    result = go({"a": {"gpus": 9}}, [(0.0, "a", 9, 1, 10.0)])
    assert held(result, 1.0) == {"a": 9}
    assert result.jobs["end_s"].to_pylist() == [10.0]


def test_it_is_whole_by_evicting_before_it_is_smaller():
    """Of 8 in a cohort b has lent 4, and takes them back rather than start on fewer."""
    queues = {"a": {"cohort": "all", "gpus": 4}, "b": {"cohort": "all", "gpus": 4}}
    jobs = [(0.0, "a", 2, None, 100.0)] * 4 + [(10.0, "b", 4, 1, 10.0)]
    result = go(queues, jobs, cohorts={"all": {}}, reclaim_within_cohort="Any")
    assert held(result, 11.0) == {"a": 4, "b": 4}
    result = go(queues, [*jobs[:3], (10.0, "b", 4, 1, 10.0)], cohorts={"all": {}})
    assert held(result, 11.0) == {"a": 6, "b": 2}  # where it may evict nobody, what is left


def test_without_it_the_job_waits():
    jobs = [(0.0, "a", 6, None, 100.0), (1.0, "a", 8, 2, 10.0)]
    assert held(go({"a": {"gpus": 9}}, jobs), 2.0) == {"a": 6 + 3}
    whole = go({"a": {"gpus": 9}}, jobs, partial_admission=False)
    assert held(whole, 2.0) == {"a": 6}
    assert "min_gpus" in whole.manifest["notes"][0]


def test_evicted_it_asks_for_all_of_it_again_and_its_work_is_conserved():
    """3 of 8 GPUs from 10 on, evicted at 30, and whole from 80 to the end."""
    queues = {"a": {"cohort": "all", "gpus": 0}, "b": {"cohort": "all", "gpus": 8}}
    jobs = [(0.0, "b", 5, None, 80.0), (10.0, "a", 8, 2, 40.0), (30.0, "b", 3, None, 50.0)]
    result = go(queues, jobs, cohorts={"all": {}}, reclaim_within_cohort="Any")
    rows = [(r["gpus"], r["start_s"], r["end_s"]) for r in result.ledger.to_pylist()
            if r["job_id"] == "1"]  # fmt: skip
    done = (30.0 - 10.0) * 3 / 8
    assert rows == [(3, 10.0, 30.0), (8, 80.0, pytest.approx(80.0 + 40.0 - done, rel=1e-12))]


def test_a_share_of_work_that_gpus_do_not_speed_up():
    """Amdahl: 1 / (1 - p + p / g), relative to the size the work is told for."""
    made = {"submit_s": np.zeros(1), "gpus": np.array([8], np.int32), "min_gpus": [1],
            "work_s": np.array([100.0]), "parallel_share": [0.9], "tenant": ["a"]}  # fmt: skip
    result = run(made, quota=Kueue({"a": {"gpus": 2, "tenants": ["a"]}}))
    slower = (0.1 + 0.9 / 2) / (0.1 + 0.9 / 8)
    assert result.jobs["end_s"].to_pylist() == [pytest.approx(100.0 * slower, rel=1e-12)]


def test_a_job_whose_least_no_quota_holds_is_set_aside():
    result = go({"a": {"gpus": 4}}, [(0.0, "a", 8, 5, 10.0), (0.0, "a", 8, 4, 10.0)])
    assert result.jobs["state"].to_pylist() == ["unfit", "completed"]


def test_a_placement_that_scores_sizes_is_refused():
    with pytest.raises(ScenarioError) as caught:
        go({"a": {"gpus": 4}}, [(0.0, "a", 8, 4, 10.0)], placement=Fgd())
    assert len(caught.value.issues) == 1
    assert caught.value.issues[0].startswith("placement: is Fgd")
    assert "partial_admission=false" in caught.value.issues[0]
