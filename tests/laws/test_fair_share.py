"""Fair share: use is counted exactly, and shares of those who always want more go as their weights."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.engine import Failures
from sim.errors import ScenarioError
from sim.policies.backfill import NoBackfill
from sim.policies.queue import AbstractQueuePolicy, Multifactor, MultifactorClassic
from sim.policies.queue.classic_share import classic
from sim.policies.queue.fair_tree import OWN, fair_tree
from sim.state import Homogeneous
from sim.workload import Given
from tests.conftest import cluster, run


@pytest.mark.parametrize("half_life_s", [500.0, float("inf")])
def test_use_is_the_integral_of_what_was_held(half_life_s):
    seen = []

    class Watch(AbstractQueuePolicy):
        refresh_s = 97.0

        def key(self, jobs, now_s):
            if np.ndim(now_s) == 0:
                seen.append((now_s, jobs.used_gpu_s.copy()))
            return jobs.submit_s

    Watch.half_life_s = half_life_s
    rng = np.random.default_rng(3)
    jobs = {
        "job_id": [str(i) for i in range(80)],
        "submit_s": np.sort(rng.uniform(0, 900, 80)), "gpus": rng.integers(1, 9, 80).astype(np.int32),
        "work_s": rng.uniform(10, 200, 80), "tenant": [str(t) for t in rng.integers(0, 3, 80)],
    }  # fmt: skip
    result = simulate(Scenario(
        cluster=Homogeneous(nodes=2), workload=Given(jobs), queue=Watch(),
        processes=(Failures(mtbf_s=900.0, repair_s=50.0),),
    ))  # fmt: skip
    order = list(dict.fromkeys(result.jobs.column("tenant").to_pylist()))
    who = {r["job_id"]: order.index(r["tenant"]) for r in result.jobs.to_pylist()}
    assert len(seen) > 5
    for at, used in seen:
        want = np.zeros(3)
        for r in result.ledger.to_pylist():
            if r["job_id"] is None or r["start_s"] >= at:
                continue
            a, b = r["start_s"], min(r["end_s"], at)
            if half_life_s == float("inf"):
                want[who[r["job_id"]]] += r["gpus"] * (b - a)
            else:
                k = np.log(2) / half_life_s
                want[who[r["job_id"]]] += (
                    r["gpus"] / k * (np.exp(-k * (at - b)) - np.exp(-k * (at - a)))
                )
        assert sorted(used) == pytest.approx(sorted(want), rel=1e-9, abs=1e-6)


def test_gpu_time_goes_as_the_shares():
    """Shares 3 to 1, jobs alike and always more of them: three quarters of the time, to a few jobs."""
    jobs = {
        "submit_s": np.zeros(800), "gpus": np.ones(800, np.int32), "work_s": np.full(800, 100.0),
        "tenant": ["a", "b"] * 400,
    }  # fmt: skip
    queue = Multifactor(age=0, size=0, gpus=0, qos=0, shares={"a": 3, "b": 1}, refresh_s=10.0)
    result = run(jobs, inventory=cluster(1, 4), queue=queue, backfill=NoBackfill())
    early = [r for r in result.jobs.to_pylist() if r["start_s"] < 10_000.0]
    ran = {name: sum(r["tenant"] == name for r in early) for name in "ab"}
    assert len(early) >= 400
    assert ran["a"] / len(early) == pytest.approx(0.75, abs=8 / len(early))


def test_equals_share_a_rank_and_accounts_stand_together():
    tree = {"x": {"shares": 1, "a": 1, "b": 1}, "y": {"shares": 3, "c": 1, "d": 2}}
    assert fair_tree(tree, {}) == dict.fromkeys("abcd", 1.0)  # nobody used anything: all alike
    used = {"a": 10.0, "b": 10.0, "c": 10.0, "d": 10.0}
    # y is owed more: both of its users before those of x; d before c; a and b alike
    assert fair_tree(tree, used) == {"d": 1.0, "c": 0.75, "a": 0.5, "b": 0.5}


def test_who_has_no_share_is_last_whether_he_has_used_or_not():
    """The level of no share is 0, that of a share unused infinite (Slurm, fair_tree.c)."""
    tree = {"none": 0, "unused": 1, "some": 1, "nothing_used_and_none": 0}
    rank = fair_tree(tree, {"none": 5.0, "some": 5.0})
    assert rank == {"unused": 1.0, "some": 0.75, "none": 0.5, "nothing_used_and_none": 0.5}


def test_wrong_shares_and_weights_are_told_at_once():
    with pytest.raises(ScenarioError) as error:
        Multifactor(age=-1.0, shares={"ml": {"a": -2, "shares": "many"}}, half_life_s=0.0)
    told = str(error.value)
    for part in ("queue.age", "queue.shares.ml.a", "queue.shares.ml.shares", "queue.half_life_s"):
        assert part in told


def test_a_tenant_in_two_accounts_is_told():
    with pytest.raises(ScenarioError, match=r"queue\.shares: names 'a' 2 times"):
        Multifactor(shares={"ml": {"a": 1, "b": 1}, "hpc": {"a": 2}})


def test_classic_shares_are_those_of_the_formula():
    """An account of 60 and one of 40 shares; in the first two users of equal shares."""
    tree = {"ml": {OWN: 60, "a": 1, "b": 1}, "hpc": {OWN: 40, "c": 1}}
    used = {"a": 30.0, "b": 10.0, "c": 60.0}
    effective = {  # own use, moved by the user's part of the account to the account's use
        "a": 0.3 + (0.4 - 0.3) * 0.5,
        "b": 0.1 + (0.4 - 0.1) * 0.5,
        "c": 0.6 + (0.6 - 0.6) * 1.0,
    }
    share = {"a": 0.3, "b": 0.3, "c": 0.4}
    for damping in (1.0, 4.0):
        want = {u: 2.0 ** (-effective[u] / share[u] / damping) for u in used}
        assert classic(tree, used, damping) == pytest.approx(want, rel=1e-12)
    assert set(classic(tree, {}, 1.0).values()) == {1.0}
    assert classic({"x": 0, "y": 1}, {"x": 1.0}, 1.0) == {"x": 0.0, "y": 1.0}


@pytest.mark.parametrize("policy", [Multifactor, MultifactorClassic])
def test_use_of_those_who_always_want_more_goes_as_their_shares(policy):
    """Two tenants whose queues never run dry, by fair share alone, on one node."""
    shares, n = {"a": 3, "b": 1}, 3000
    jobs = {
        "submit_s": [0.0] * (2 * n), "gpus": [1] * (2 * n), "work_s": [100.0] * (2 * n),
        "tenant": ["a"] * n + ["b"] * n,
    }  # fmt: skip
    choice = policy(age=0, size=0, gpus=0, qos=0, shares=shares, refresh_s=10.0,
                    half_life_s=float("inf"))  # fmt: skip
    result = run(jobs, nodes=1, queue=choice, horizon_s=20_000.0)
    rows = result.jobs.to_pylist()
    held = {t: sum(r["gpu_s"] for r in rows if r["tenant"] == t) for t in shares}
    # a pass gives at most all 8 GPUs to one side for 100 s, of 160,000 GPU-seconds in all
    assert held["a"] / sum(held.values()) == pytest.approx(0.75, abs=2 * 800 / 160_000)
