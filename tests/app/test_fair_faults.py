"""Wrong trees of fair shares: every fault at once, with its path and what would be right."""

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.policies.quota import Kai, Volcano
from tests.app.test_attacks import faults
from tests.conftest import run


def told(policy, **knobs):
    return faults(quota={"_target_": f"sim.policies.quota.{policy}"} | knobs)


def looked_up(found, wanted):
    for path, value, right in wanted:
        lines = [line for line in found if line.startswith(f"quota.{path}: ")]
        assert len(lines) == 1, (path, found)
        assert value in lines[0], lines
        assert right in lines[0], lines


def test_all_faults_of_projects_at_once():
    found = told(
        "Kai",
        projects={
            "a": {"department": "x", "gpus": -4, "over_quota_weight": -1, "tenants": ["ann"]},
            "b": {"department": "nowhere", "gpus": 4, "tenants": ["ann"], "weight": 3},
            "c": {"gpus": 8, "limit_gpus": 4},
            "d": {"gpus": "many", "over_quota_weight": 1e-9},
            "e": {"tenants": "eve", "priority": "high"},
            "x": {"gpus": 1},
        },
        departments={"x": {"parent": "y"}, "y": {"parent": "x"}, "z": {"gpus": 9, "limit_gpus": 8}},
        default="g", fixed_priority="never", multiplier=0.5,
    )  # fmt: skip
    looked_up(found, (
        ("departments.x.parent", "'y'", "x -> y -> x"),
        ("departments.z.limit_gpus", "8", "at least its gpus, 9"),
        ("projects.a.gpus", "-4", "a number >= 0"),
        ("projects.a.over_quota_weight", "-1", "from 0 to 10^6"),
        ("projects.b.department", "'nowhere'", "null or one of departments"),
        ("projects.b.tenants", "'ann'", "it is in a too"),
        ("projects.b.weight", "", "valid are cpus, department"),
        ("projects.c.limit_gpus", "4", "at least its gpus, 8"),
        ("projects.d.gpus", "'many'", "a number >= 0"),
        ("projects.d.over_quota_weight", "1e-09", "0, or at least 10^-6"),
        ("projects.e.tenants", "'eve'", "a list of names"),
        ("projects.e.priority", "'high'", "a number"),
        ("projects.x", "'x'", "a name of its own"),
        ("default", "'g'", "null or one of projects"),
        ("fixed_priority", "'never'", "a number or null"),
        ("multiplier", "0.5", "a number >= 1"),
    ))  # fmt: skip


def test_all_faults_of_volcano_queues_at_once():
    found = told(
        "Volcano",
        queues={
            "a": {"guarantee_gpus": 4, "capability_gpus": 2, "weight": -1},
            "b": {"gpus": 4, "reclaimable": "perhaps"},
            "c": {"parent": "nowhere"},
        },
        parents={"p": {"capability_gpus": -1}}, plugin="proportion",
    )  # fmt: skip
    looked_up(found, (
        ("queues.a.capability_gpus", "2", "at least its guarantee_gpus, 4"),
        ("queues.a.weight", "-1", "from 0 to 10^6"),
        ("queues.b.gpus", "4", "plugin=capacity"),
        ("queues.b.reclaimable", "'perhaps'", "true or false"),
        ("queues.c.parent", "'nowhere'", "null or one of parents"),
        ("parents.p.capability_gpus", "-1", "a number >= 0"),
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "knobs", "path"),
    [
        ("Kai", {"projects": {}}, "quota.projects"),
        ("Kai", {"projects": 3}, "quota.projects"),
        ("Kai", {"projects": {"a": 3}}, "quota.projects.a"),
        ("Kai", {"projects": {"a": {}}, "departments": 3}, "quota.departments"),
        ("Kai", {"projects": {"a": {}}, "preempts": 3}, "quota.preempts"),
        ("Volcano", {"queues": {}}, "quota.queues"),
        ("Volcano", {"queues": {"a": {}}, "plugin": "drf"}, "quota.plugin"),
        ("Volcano", {"queues": {"a": {"guarantee_gpus": True}}}, "quota.queues.a.guarantee_gpus"),
    ],
)
def test_one_fault(policy, knobs, path):
    assert any(line.startswith(path) for line in told(policy, **knobs)), told(policy, **knobs)


def test_shares_take_back_by_themselves_and_plan_for_one_job_at_most():
    for policy, group in (("Kai", "projects"), ("Volcano", "queues")):
        found = faults(
            quota={"_target_": f"sim.policies.quota.{policy}", group: {"a": {}}, "default": "a"},
            preemption={"_target_": "sim.policies.preemption.Tail"},
            backfill={"_target_": "sim.policies.backfill.Conservative"},
        )
        assert len(found) == 2, found
        assert found[0].startswith("preemption: is Tail beside a quota")
        assert found[1].startswith("backfill: is Conservative")
        assert "none, skip, or easy" in found[1]


def jobs(tenants, gpus=1):
    n = len(tenants)
    return {"submit_s": np.zeros(n), "gpus": np.full(n, gpus, np.int32), "work_s": np.ones(n),
            "tenant": tenants}  # fmt: skip


@pytest.mark.parametrize(
    ("quota", "path"),
    [
        (Kai({"a": {"gpus": 1, "tenants": ["ann"]}}), "quota.projects"),
        (Volcano({"a": {"tenants": ["ann"]}}), "quota.queues"),
    ],
)
def test_a_tenant_without_a_queue(quota, path):
    with pytest.raises(ScenarioError) as caught:
        run(jobs(["ann", "bob"]), quota=quota)
    assert len(caught.value.issues) == 1
    assert "names the tenant 'bob'" in caught.value.issues[0]
    assert f"{path}.<name>.tenants" in caught.value.issues[0]


@pytest.mark.rare
@pytest.mark.parametrize(
    "quota",
    [
        Kai({"a": {"limit_gpus": 4}}, default="a"),
        Kai({"a": {"department": "d"}}, {"d": {"limit_gpus": 4}}, default="a"),
        Volcano({"a": {"capability_gpus": 4}}, default="a"),
        Volcano({"a": {}, "b": {"guarantee_gpus": 4}}, default="a"),
    ],
)
def test_a_job_beyond_any_limit_is_set_aside(quota):
    made = jobs(["ann", "ann"]) | {"gpus": np.array([1, 5], np.int32)}
    result = run(made, quota=quota)
    assert result.jobs["state"].to_pylist() == ["completed", "unfit"]
