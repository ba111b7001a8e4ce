"""Laws of fair shares, and the documented examples of KAI-Scheduler, Run:ai and Volcano."""

import numpy as np
import pytest

from sim.policies.backfill import Skip
from sim.policies.preemption import Reclaim
from sim.policies.queue import Priority
from sim.policies.quota import Kai, Volcano
from sim.state import Inventory
from tests.conftest import run
from tests.laws.test_kueue_examples import held, running
from tests.plain.test_fair import POOLS, WEIGHT, drawn, work

pytestmark = pytest.mark.rare

LONG_S = 1000.0


def go(quota, jobs, gpus, **choices):
    """Run jobs (submit_s, tenant, gpus, priority=0, work_s=LONG_S) on one node."""
    rows = [(*job, *(0.0, LONG_S)[len(job) - 3 :]) for job in jobs]
    made = {
        "submit_s": np.array([r[0] for r in rows], float),
        "gpus": np.array([r[2] for r in rows], np.int32),
        "priority": np.array([r[3] for r in rows], float),
        "work_s": np.array([r[4] for r in rows], float),
        "tenant": [r[1] for r in rows],
    }
    chosen = {"queue": Priority(), "backfill": Skip(None), "preemption": Reclaim(0.0, 0.0, 0.0)}
    return run(made, gpus=gpus, quota=quota, **chosen | choices)


def projects(**told):
    return {name: {"tenants": [name]} | one for name, one in told.items()}


# ---- laws
def backlog(weights, jobs=200, seed=3):
    """One-GPU jobs of each tenant, all there at 0, whose ends meet seldom."""
    rng = np.random.default_rng(seed)
    return [(0.0, name, 1, 0.0, float(w)) for name in weights for w in rng.uniform(20, 60, jobs)]


WEIGHTS = {"a": 1.0, "b": 2.0, "c": 3.0}


@pytest.mark.parametrize("how", WEIGHT)
def test_what_backlogged_queues_hold_is_quota_and_rest_by_weight(how):
    """At every instant of a backlog: 24 GPUs, 4 of quota each, 12 left for weights 1, 2, 3."""
    total, quota = 24, 4
    rest = total - quota * len(WEIGHTS)
    due = {k: quota + rest * w / sum(WEIGHTS.values()) for k, w in WEIGHTS.items()}
    if how == "kai":
        told = {k: {"gpus": quota, "over_quota_weight": w} for k, w in WEIGHTS.items()}
        policy = Kai(projects(**told))
    elif how == "proportion":
        due = {k: total * w / sum(WEIGHTS.values()) for k, w in WEIGHTS.items()}
        policy = Volcano(projects(**{k: {"weight": w} for k, w in WEIGHTS.items()}))
    else:
        policy = Volcano(projects(**{k: {"gpus": int(g)} for k, g in due.items()}), plugin=how)
    result = go(policy, backlog(WEIGHTS), total)
    starts = sorted({r["start_s"] for r in result.ledger.to_pylist()})
    over_s = min(
        max(j["start_s"] for j in result.jobs.to_pylist() if j["tenant"] == k) for k in WEIGHTS
    )  # all three have a backlog until then
    seen = [at_s for at_s in starts if at_s < over_s]
    assert len(seen) > 50
    for at_s in seen:
        assert held(result, at_s) == due, at_s


def test_department_first_then_project():
    """8 and 4 of 12 GPUs by the departments' weights, then each by its projects'."""
    told = projects(
        a={"department": "x", "over_quota_weight": 3}, b={"department": "x"}, c={"department": "y"}
    )
    quota = Kai(told, {"x": {"over_quota_weight": 2}, "y": {"over_quota_weight": 1}})
    result = go(quota, [(0.0, k, 1) for k in "abc" for _ in range(20)], 12)
    x, y = 12 * 2 / 3, 12 / 3
    assert held(result, 1.0) == {"a": x * 3 / 4, "b": x / 4, "c": y}


@pytest.mark.parametrize("how", ["kai", "capacity"])
def test_nobody_waits_within_what_it_deserves(how):
    """Who stays within its quota starts at once: what is borrowed is taken back."""
    n, rng = 300, np.random.default_rng(9)
    small = rng.random(n) < 0.1
    jobs = [(at_s, "small" if one else "large", 1 if one else 4, 0.0, 5.0 if one else 200.0)
            for at_s, one in zip(np.sort(rng.uniform(0, 3000, n)), small, strict=True)]  # fmt: skip
    told = projects(small={"gpus": 16}, large={"gpus": 16})
    quota = Kai(told) if how == "kai" else Volcano(told, plugin="capacity")
    result = go(quota, jobs, 32)
    waits = [r["wait_s"] for r in result.jobs.to_pylist() if r["tenant"] == "small"]
    assert max(waits) == 0.0
    assert sum(result.jobs["restarts"].to_pylist()) > 0


def any_tree(seed, how, fixed=None):
    leaves, inner, tree = drawn(seed, how)
    made = work(seed + 1, 80, len(leaves), 5)
    made["gpu_types"] = [""] * 80
    made["cancel_s"] = [None] * 80
    quota = Kai(leaves, inner, None, fixed) if how == "kai" else Volcano(leaves, inner, None, how)
    result = run(made, inventory=Inventory(POOLS), queue=Priority(), backfill=Skip(None),
                 quota=quota, preemption=Reclaim(0.0, 10.0, 2.0))  # fmt: skip
    return result, made, tree


@pytest.mark.parametrize("how", WEIGHT)
@pytest.mark.parametrize("seed", range(6))
def test_no_limit_is_exceeded_at_any_instant_and_work_is_conserved(seed, how):
    """By the ledger; GPU time held = work done + work lost of all that completed."""
    fixed = 2.0 if how == "kai" else None
    result, made, tree = any_tree(seed, how, fixed)
    rows = result.ledger.to_pylist()
    for at_s in sorted({r["start_s"] for r in rows}):
        jobs = {int(r["job_id"]) for r in rows if r["start_s"] <= at_s < (r["end_s"] or np.inf)}
        for name, node in tree.items():
            mine = [j for j in jobs if name in up(tree, f"q{made['tenant'][j][1:]}")]
            for r, most in node["limit"].items():
                asks = [1000 * int((made["gpus"], made["cpus"])[r][j]) for j in mine]
                assert sum(asks) <= most, (at_s, name, r)
            never = [j for j in mine if fixed is not None and made["priority"][j] >= fixed]
            if fixed is not None:
                assert sum(1000 * int(made["gpus"][j]) for j in never) <= node["quota"][0]
    for r in result.jobs.to_pylist():
        if r["state"] == "completed":
            work_s = r["work_s"] + r["lost_s"]
            assert r["gpu_s"] == pytest.approx(r["gpus"] * work_s, rel=1e-12)  # sums of floats
        if fixed is not None and r["priority"] >= fixed:
            assert r["restarts"] == 0


def up(tree, name):
    out = [name]
    while tree[out[-1]]["parent"]:
        out.append(tree[out[-1]]["parent"])
    return out


def test_nothing_is_idle_that_may_be_used():
    """While any job of one GPU waits all GPUs are held, whatever quotas and weights say."""
    rng = np.random.default_rng(5)
    jobs = [(float(at), f"t{i}", 1, 0.0, float(w)) for at, i, w in zip(
        np.sort(rng.uniform(0, 1000, 400)), rng.integers(0, 4, 400), rng.exponential(60.0, 400),
        strict=True)]  # fmt: skip
    told = projects(**{f"t{i}": {"gpus": i, "over_quota_weight": i} for i in range(4)})
    result = go(Kai(told), jobs, 16)
    begin, end = (np.array(result.ledger[c].to_pylist()) for c in ("start_s", "end_s"))
    waited = [(r["submit_s"], r["start_s"]) for r in result.jobs.to_pylist() if r["wait_s"] > 0.0]
    assert len(waited) > 100
    for at_s in np.unique(np.concatenate([begin, end])):
        if any(a <= at_s < b for a, b in waited):
            assert ((begin <= at_s) & (end > at_s)).sum() == 16


# ---- KAI-Scheduler and Run:ai
def test_a_team_within_its_quota_preempts_one_over_it():
    """Run:ai's quick start on over quota: 2 + 2 GPUs; team-a runs 1 + 2, team-b asks for its 2."""
    told = projects(a={"gpus": 2}, b={"gpus": 2})
    result = go(Kai(told), [(0.0, "a", 1), (1.0, "a", 2), (10.0, "b", 2)], 4)
    assert running(result, 5.0) == {0, 1}
    assert running(result, 15.0) == {0, 2}  # the later of a's jobs gave way


@pytest.mark.parametrize("pending", [True, False])
def test_demand_that_waits_counts_in_shares(pending):
    """KAI's note on fair shares: 12 GPUs, no quotas, equal weights; B holds 8, C 4 and asks for 2.

    With 6 asked for by A, shares are 4, 4, 4: C may take nothing back. Without, 0, 6, 6: it takes 2.
    """
    jobs = [(0.0, "b", 1)] * 8 + [(0.0, "c", 1)] * 4 + [(20.0, "c", 2)]
    jobs += [(10.0, "a", 6)] if pending else []
    result = go(Kai(projects(a={}, b={}, c={})), jobs, 12)
    shares = 12 / 3 if pending else 12 / 2
    takes = 2 if shares >= 4 + 2 else 0
    assert held(result, 30.0) == {"b": 8 - takes, "c": 4 + takes}


@pytest.mark.parametrize(("weights", "due"), [((1, 1, 1), (4, 3, 3)), ((1, 1, 2), (3, 2, 5))])
def test_whole_gpus_first_told_first(weights, due):
    """Remainders of 10 GPUs by weight go a GPU each to the largest, of equals to the first."""
    exact = [10 * w / sum(weights) for w in weights]
    floors = [int(x) for x in exact]
    order = sorted(range(3), key=lambda i: (floors[i] - exact[i], i))
    made = [f + (i in order[: 10 - sum(floors)]) for i, f in enumerate(floors)]
    assert tuple(int(g) for g in made) == due
    told = {k: {"over_quota_weight": w} for k, w in zip("abc", weights, strict=True)}
    result = go(Kai(projects(**told)), [(0.0, "c", 1)] * 20 +
                [(5.0, k, 1) for k in "ab" for _ in range(20)], 10)  # fmt: skip
    assert held(result, 6.0) == dict(zip("abc", due, strict=True))  # c was cut to its share


def test_priority_of_a_queue_goes_before_weight():
    """6 of 8 GPUs are nobody's quota: all that the prior project asks for of them is due to it."""
    told = projects(a={"gpus": 1, "priority": 1}, b={"gpus": 1, "over_quota_weight": 9})
    result = go(Kai(told), [(0.0, "b", 1)] * 10 + [(5.0, "a", 1)] * 6, 8)
    assert held(result, 6.0) == {"a": 6, "b": 2}


def test_non_preemptible_jobs_stay_within_the_quota_and_are_never_evicted():
    told = projects(a={"gpus": 2}, b={"gpus": 6})
    jobs = [(0.0, "a", 1, 100.0)] * 4 + [(0.0, "a", 1, 50.0)] * 6 + [(10.0, "b", 6)]
    result = go(Kai(told), jobs, 8)
    assert held(result, 1.0) == {"a": 2 + 6}
    assert running(result, 11.0) == {0, 1, 10}  # b takes its 6 from those that can be evicted


def test_in_a_project_higher_priority_evicts_lower():
    told = projects(a={"gpus": 4})
    jobs = [(0.0, "a", 2, 1.0), (0.0, "a", 2, 0.0), (5.0, "a", 2, 2.0)]
    assert running(go(Kai(told), jobs, 4), 6.0) == {0, 2}
    assert running(go(Kai(told, preempts=False), jobs, 4), 6.0) == {0, 1}


# ---- Volcano
def test_weights_are_soft_until_others_ask():
    """Volcano's queue guide: weights 1 and 3 on 4; the first takes all, then gives back its 3."""
    told = projects(default={"weight": 1}, test={"weight": 3})
    jobs = [(0.0, "default", 1)] * 4 + [(10.0, "test", 1)] * 3
    share = 4 * 3 / (1 + 3)
    assert held(go(Volcano(told), jobs, 4), 5.0) == {"default": 4}
    assert held(go(Volcano(told), jobs, 4), 11.0) == {"default": 4 - share, "test": share}
    assert held(go(Volcano(told, reclaim=False), jobs, 4), 11.0) == {"default": 4}
    told["default"]["reclaimable"] = False
    assert held(go(Volcano(told), jobs, 4), 11.0) == {"default": 4}


def test_capacity_is_a_hard_bound():
    told = projects(a={"capability_gpus": 3}, b={})
    assert held(go(Volcano(told), [(0.0, "a", 1)] * 8, 8), 1.0) == {"a": 3}


def test_what_is_guaranteed_is_kept_even_while_idle():
    told = projects(a={}, b={"guarantee_gpus": 3})
    assert held(go(Volcano(told), [(0.0, "a", 1)] * 8, 8), 1.0) == {"a": 8 - 3}


def test_a_queue_borrows_beyond_what_it_deserves_until_it_is_taken_back():
    """Volcano's guide to the capacity plugin: 2 and 2 deserved of 4."""
    told = projects(one={"gpus": 2}, two={"gpus": 2})
    jobs = [(0.0, "one", 1)] * 4 + [(10.0, "two", 1)] * 2
    result = go(Volcano(told, plugin="capacity"), jobs, 4)
    assert held(result, 5.0) == {"one": 4}
    assert held(result, 11.0) == {"one": 2, "two": 2}


def test_guarantees_are_a_floor_of_the_weighted_share_not_added_to_it():
    """12 GPUs by equal weights are 6 each; a floor of 8 leaves the other 4."""
    told = projects(a={"guarantee_gpus": 8}, b={})
    jobs = [(0.0, k, 1) for k in "ab" for _ in range(20)]
    assert held(go(Volcano(told), jobs, 12), 1.0) == {"a": max(8, 12 / 2), "b": 12 - 8}
