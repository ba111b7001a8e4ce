"""Fair shares: the kernels and the plain version give the same rows, on trees of every shape."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim import Scenario, simulate
from sim.policies.backfill import Easy, NoBackfill, Skip
from sim.policies.placement import FirstFit
from sim.policies.preemption import Reclaim
from sim.policies.queue import Priority
from sim.policies.quota import Kai, Volcano
from sim.state import Inventory, Pool
from sim.workload import Given
from tests.conftest import gantt
from tests.plain.fair import Fair
from tests.plain.plain import INF, Node
from tests.plain.test_same import plain_jobs

pytestmark = pytest.mark.rare

POOLS = (Pool("x", 3, 4, "a", 12.0), Pool("y", 3, 4, "b", 12.0))
RULES = {
    "none": (NoBackfill(), {"depth": 0, "reserves": 0}),
    "skip": (Skip(depth=None), {"depth": 10**9, "reserves": 0}),
    "skip3": (Skip(depth=3), {"depth": 3, "reserves": 0}),
    "easy": (Easy("nodes", None), {"depth": 10**9, "reserves": 1, "nodes": True}),
}
WEIGHT = {"kai": "over_quota_weight", "proportion": "weight", "capacity": "weight"}


def drawn(seed, how):
    """Return (queues, what is over them, the same tree as the plain version takes it)."""
    rng = np.random.default_rng(seed)
    cpus = rng.random() < 0.3
    upper = "limit_" if how == "kai" else "capability_"
    leaves, inner, tree = {}, {}, {}

    def part(leaf, parent):
        made, plain = {}, {"quota": {}, "limit": {}, "least": {}, "leaf": leaf, "parent": parent}
        for r, name in enumerate(("gpus", "cpus")[: 1 + cpus]):
            quota = int(rng.integers(0, 9)) if leaf else int(rng.integers(4, 20))
            quota *= 1 + 2 * r
            if how != "proportion":
                made[name], plain["quota"][r] = quota, 1000 * quota
            least = int(rng.integers(0, 4)) if how != "kai" and rng.random() < 0.4 else 0
            if least and (how == "proportion" or least <= quota):
                made["guarantee_" + name], plain["least"][r] = least, 1000 * least
            if rng.random() < 0.3:
                made[upper + name] = max(quota, least) + int(rng.integers(0, 8))
                plain["limit"][r] = 1000 * made[upper + name]
        made[WEIGHT[how]] = plain["weight"] = float(rng.choice([0, 0.5, 1, 1, 2, 3]))
        made["priority"] = plain["priority"] = float(rng.choice([0, 0, 0, 1]))
        return made, plain

    for i in range(int(rng.integers(0, 4))):
        parent = f"c{rng.integers(i)}" if i and rng.random() < 0.5 else None
        made, tree[f"c{i}"] = part(False, parent)
        inner[f"c{i}"] = made | {"parent": parent}
    for i in range(int(rng.integers(2, 6))):
        parent = f"c{rng.integers(len(inner))}" if inner and rng.random() < 0.9 else None
        made, tree[f"q{i}"] = part(True, parent)
        up = {"department" if how == "kai" else "parent": parent}
        tree[f"q{i}"]["gives"] = how == "kai" or bool(rng.random() < 0.8)
        if how != "kai":
            up["reclaimable"] = tree[f"q{i}"]["gives"]
        leaves[f"q{i}"] = made | up | {"tenants": [f"t{i}"]}
    return leaves, inner, tree


def work(seed, jobs, queues, gap=12):
    rng = np.random.default_rng(seed)
    submit = np.sort(rng.integers(0, gap * jobs, jobs)).astype(float)
    gpus = rng.choice([1, 1, 2, 2, 3, 4, 6], jobs).astype(np.int32)
    return {
        "job_id": [str(i) for i in range(jobs)],
        "submit_s": submit,
        "gpus": gpus,
        "work_s": rng.integers(5, 150, jobs).astype(float),
        "walltime_s": rng.integers(100, 200, jobs).astype(float),
        "cpus": [float(g) * int(rng.choice([1, 2])) for g in gpus],
        "priority": rng.integers(0, 4, jobs).astype(float),
        "tenant": [f"t{i}" for i in rng.integers(0, queues, jobs)],
        "gpu_types": [str(t) for t in rng.choice(["", "", "a", "b:2|a:1"], jobs)],
        "cancel_s": [
            float(s + rng.integers(1, 200)) if rng.random() < 0.1 else None for s in submit
        ],
    }  # fmt: skip


def alike(seed, jobs, rule, how, cost=0.0, step=0.0, gap=12):
    leaves, inner, tree = drawn(seed, how)
    made = work(seed + 1, jobs, len(leaves), gap)
    rng = np.random.default_rng(seed + 2)
    fixed = float(rng.choice([2.0, 3.0, INF])) if how == "kai" else INF
    preempts, multiplier = bool(rng.random() < 0.6), float(rng.choice([1.0, 1.0, 1.5]))
    if how == "kai":
        quota = Kai(leaves, inner, None, None if fixed == INF else fixed, preempts, multiplier)
    else:
        quota = Volcano(leaves, inner, None, how)
    fast_rule, plain_rule = RULES[rule]
    scenario = Scenario(
        cluster=Inventory(POOLS), workload=Given(made), backfill=fast_rule, placement=FirstFit(),
        queue=Priority(), quota=quota, preemption=Reclaim(0.0, step, cost), horizon_s=1e6,
    )  # fmt: skip
    assert scenario.issues() == []
    result = simulate(scenario)
    fast = [
        [int(r["job_id"]), "xy".index(r["node"][0]) * 3 + int(r["node"][2:]), r["gpus"],
         r["start_s"], r["end_s"]]
        for r in result.ledger.to_pylist()
    ]  # fmt: skip
    nodes = [Node(i, i // 3, 4, 12000) for i in range(6)]
    for node in nodes:
        node.total_mcpu = 12000
    state = result.jobs["state"].to_pylist()
    jobs_ = plain_jobs(made, POOLS)
    for j, job in enumerate(jobs_):
        job |= {"priority": made["priority"][j]}
        if state[j] == "unfit":
            job |= {"enter": 1e18, "cancel": 0.0}
    slow = Fair(
        nodes, jobs_, plain_rule, "first_fit", tree=tree, how=how, cost=cost, step=step,
        fixed=fixed, preempts=how == "kai" and preempts, multiplier=multiplier,
        owner=[f"q{t[1:]}" for t in made["tenant"]], key=lambda j: (-made["priority"][j], j),
    ).run()  # fmt: skip
    for i, (a, b) in enumerate(zip(fast, slow, strict=False)):
        assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:3000]}"
    assert len(fast) == len(slow)
    return result


@pytest.mark.parametrize("how", WEIGHT)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(4))
def test_shares_of_a_drawn_tree(seed, rule, how):
    alike(100 * seed, 50, rule, how)


@pytest.mark.parametrize("how", WEIGHT)
def test_evicted_work_costs_what_preemption_says(how):
    results = [alike(seed, 60, "skip", how, cost=3.0, step=7.0, gap=5)
               for seed in range(20, 30)]  # fmt: skip
    assert sum(sum(r.jobs["restarts"].to_pylist()) for r in results) > 10  # it is about evictions


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.sampled_from(sorted(WEIGHT)))
def test_any_tree(seed, how):
    alike(seed, 30, "skip", how)
