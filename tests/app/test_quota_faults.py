"""Wrong trees of quota: every fault at once, with its path and what would be right."""

import numpy as np
import pytest

from sim.app.build import scenario
from sim.errors import ScenarioError
from sim.policies.quota import Kueue
from tests.app.test_attacks import config, faults
from tests.conftest import run

TARGET = "sim.policies.quota.Kueue"


def told(**knobs):
    return faults(quota={"_target_": TARGET} | knobs)


def test_all_faults_of_a_tree_at_once():
    found = told(
        queues={
            "a": {"cohort": "x", "gpus": -4, "tenants": ["ann"], "weight": -1},
            "b": {"cohort": "nowhere", "gpus": 4, "tenants": ["ann"], "gpu": 3},
            "c": {"gpus": 4, "borrow_gpus": 2, "lend_gpus": 1},
            "d": {"gpus": 1, "cpus": 4, "reclaim_within_cohort": "Sometimes"},
            "e": {"tenants": "eve"},
            "f": {"gpus": "many", "borrow_within_cohort": "LowerPriority"},
        },
        cohorts={"x": {"parent": "y"}, "y": {"parent": "z"}, "z": {"parent": "x"},
                 "w": {"parent": "v"}, "u": {"weight": float("nan")}},
        default="g",
    )  # fmt: skip
    for path, value, right in (
        ("cohorts.x.parent", "'y'", "x -> y -> z -> x"),
        ("cohorts.w.parent", "'v'", "there are x, y, z, w, u"),
        ("cohorts.u.weight", "nan", "from 0 to 10^6"),
        ("queues.a.gpus", "-4", "a number >= 0"),
        ("queues.a.weight", "-1", "from 0 to 10^6"),
        ("queues.b.cohort", "'nowhere'", "null or one of cohorts"),
        ("queues.b.tenants", "'ann'", "it is in a too"),
        ("queues.b.gpu", "", "valid are borrow_cpus"),
        ("queues.c.borrow_gpus", "2", "needs a cohort"),
        ("queues.c.lend_gpus", "1", "needs a cohort"),
        ("queues.d.reclaim_within_cohort", "'Sometimes'", "one of Never, LowerPriority, Any"),
        ("queues.a.cpus", "null", "others count it"),
        ("queues.e.tenants", "'eve'", "a list of names"),
        ("queues.e.gpus", "None", "or tell flavors"),
        ("queues.f.gpus", "'many'", "a number >= 0"),
        ("queues.f.borrow_within_cohort", "'LowerPriority'", "Never with fair_sharing, or"),
        ("default", "'g'", "null or one of queues"),
    ):
        lines = [line for line in found if line.startswith(f"quota.{path}: ")]
        assert len(lines) == 1, (path, found)
        assert value in lines[0], lines
        assert right in lines[0], lines


@pytest.mark.parametrize(
    ("knobs", "path"),
    [
        ({"queues": {}}, "quota.queues"),
        ({"queues": 3}, "quota.queues"),
        ({"queues": {"a": 3}}, "quota.queues.a"),
        ({"queues": {"a": {"flavors": 3}}}, "quota.queues.a.flavors"),
        ({"queues": {"a": {"gpus": 1, "flavors": {"h100": {"gpus": 1}}}}}, "quota.queues.a.flavors"),
        ({"queues": {"a": {"gpus": True}}}, "quota.queues.a.gpus"),
        ({"queues": {"a": {"gpus": 1}}, "preemption_strategies": ["Best"]}, "quota.preemption_str"),
        ({"queues": {"a": {"gpus": 1}}, "fair_sharing": 3}, "quota.fair_sharing"),
    ],
)  # fmt: skip
def test_one_fault(knobs, path):
    assert any(line.startswith(path) for line in told(**knobs)), told(**knobs)


def test_a_quota_takes_back_by_itself():
    found = faults(
        quota={"_target_": TARGET, "queues": {"a": {"gpus": 1}}, "default": "a"},
        preemption={"_target_": "sim.policies.preemption.Tail"},
    )
    assert len(found) == 1
    assert found[0].startswith("preemption: is Tail beside a quota")
    assert "must be none or reclaim" in found[0]


def jobs(tenants):
    n = len(tenants)
    return {"submit_s": np.zeros(n), "gpus": np.ones(n, np.int32), "work_s": np.ones(n),
            "tenant": tenants}  # fmt: skip


def test_a_tenant_without_a_queue_and_a_flavor_that_is_no_gpu():
    one = {"a": {"gpus": 1, "tenants": ["ann"]}}
    with pytest.raises(ScenarioError) as caught:
        run(jobs(["ann", "bob", "eve"]), quota=Kueue(queues=one))
    assert len(caught.value.issues) == 1
    assert "no queue names 2 tenants, 'bob', 'eve'; must" in caught.value.issues[0]
    with pytest.raises(ScenarioError, match="names the tenant 'bob'; must"):
        run(jobs(["ann", "bob"]), quota=Kueue(queues=one))
    with pytest.raises(ScenarioError, match=r"names 90 tenants, 't10', 't11', .*'t14', …; must"):
        run(jobs([f"t{k}" for k in range(10, 100)]), quota=Kueue(queues=one))
    one = {"a": {"flavors": {"h200": {"gpus": 1}}}}
    with pytest.raises(ScenarioError) as caught:
        run(jobs(["ann"]), quota=Kueue(queues=one, default="a"))
    assert caught.value.issues[0].startswith("quota.queues.a.flavors.h200: is no GPU type")


def test_a_job_beyond_any_quota_is_set_aside():
    made = jobs(["ann", "ann"]) | {"gpus": np.array([1, 5], np.int32)}
    result = run(made, quota=Kueue(queues={"a": {"gpus": 4}}, default="a"))
    assert result.jobs["state"].to_pylist() == ["completed", "unfit"]


def test_plans_beside_limits_are_slurms_own():
    """Conservative plans know no limits; Slurm's cycle does; fair shares know neither."""
    conservative = {"_target_": "sim.policies.backfill.Conservative"}
    limits = {
        "_target_": "sim.policies.quota.SlurmLimits",
        "associations": {"a": {}},
        "default": "a",
    }
    found = faults(quota=limits, backfill=conservative)
    assert len(found) == 1
    assert "must be none, skip, slurm, or easy" in found[0]
    slurm = {"_target_": "sim.policies.backfill.Slurm"}
    scenario(config(quota=limits, backfill=slurm), [])
    shares = {"_target_": "sim.policies.quota.Kai", "projects": {"a": {}}, "default": "a"}
    for reserve in (0, 1, None):
        found = faults(quota=shares, backfill=slurm | {"reserve": reserve})
        assert len(found) == 1
        assert "must be none, skip, or easy" in found[0]
