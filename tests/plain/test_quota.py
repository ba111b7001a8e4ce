"""Quotas: the kernels and the plain version give the same rows, on trees of every shape."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim import Scenario, simulate
from sim.policies.backfill import Easy, NoBackfill, Skip
from sim.policies.placement import Pack
from sim.policies.preemption import Reclaim
from sim.policies.queue import Priority
from sim.policies.quota import Kueue
from sim.state import Inventory, Pool
from sim.workload import Given
from tests.conftest import gantt
from tests.plain.plain import INF, Node
from tests.plain.quota import Book, Quotas
from tests.plain.test_same import plain_jobs

pytestmark = pytest.mark.rare

POOLS = (Pool("x", 3, 4, "a"), Pool("y", 3, 4, "b"))
WITHIN = {"Never": "never", "LowerPriority": "lower", "LowerOrNewerEqualPriority": "newer"}
RECLAIM = {"Never": "never", "LowerPriority": "lower", "Any": "any"}
BACKFILL = {
    "none": (NoBackfill(), {"depth": 0, "reserves": 0}),
    "skip": (Skip(depth=None), {"depth": 10**9, "reserves": 0}),
    "easy": (Easy("nodes", None), {"depth": 10**9, "reserves": 1, "nodes": True}),
}


def drawn(seed):
    """Return (the knobs of a Kueue tree, the same tree as the plain version takes it)."""
    rng = np.random.default_rng(seed)
    flavors = [["*"], ["a", "b"], ["b", "a"]][rng.integers(3)]
    cpus = rng.random() < 0.4
    cohorts, queues, tree = {}, {}, {}
    fair = bool(rng.random() < 0.5)

    def limits(lone, zero):
        made, plain = {}, {"nominal": {}, "borrow": {}, "lend": {}}
        for f in flavors:
            one = {}
            for r, name in enumerate(("gpus", "cpus")[: 1 + cpus]):
                cell = ("" if f == "*" else f, r)
                one[name] = 0 if rng.random() < zero else int(rng.integers(1, 7)) * (1 + r)
                plain["nominal"][cell] = one[name] * 1000
                for kind in ("borrow", "lend"):
                    if not lone and rng.random() < 0.3:
                        one[f"{kind}_{name}"] = int(rng.integers(0, 4)) * (1 + r)
                        plain[kind][cell] = one[f"{kind}_{name}"] * 1000
            made |= one if f == "*" else {"flavors": made.get("flavors", {}) | {f: one}}
        return made, plain

    for i in range(int(rng.integers(0, 4))):
        parent = f"c{rng.integers(i)}" if i and rng.random() < 0.8 else None
        made, plain = limits(parent is None, 0.3) if rng.random() < 0.5 else ({}, {"nominal": {}})
        weight = float(rng.choice([0.0, 0.5, 1.0, 1.0, 3.0]))
        cohorts[f"c{i}"] = made | {"parent": parent, "weight": weight}
        tree[f"c{i}"] = plain | {"parent": parent, "weight": weight}
    for i in range(int(rng.integers(1, 6))):
        parent = f"c{rng.integers(len(cohorts))}" if cohorts and rng.random() < 0.9 else None
        made, plain = limits(parent is None, 0.15)
        weight = float(rng.choice([0.0, 0.5, 1.0, 1.0, 3.0]))
        within, reclaim = str(rng.choice(list(WITHIN))), str(rng.choice(list(RECLAIM)))
        to_borrow = (
            "LowerPriority" if reclaim != "Never" and not fair and rng.random() < 0.5 else "Never"
        )
        most = float(rng.integers(0, 3)) if rng.random() < 0.5 else None
        strict, borrow_next, evict_next = (bool(x) for x in rng.random(3) < 0.4)
        queues[f"q{i}"] = made | {
            "cohort": parent, "tenants": [f"t{i}"], "weight": weight,
            "within_cluster_queue": within, "reclaim_within_cohort": reclaim,
            "borrow_within_cohort": to_borrow, "max_priority_threshold": most,
            "queueing_strategy": "StrictFIFO" if strict else "BestEffortFIFO",
            "when_can_borrow": "TryNextFlavor" if borrow_next else "MayStopSearch",
            "when_can_preempt": "TryNextFlavor" if evict_next else "MayStopSearch",
        }  # fmt: skip
        tree[f"q{i}"] = plain | {
            "parent": parent, "order": ["" if f == "*" else f for f in flavors], "weight": weight,
            "within": WITHIN[within], "reclaim": RECLAIM[reclaim], "strict": strict,
            "to_borrow": "never" if to_borrow == "Never" else "lower",
            "most": INF if most is None else most, "borrow_next": borrow_next,
            "evict_next": evict_next,
        }  # fmt: skip
    strategies = [["final", "initial"], ["final"], ["initial"]][rng.integers(3)]
    words = {"final": "LessThanOrEqualToFinalShare", "initial": "LessThanInitialShare"}
    knobs = {"queues": queues, "cohorts": cohorts, "fair_sharing": fair,
             "preemption_strategies": [words[s] for s in strategies]}  # fmt: skip
    return knobs, tree, fair, strategies


def work(seed, jobs, queues):
    """Return job_request columns: a few sizes, priorities and types, some who give up."""
    rng = np.random.default_rng(seed)
    submit = np.sort(rng.integers(0, 12 * jobs, jobs)).astype(float)
    gpus = rng.choice([1, 1, 2, 2, 3, 4, 6], jobs).astype(np.int32)
    return {
        "job_id": [str(i) for i in range(jobs)],
        "submit_s": submit,
        "gpus": gpus,
        "work_s": rng.integers(5, 120, jobs).astype(float),
        "walltime_s": rng.integers(100, 200, jobs).astype(float),
        "cpus": [float(g) * int(rng.choice([1, 2])) for g in gpus],
        "priority": rng.integers(0, 3, jobs).astype(float),
        "tenant": [f"t{i}" for i in rng.integers(0, queues, jobs)],
        "gpu_types": [str(t) for t in rng.choice(["", "", "a", "b:2|a:1"], jobs)],
        "cancel_s": [
            float(s + rng.integers(1, 200)) if rng.random() < 0.1 else None for s in submit
        ],
    }


def compared(seed, jobs, rule, cost=0.0, step=0.0):
    knobs, tree, fair, strategies = drawn(seed)
    made = work(seed + 1, jobs, len(knobs["queues"]))
    fast_rule, plain_rule = BACKFILL[rule]
    scenario = Scenario(
        cluster=Inventory(POOLS), workload=Given(made), backfill=fast_rule, placement=Pack(),
        queue=Priority(), quota=Kueue(**knobs), preemption=Reclaim(0.0, step, cost),
    )  # fmt: skip
    assert scenario.issues() == []
    result = simulate(scenario)
    nodes = [Node(i, i // 3, 4) for i in range(6)]
    fast = [
        [int(r["job_id"]), "xy".index(r["node"][0]) * 3 + int(r["node"][2:]), r["gpus"],
         r["start_s"], r["end_s"]]
        for r in result.ledger.to_pylist()
    ]  # fmt: skip
    unfit = {int(r["job_id"]) for r in result.jobs.to_pylist() if r["state"] == "unfit"}
    jobs_ = plain_jobs(made, POOLS)
    for j, job in enumerate(jobs_):
        job |= {"full": job["speed"], "priority": made["priority"][j]}
        if j in unfit:
            job |= {"enter": 1e18, "cancel": 0.0}
    slow = Quotas(
        nodes, jobs_, plain_rule, "pack", book=Book(tree, fair, strategies), cost=cost, step=step,
        owner=[f"q{t[1:]}" for t in made["tenant"]], key=lambda j: (-made["priority"][j], j),
    )  # fmt: skip
    slow.flavor_of = {0: "a", 1: "b"}
    return fast, slow.run(), result


def alike(seed, jobs, rule, cost=0.0, step=0.0):
    fast, slow, result = compared(seed, jobs, rule, cost, step)
    for i, (a, b) in enumerate(zip(fast, slow, strict=False)):
        assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:3000]}"
    assert len(fast) == len(slow)
    return result


@pytest.mark.parametrize("rule", BACKFILL)
@pytest.mark.parametrize("seed", range(12))
def test_quotas_of_a_drawn_tree(seed, rule):
    alike(100 * seed, 60, rule)


def test_evicted_work_costs_what_preemption_says():
    results = [alike(seed, 80, "skip", cost=3.0, step=7.0) for seed in range(20, 32)]
    assert sum(sum(r.jobs["restarts"].to_pylist()) for r in results) > 50  # it is about evictions


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6))
def test_any_tree(seed):
    alike(seed, 30, "skip")
