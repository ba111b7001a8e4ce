"""The borrowing and preemption examples of Kueue's documentation, in GPUs instead of CPUs.

Concepts: cluster queue, cohort, preemption; tasks: administer cluster quotas; the proposals on
preemption while borrowing (1337) and fair sharing (1714). What must come out follows in each test
from nominal quotas and limits alone.
"""

import numpy as np
import pytest

from sim.policies.backfill import Skip
from sim.policies.preemption import Reclaim
from sim.policies.queue import Priority
from sim.policies.quota import Kueue
from sim.state import Inventory, Pool
from tests.conftest import run

GIB = 2**30
LONG_S = 1000.0


def go(queues, jobs, cohorts=("team-ab",), pools=(("gpu", 1, 512),), **knobs):
    """Run jobs (submit_s, queue, gpus, priority=0, work_s=LONG_S) on nodes that never lack GPUs."""
    rows = [(*job, *(0.0, LONG_S)[len(job) - 3 :]) for job in jobs]
    made = {
        "submit_s": np.array([r[0] for r in rows], float),
        "gpus": np.array([r[2] for r in rows], np.int32),
        "priority": np.array([r[3] for r in rows], float),
        "work_s": np.array([r[4] for r in rows], float),
        "tenant": [r[1] for r in rows],
    }
    if isinstance(cohorts, tuple):
        cohorts = {name: {} for name in cohorts}
    told = {name: {"tenants": [name]} | one for name, one in queues.items()}
    inventory = Inventory(tuple(Pool(gpu, n, size, gpu) for gpu, n, size in pools))
    return run(
        made, inventory=inventory, queue=Priority(), backfill=Skip(None),
        quota=Kueue(queues=told, cohorts=cohorts, **knobs), preemption=Reclaim(checkpoint_s=0.0),
    )  # fmt: skip


def held(result, at_s):
    """Return the GPUs that each tenant holds just after an instant."""
    owner = dict(zip(*(result.jobs[c].to_pylist() for c in ("job_id", "tenant")), strict=True))
    out = {}
    for r in result.ledger.to_pylist():
        if r["start_s"] <= at_s and (r["end_s"] is None or r["end_s"] > at_s):
            out[owner[r["job_id"]]] = out.get(owner[r["job_id"]], 0) + r["gpus"]
    return out


def running(result, at_s):
    """Return the numbers of the jobs that run just after an instant."""
    return {int(r["job_id"]) for r in result.ledger.to_pylist()
            if r["start_s"] <= at_s and (r["end_s"] is None or r["end_s"] > at_s)}  # fmt: skip


def many(queue, n, at_s=0.0, gpus=1, priority=0.0):
    return [(at_s, queue, gpus, priority)] * n


# ---- borrowing and lending
TWO = {"a": {"cohort": "team-ab", "gpus": 9}, "b": {"cohort": "team-ab", "gpus": 12}}


def with_limits(queue, **limits):
    return TWO | {queue: TWO[queue] | limits}


@pytest.mark.parametrize(
    ("queues", "who", "most"),
    [
        (TWO, "a", 9 + 12),  # all that b does not use
        (TWO, "b", 12 + 9),
        (with_limits("a", borrow_gpus=1), "a", 9 + 1),
        (with_limits("a", borrow_gpus=1), "b", 12 + 9),
        (with_limits("a", borrow_gpus=6), "a", 9 + 6),
        (with_limits("b", lend_gpus=1), "a", 9 + 1),
        (with_limits("b", lend_gpus=1), "b", 12 + 9),
        ({"a": {"gpus": 9}, "b": {"gpus": 12}}, "a", 9),  # no cohort, nothing to borrow
    ],
)
def test_a_queue_alone_in_its_cohort_takes_its_own_and_what_it_may_borrow(queues, who, most):
    result = go(queues, many(who, 40))
    assert held(result, 1.0) == {who: most}


def test_memory_is_borrowed_as_gpus_are():
    quota = Kueue(
        queues={"a": {"cohort": "ab", "gpus": 9, "mem_bytes": 36 * GIB, "tenants": ["a"]},
                "b": {"cohort": "ab", "gpus": 12, "mem_bytes": 48 * GIB}},
        cohorts={"ab": {}}, default="b",
    )  # fmt: skip
    jobs = {
        "submit_s": np.zeros(40), "gpus": np.ones(40, np.int32), "work_s": np.full(40, LONG_S),
        "mem_bytes": np.full(40, 7.0 * GIB), "tenant": ["a"] * 40,
    }  # fmt: skip
    result = run(jobs, gpus=64, quota=quota, backfill=Skip(None))
    assert held(result, 1.0) == {"a": min(9 + 12, (36 + 48) // 7)}


def test_who_needs_its_own_quota_goes_before_who_would_borrow():
    first = [(0.0, "a", 9), (0.0, "b", 12, 0.0, 50.0)]
    waiting = [(1.0, "a", 6), (2.0, "b", 12)]  # a came first, and would borrow
    result = go(TWO, first + waiting)
    assert held(result, 60.0) == {"a": 9, "b": 12}


def test_a_dedicated_flavor_and_one_to_fall_back_to():
    queues = {
        name: {"cohort": "team-ab", "flavors": {"arm": {"gpus": 9, "borrow_gpus": 0},
                                                "x86": {"gpus": 0}}}
        for name in ("a", "b")
    } | {"shared": {"cohort": "team-ab", "flavors": {"x86": {"gpus": 6}}}}  # fmt: skip
    result = go(queues, many("a", 30), pools=(("arm", 1, 64), ("x86", 1, 64)))
    assert held(result, 1.0) == {"a": 9 + 6}
    nodes = [r["node"] for r in result.ledger.to_pylist() if r["start_s"] == 0.0]
    assert nodes == ["arm-0"] * 9 + ["x86-0"] * 6  # its own flavor first


def test_a_pool_that_belongs_to_the_cohort():
    queues = {"mine": {"cohort": "hello", "gpus": 0}}
    result = go(queues, many("mine", 30), cohorts={"hello": {"gpus": 12}})
    assert held(result, 1.0) == {"mine": 12}


def test_limits_hold_at_every_level_of_a_tree():
    """left: 4 of its own, borrows at most 3; right lends at most 5 of its 10."""
    cohorts = {"root": {}, "left": {"parent": "root", "borrow_gpus": 3},
               "right": {"parent": "root", "lend_gpus": 5}}  # fmt: skip
    queues = {"l": {"cohort": "left", "gpus": 4}, "r": {"cohort": "right", "gpus": 10}}
    assert held(go(queues, many("l", 30), cohorts=cohorts), 1.0) == {"l": 4 + min(3, 5)}
    assert held(go(queues, many("r", 30), cohorts=cohorts), 1.0) == {"r": 10 + 4}


# ---- how a queue goes about its own jobs
def test_strict_fifo_blocks_behind_a_head_that_does_not_fit():
    jobs = [(0.0, "a", 5, 0.0, 100.0), (1.0, "a", 8), (2.0, "a", 1)]
    alone = {"a": {"gpus": 9}}
    assert running(go(alone, jobs, queueing_strategy="StrictFIFO"), 50.0) == {0}
    assert running(go(alone, jobs, queueing_strategy="BestEffortFIFO"), 50.0) == {0, 2}


@pytest.mark.parametrize(
    ("policy", "priority", "gives_way"),
    [
        ("Never", 5.0, False),
        ("LowerPriority", 5.0, True),
        ("LowerPriority", 0.0, False),
        ("LowerOrNewerEqualPriority", 5.0, True),
        ("LowerOrNewerEqualPriority", 0.0, False),  # those that run are older
    ],
)
def test_within_a_cluster_queue(policy, priority, gives_way):
    jobs = [(0.0, "a", 9), (1.0, "a", 4, priority)]
    result = go({"a": {"gpus": 9}}, jobs, within_cluster_queue=policy)
    assert running(result, 2.0) == ({1} if gives_way else {0})


def test_a_newer_job_of_equal_priority_gives_way():
    """The older waits for 7; a newer one of 3 goes by, and gives way when 6 come free."""
    jobs = [(0.0, "a", 3, 0.0, 10.0), (0.0, "a", 6, 0.0, 20.0), (1.0, "a", 7), (2.0, "a", 3)]
    result = go({"a": {"gpus": 9}}, jobs, within_cluster_queue="LowerOrNewerEqualPriority")
    assert running(result, 15.0) == {1, 3}
    assert running(result, 25.0) == {2}


# ---- taking back
def borrowed(priority, theirs=0.0):
    """a runs three jobs of 7 on its 9 and b's 12; then b comes for 12."""
    return [*many("a", 3, gpus=7, priority=theirs), (10.0, "b", 12, priority)]


@pytest.mark.parametrize(
    ("policy", "priority", "taken"),
    [("Never", 9.0, False), ("LowerPriority", 9.0, True), ("LowerPriority", 0.0, False),
     ("Any", 0.0, True), ("Any", -9.0, True)],
)  # fmt: skip
def test_reclaim_within_the_cohort(policy, priority, taken):
    result = go(TWO, borrowed(priority), reclaim_within_cohort=policy)
    # 21 - 12 = 9 stay with a: one job of 7; the least that must go are two
    assert held(result, 11.0) == ({"a": 7, "b": 12} if taken else {"a": 21})


def test_a_queue_within_its_quota_is_never_taken_from():
    jobs = [(0.0, "a", 9), (0.0, "b", 12), (1.0, "b", 1, 99.0)]
    result = go(TWO, jobs, reclaim_within_cohort="Any")
    assert running(result, 2.0) == {0, 1}


def test_the_lowest_priority_goes_then_the_latest_and_no_more_than_needed():
    jobs = [(0.0, "a", 7, 1.0), (1.0, "a", 7, 0.0), (2.0, "a", 4, 0.0), (3.0, "a", 3, 2.0),
            (10.0, "b", 5)]  # fmt: skip
    result = go(TWO, jobs, reclaim_within_cohort="Any")
    # in order: job 2 (4, latest of priority 0), then job 1 (7): 11 >= 5, and without 2 still 7 >= 5
    assert running(result, 11.0) - {4} == {0, 2, 3}


# ---- evicting in order to borrow: the story of proposal 1337
def story(**own):
    zero = {"cohort": "team-ab", "gpus": 0, "borrow_gpus": 100}
    names = ("a-standard", "a-best-effort", "b-standard", "b-best-effort")
    return dict.fromkeys(names, zero | own) | {
        "shared": {"cohort": "team-ab", "gpus": 100, "borrow_gpus": 0}
    }


@pytest.mark.parametrize(
    ("victim", "theirs", "taken"),
    [
        ("b-best-effort", 50.0, True),  # lower, and at most the threshold
        ("b-standard", 300.0, False),  # higher
        ("b-standard", 210.0, False),  # lower, but above the threshold
        ("shared", 50.0, False),  # lower, but within its own quota
    ],
)
def test_evicting_in_order_to_borrow(victim, theirs, taken):
    jobs = [(0.0, victim, 100, theirs), (1.0, "a-standard", 60, 250.0)]
    result = go(story(), jobs, reclaim_within_cohort="LowerPriority",
                borrow_within_cohort="LowerPriority", max_priority_threshold=100.0)  # fmt: skip
    assert running(result, 2.0) == ({1} if taken else {0})


def test_nobody_is_evicted_in_order_to_borrow_unless_told():
    jobs = [(0.0, "b-best-effort", 100, 50.0), (1.0, "a-standard", 60, 250.0)]
    result = go(story(), jobs, reclaim_within_cohort="LowerPriority")
    assert running(result, 2.0) == {0}


# ---- which flavor
FLAVORS = {
    "a": {"cohort": "team-ab", "flavors": {"x": {"gpus": 4}, "y": {"gpus": 8}}},
    "b": {"cohort": "team-ab", "flavors": {"x": {"gpus": 4}, "y": {"gpus": 0}}},
}


@pytest.mark.parametrize(
    ("knobs", "where"),
    [
        ({}, "x"),  # borrowing in the first flavor ends the search
        ({"when_can_borrow": "TryNextFlavor"}, "y"),  # without borrowing in the next
    ],
)
def test_borrow_or_try_the_next_flavor(knobs, where):
    result = go(FLAVORS, [(0.0, "a", 6)], pools=(("x", 1, 16), ("y", 1, 16)), **knobs)
    assert [r["node"] for r in result.ledger.to_pylist()] == [f"{where}-0"]


@pytest.mark.parametrize(
    ("knobs", "where", "evicted"),
    [
        ({}, "y-0", False),  # the next flavor fits without evicting
        ({"when_can_preempt": "MayStopSearch"}, "x-0", True),
    ],
)
def test_evict_or_try_the_next_flavor(knobs, where, evicted):
    jobs = [(0.0, "b", 8), (1.0, "a", 4)]  # b borrows a's 4 of x
    result = go(FLAVORS, jobs, pools=(("x", 1, 16), ("y", 1, 16)), reclaim_within_cohort="Any",
                **knobs)  # fmt: skip
    found = [r for r in result.ledger.to_pylist() if r["job_id"] == "1"]
    assert found[0]["node"] == where
    assert ("preempted" in result.ledger["why"].to_pylist()) == evicted


# ---- fair sharing
def backlog(names, n, at_s=0.0):
    return [job for i in range(n) for name in names for job in [(at_s + i * 1e-3, name, 1)]]


def test_shares_converge_to_weights_down_the_tree():
    """Proposal 1714, story 3: 300 in a cohort of their own; 1A, 1B, 1C (weight 3) against 2A."""
    cohorts = {"top": {}, "CS": {"parent": "top"}, "C1": {"parent": "top"}, "C2": {"parent": "top"}}
    queues = {
        "s": {"cohort": "CS", "gpus": 300},
        "1A": {"cohort": "C1", "gpus": 0},
        "1B": {"cohort": "C1", "gpus": 0},
        "1C": {"cohort": "C1", "gpus": 0, "weight": 3},
        "2A": {"cohort": "C2", "gpus": 0},
    }
    result = go(queues, backlog(("1A", "1B", "1C", "2A"), 300), cohorts, fair_sharing=True,
                reclaim_within_cohort="Any")  # fmt: skip
    whole, inner = 300 / 2, (1 + 1 + 3)
    assert held(result, 10.0) == {
        "1A": whole / inner, "1B": whole / inner, "1C": whole * 3 / inner, "2A": whole,
    }  # fmt: skip


def test_who_comes_late_takes_an_equal_share_of_what_is_borrowed():
    """Story 1: the team of the east fills a common pool, then the west comes."""
    queues = {"east": {"cohort": "all", "gpus": 10}, "west": {"cohort": "all", "gpus": 20}}
    jobs = backlog(("east",), 200) + backlog(("west",), 200, at_s=50.0)
    result = go(queues, jobs, {"all": {"gpus": 60}}, fair_sharing=True,
                reclaim_within_cohort="Any")  # fmt: skip
    assert held(result, 40.0) == {"east": 10 + 20 + 60}
    assert held(result, 60.0) == {"east": 10 + 60 / 2, "west": 20 + 60 / 2}


def test_important_and_regular_organisations():
    """Weights 0.75 and 0.25 of the same pool."""
    cohorts = {"root": {"gpus": 80}, "important": {"parent": "root", "weight": 0.75},
               "regular": {"parent": "root", "weight": 0.25}}  # fmt: skip
    queues = {"i": {"cohort": "important", "gpus": 0}, "r": {"cohort": "regular", "gpus": 0}}
    result = go(queues, backlog(("r", "i"), 200), cohorts, fair_sharing=True,
                reclaim_within_cohort="Any")  # fmt: skip
    assert held(result, 10.0) == {"i": 0.75 * 80, "r": 0.25 * 80}


@pytest.mark.parametrize(
    ("strategies", "taken"),
    [
        (["LessThanOrEqualToFinalShare"], False),
        (["LessThanInitialShare"], True),
        (["LessThanOrEqualToFinalShare", "LessThanInitialShare"], True),
    ],
)
def test_strategies_where_one_job_is_most_of_a_share(strategies, taken):
    """x borrows 10 of 12 with one job; y would borrow 6 with one of its own.

    After: 6 > 0, what x would keep; before: 6 < 10.
    """
    queues = {"x": {"cohort": "all", "gpus": 0}, "y": {"cohort": "all", "gpus": 0}}
    result = go(queues, [(0.0, "x", 10), (1.0, "y", 6)], {"all": {"gpus": 12}}, fair_sharing=True,
                reclaim_within_cohort="Any", preemption_strategies=strategies)  # fmt: skip
    assert running(result, 2.0) == ({1} if taken else {0})


def test_the_final_share_prefers_to_evict_the_smaller_job():
    """x borrows 8 + 4: without the 8 it has 4, less than y's 6; without the 4 it has 8."""
    queues = {"x": {"cohort": "all", "gpus": 0}, "y": {"cohort": "all", "gpus": 0}}
    jobs = [(0.0, "x", 8, 0.0), (1.0, "x", 4, 5.0), (2.0, "y", 6, 0.0)]
    result = go(queues, jobs, {"all": {"gpus": 14}}, fair_sharing=True, reclaim_within_cohort="Any")
    assert running(result, 3.0) == {0, 2}  # although the 8 is of lower priority
    result = go(queues, jobs, {"all": {"gpus": 14}}, fair_sharing=True, reclaim_within_cohort="Any",
                preemption_strategies=["LessThanInitialShare"])  # fmt: skip
    assert running(result, 3.0) == {1, 2}


def test_weight_0_is_always_taken_from_first():
    queues = {"x": {"cohort": "all", "gpus": 0, "weight": 0}, "y": {"cohort": "all", "gpus": 0}}
    jobs = backlog(("x",), 40) + backlog(("y",), 40, at_s=10.0)
    result = go(queues, jobs, {"all": {"gpus": 30}}, fair_sharing=True, reclaim_within_cohort="Any")
    assert held(result, 5.0) == {"x": 30}
    assert held(result, 20.0) == {"y": 30}
