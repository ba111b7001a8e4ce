"""Each node scaler against the arithmetic of its documentation; packing against trying all."""

import math
from itertools import permutations

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.policies import node_scaler
from sim.policies.node_scaler import (
    CloudBurst,
    ClusterAutoscaler,
    Karpenter,
    Lending,
    NoNodeScaler,
    PowerDown,
)
from sim.policies.node_scaler.packing import new_nodes, pieces_of
from sim.state.scaling import NOTHING, FleetSeen, NodesSeen, PoolsSeen, WaitingSeen

ALL = [getattr(node_scaler, n) for n in node_scaler.__all__ if n != "AbstractNodeScaler"]


def fleet(pools, nodes=(), waiting=(), now_s=0.0, booting=None, failed=None):
    """Return what a node scaler sees.

    pools: (GPUs, CPUs, price, least, most); nodes: (pool, free GPUs, free CPUs, idle since, may
    move); waiting: (nodes, GPUs each, CPUs each, since).
    """
    p = len(pools)
    gpus, cpus, price, least, most = (np.array(c) for c in zip(*pools, strict=True))
    pool = np.array([n[0] for n in nodes], np.int64)
    up = NodesSeen(
        np.arange(len(nodes)) + 100,
        pool,
        np.array([n[1] for n in nodes], np.int64),
        np.array([n[2] for n in nodes], float),
        np.array([n[3] for n in nodes], float),
        np.array([n[4] for n in nodes], bool),
    )
    queue = WaitingSeen(
        np.array([w[0] for w in waiting], np.int64),
        np.array([w[1] for w in waiting], np.int64),
        np.array([w[2] for w in waiting], float),
        np.ones((len(waiting), p), bool),
        np.array([w[3] for w in waiting], float),
    )
    ready = np.bincount(pool, minlength=p)
    return FleetSeen(
        now_s,
        PoolsSeen(
            gpus.astype(np.int64), cpus.astype(float), price.astype(float), ready,
            np.array(booting if booting is not None else [0] * p), least, most,
        ),
        up,
        queue,
        np.array(failed if failed is not None else [0] * p),
    )  # fmt: skip


EIGHT = (8, 96.0, 20.0, 0, 100)
IDLE = (0, 8, 96.0, 0.0, True)
FULL = (0, 0, 0.0, math.inf, True)


@pytest.mark.parametrize("policy", ALL, ids=lambda p: p.__name__)
def test_the_same_seen_gives_the_same_wish_within_the_pools_bounds(policy):
    pools = [(8, 96.0, 20.0, 1, 4), (4, 48.0, 9.0, 0, 2)]
    nodes = [IDLE, IDLE, FULL, (1, 4, 48.0, 0.0, True)]
    for waiting in ((), [(1, 8, 8.0, 0.0)] * 30):
        shown = fleet(pools, nodes, waiting, now_s=90_000.0)
        one, again = (policy().wish(shown, NOTHING) for _ in range(2))
        for a, b in zip(one, again, strict=True):
            np.testing.assert_array_equal(a, b)
        there = shown.pools.ready + shown.pools.booting
        assert (there + one.add <= np.maximum(shown.pools.most, there)).all()
        gone = np.bincount(shown.nodes.pool[one.remove], minlength=2)
        assert (shown.pools.ready - gone >= shown.pools.least).all()
        assert one.notes.ndim == 2
        assert one.notes.shape[1] == 3


@pytest.mark.parametrize("policy", ALL, ids=lambda p: p.__name__)
def test_what_is_never_asked_is_refused(policy):
    with pytest.raises(ScenarioError, match=r"node_scaler.every_s: is 0.0; must be"):
        policy(every_s=0.0)


def test_none_does_nothing():
    wish = NoNodeScaler().wish(fleet([EIGHT], [IDLE], [(9, 8, 1.0, 0.0)], 1e9), NOTHING)
    assert not wish.add.any()
    assert not wish.remove.any()


# ---------------------------------------------------------------- packing


def fewest_by_hand(sizes, whole):
    """Return the fewest nodes, all orders of next fit tried: the best of them is the optimum."""
    best = len(sizes)
    for order in permutations(sizes):
        count, left = 0, 0
        for size in order:
            if size > left:
                count, left = count + 1, whole
            left -= size
        best = min(best, count)
    return best


@pytest.mark.parametrize("seed", range(15))
def test_first_fit_decreasing_is_within_its_bound_of_the_fewest(seed):
    """11/9 of the fewest and 6/9 more (Dosa 2007)."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 9, int(draw.integers(1, 7)))
    shown = fleet([EIGHT], (), [(1, int(s), 1.0, 0.0) for s in sizes])
    count, taken = new_nodes(shown, pieces_of(shown), 0, 100)
    assert taken.all()
    assert count <= math.floor(11 / 9 * fewest_by_hand(list(sizes), 8) + 6 / 9)
    assert count >= math.ceil(sizes.sum() / 8)


def test_no_more_nodes_than_there_may_be_and_the_rest_waits():
    shown = fleet([EIGHT], (), [(5, 8, 1.0, 0.0)])
    count, taken = new_nodes(shown, pieces_of(shown), 0, 3)
    assert count == 3
    assert taken.sum() == 3


# ---------------------------------------------------------------- Cluster Autoscaler


def test_only_what_fits_nowhere_gets_nodes_and_those_that_boot_count():
    policy = ClusterAutoscaler()
    waiting = [(1, 8, 8.0, 0.0)] * 5
    shown = fleet([EIGHT], [IDLE, FULL], waiting, booting=[2])
    assert policy.wish(shown, NOTHING).add.tolist() == [5 - 1 - 2]


def test_least_waste_counts_cpus_alone():
    """One GPU and 8 CPUs: 8 of 8 CPUs on a node of 8 GPUs wastes none, though 7 GPUs idle."""
    pools = [(1, 16.0, 3.0, 0, 9), (8, 8.0, 24.0, 0, 9)]
    shown = fleet(pools, (), [(1, 1, 8.0, 0.0)])
    assert ClusterAutoscaler().wish(shown, NOTHING).add.tolist() == [0, 1]
    by = {e: ClusterAutoscaler(expander=e).wish(shown, NOTHING).add.tolist()
          for e in ("least_waste_gpus", "price", "most_pieces")}  # fmt: skip
    assert by == {"least_waste_gpus": [1, 0], "price": [1, 0], "most_pieces": [1, 0]}


def scans(policy, shown_at, steps):
    """Return the wishes of scan after scan."""
    notes, made = NOTHING, []
    for i in range(steps):
        wish = policy.wish(shown_at(i * policy.every_s), notes)
        notes = wish.notes
        made.append(wish)
    return made


def test_an_unneeded_node_goes_after_ten_minutes_and_ten_empty_at_once():
    made = scans(ClusterAutoscaler(), lambda now: fleet([EIGHT], [IDLE] * 12, now_s=now), 62)
    first = next(i for i, w in enumerate(made) if w.remove.any())
    assert first * 10.0 == 600.0
    assert made[first].remove.sum() == 10


def test_a_node_at_half_its_gpus_stays_one_below_goes_alone_if_its_work_fits():
    half, below = (0, 4, 48.0, math.inf, True), (0, 5, 60.0, math.inf, True)
    for nodes, gone in (([half] * 3, 0), ([below, below], 1), ([below, FULL], 0)):
        made = scans(ClusterAutoscaler(), lambda now, n=nodes: fleet([EIGHT], n, now_s=now), 62)
        assert max(w.remove.sum() for w in made) == gone
    stuck = (0, 5, 60.0, math.inf, False)
    made = scans(ClusterAutoscaler(), lambda now: fleet([EIGHT], [stuck] * 2, now_s=now), 62)
    assert not any(w.remove.any() for w in made)


def test_busy_in_between_starts_the_ten_minutes_anew():
    def shown(now):
        busy = now == 300.0
        return fleet([EIGHT], [FULL if busy else IDLE], now_s=now)

    made = scans(ClusterAutoscaler(), shown, 100)
    first = next(i for i, w in enumerate(made) if w.remove.any())
    assert first * 10.0 == 310.0 + 600.0


def test_after_a_node_was_asked_for_none_goes_for_ten_minutes():
    def shown(now):
        return fleet([EIGHT], [IDLE], [(1, 9 if now else 8, 1.0, 0.0)] * 2, now_s=now)

    made = scans(ClusterAutoscaler(unneeded_s=0.0), shown, 70)
    assert made[0].add.tolist() == [1]
    first = next(i for i, w in enumerate(made) if w.remove.any())
    assert first * 10.0 == 600.0


def test_a_pool_that_failed_is_left_alone_longer_each_time():
    policy = ClusterAutoscaler()
    pools, waiting = [EIGHT, (8, 192.0, 30.0, 0, 9)], [(1, 8, 8.0, 0.0)]
    notes, asked = NOTHING, []
    for i in range(240):
        failed = [int(bool(asked) and asked[-1][0]), 0]
        wish = policy.wish(fleet(pools, (), waiting, 10.0 * i, failed=failed), notes)
        notes = wish.notes
        asked.append(wish.add.tolist())
    at = [10.0 * i for i, add in enumerate(asked) if add[0]]
    assert at[0] == 0.0
    assert at[1] - (at[0] + 10.0) == 300.0  # told of it a scan later
    assert at[2] - (at[1] + 10.0) == 600.0
    assert all(add[1] for i, add in enumerate(asked) if not add[0])  # the other pool meanwhile


# ---------------------------------------------------------------- Karpenter


def test_a_batch_closes_after_a_second_of_quiet_or_ten_seconds():
    policy = Karpenter(every_s=1.0)
    assert not policy.wish(fleet([EIGHT], (), [(1, 8, 1.0, 5.0)], 5.5), NOTHING).add.any()
    assert policy.wish(fleet([EIGHT], (), [(1, 8, 1.0, 5.0)], 6.0), NOTHING).add.any()
    busy = [(1, 8, 1.0, float(s)) for s in range(10)]
    assert not policy.wish(fleet([EIGHT], (), busy, 9.5), NOTHING).add.any()
    assert policy.wish(fleet([EIGHT], (), busy, 10.0), NOTHING).add.any()


def test_the_cheapest_nodes_that_hold_the_batch():
    pools = [(8, 96.0, 20.0, 0, 9), (4, 48.0, 11.0, 0, 9), (1, 12.0, 3.0, 0, 9)]
    waiting = [(1, 1, 1.0, 0.0), (1, 4, 1.0, 0.0), (1, 3, 1.0, 0.0)]
    wish = Karpenter().wish(fleet(pools, (), waiting, 60.0), NOTHING)
    assert wish.add.tolist() == [1, 0, 0]  # 4 + 3 + 1 share one node of 8
    wish = Karpenter().wish(fleet(pools, (), waiting[1:2], 60.0), NOTHING)
    assert wish.add.tolist() == [0, 1, 0]
    short = fleet(pools, (), waiting[1:2], 60.0, failed=[0, 1, 0])
    assert Karpenter().wish(short, NOTHING).add.tolist() == [1, 0, 0]


def test_empty_nodes_go_a_tenth_at_once_rounded_up():
    wish = Karpenter().wish(fleet([EIGHT], [IDLE] * 11 + [FULL], now_s=60.0), NOTHING)
    assert wish.remove.sum() == math.ceil(0.1 * 12)
    held = Karpenter(consolidate_after_s=61.0).wish(fleet([EIGHT], [IDLE] * 3, now_s=60.0), NOTHING)
    assert not held.remove.any()


def test_one_that_fits_elsewhere_goes_else_a_cheaper_one_takes_its_place():
    pools = [EIGHT, (1, 12.0, 3.0, 0, 9)]
    little, most = (0, 7, 88.0, math.inf, True), (0, 2, 24.0, math.inf, True)
    wish = Karpenter().wish(fleet(pools, [little, most], now_s=60.0), NOTHING)
    assert wish.remove.tolist() == [True, False]
    assert not wish.add.any()
    wish = Karpenter().wish(fleet(pools, [little, FULL], now_s=60.0), NOTHING)
    assert wish.add.tolist() == [0, 1]
    assert not wish.remove.any()  # it is waited for
    wish = Karpenter().wish(fleet(pools, [little, FULL], now_s=70.0, booting=[0, 1]), wish.notes)
    assert not wish.add.any()
    assert not wish.remove.any()
    there = [little, FULL, (1, 1, 12.0, 75.0, True)]
    ready = Karpenter().wish(fleet(pools, there, now_s=80.0), wish.notes)
    assert ready.remove.tolist() == [True, False, False]
    moved = [FULL, (1, 1, 12.0, 75.0, True)]  # told to go, not gone yet: its place is kept
    going = fleet(pools, moved, now_s=90.0)._replace(leaving=np.array([1, 0]))
    assert not Karpenter().wish(going, ready.notes).remove.any()
    full = [little, FULL, (1, 0, 0.0, math.inf, False)]  # another has taken it: all begins anew
    lost = Karpenter().wish(fleet(pools, full, now_s=80.0), wish.notes)
    assert not lost.remove.any()
    assert lost.add.tolist() == [0, 1]
    kept = Karpenter(underutilized=False).wish(fleet(pools, [little, FULL], now_s=60.0), NOTHING)
    assert not kept.remove.any()


# ---------------------------------------------------------------- cloud burst


CLOUD = [(8, 96.0, 0.0, 2, 2), (8, 96.0, 40.0, 0, 20), (4, 48.0, 15.0, 0, 20)]
OWN = [(0, 0, 0.0, math.inf, False)] * 2


def burst(waiting, now_s=600.0, **given):
    return CloudBurst().wish(fleet(CLOUD, OWN, waiting, now_s, **given), NOTHING).add.tolist()


def test_a_job_bursts_only_after_its_patience_and_to_the_cheapest_that_holds_it():
    assert burst([(1, 4, 4.0, 1.0)]) == [0, 0, 0]
    assert burst([(1, 4, 4.0, 0.0)]) == [0, 0, 1]
    assert burst([(1, 8, 8.0, 0.0)]) == [0, 1, 0]
    assert burst([(4, 2, 8.0, 0.0)]) == [0, 0, 2]  # two to a node, 30 usd, against one of 40
    assert burst([(4, 2, 8.0, 0.0)], failed=[0, 0, 1]) == [0, 1, 0]


def test_a_gang_gets_all_its_nodes_or_none_and_small_jobs_share():
    assert burst([(21, 8, 8.0, 0.0)]) == [0, 0, 0]
    assert burst([(20, 8, 8.0, 0.0)]) == [0, 20, 0]
    assert burst([(1, 1, 1.0, 0.0)] * 8) == [0, 0, 2]
    assert burst([(3, 8, 8.0, 0.0)], booting=[0, 2, 0]) == [0, 1, 0]


def test_a_rented_node_goes_back_when_idle_unless_somebody_waits_for_it():
    nodes = [*OWN, (1, 8, 96.0, 0.0, True)]
    gone = CloudBurst().wish(fleet(CLOUD, nodes, (), 600.0), NOTHING).remove
    assert gone.tolist() == [False, False, True]
    early = CloudBurst().wish(fleet(CLOUD, nodes, (), 599.0), NOTHING).remove
    assert not early.any()
    wanted = CloudBurst().wish(fleet(CLOUD, nodes, [(1, 8, 8.0, 590.0)], 600.0), NOTHING)
    assert not wanted.remove.any()
    assert not wanted.add.any()


def test_a_stock_out_is_asked_again_after_its_back_off():
    one = [(8, 96.0, 40.0, 0, 20)]
    notes, at, failed = NOTHING, [], [0]
    for i in range(40):
        now_s = 600.0 + 60.0 * i
        wish = CloudBurst().wish(fleet(one, (), [(1, 8, 8.0, 0.0)], now_s, failed=failed), notes)
        notes, failed = wish.notes, wish.add.tolist()
        at += [now_s] * bool(wish.add.any())
    assert np.diff(at).tolist() == [660.0] * (len(at) - 1)  # 600 s from being told, 60 s later


# ---------------------------------------------------------------- power, lending


def test_idle_nodes_are_switched_off_the_oldest_first_spares_kept():
    nodes = [(0, 8, 96.0, float(s), True) for s in (300, 0, 200, 100)] + [FULL]
    made = PowerDown(spare=1).wish(fleet([EIGHT], nodes, now_s=2000.0), NOTHING)
    assert made.remove.tolist() == [False, True, True, True, False]
    made = PowerDown(spare=2).wish(fleet([EIGHT], nodes, now_s=1850.0), NOTHING)
    assert made.remove.tolist() == [False, True, False, False, False]


def test_rates_bound_how_many_are_switched_at_once():
    shown = fleet([EIGHT], [IDLE] * 30, now_s=1800.0)
    assert PowerDown().wish(shown, NOTHING).remove.sum() == 60 * 10 // 60
    assert PowerDown(off_per_minute=0).wish(shown, NOTHING).remove.sum() == 30
    shown = fleet([(8, 96.0, 0.0, 0, 200)], (), [(1, 8, 8.0, 0.0)] * 90)
    assert PowerDown().wish(shown, NOTHING).add.tolist() == [300 * 10 // 60]


def test_a_waiting_gang_switches_on_what_it_misses_and_keeps_what_it_has():
    nodes = [IDLE, IDLE]
    made = PowerDown().wish(fleet([EIGHT], nodes, [(5, 8, 8.0, 0.0)], 1e4), NOTHING)
    assert made.add.tolist() == [3]
    assert not made.remove.any()
    never = PowerDown().wish(fleet([EIGHT], nodes, [(500, 8, 8.0, 0.0)], 1e4), NOTHING)
    assert not never.add.any()
    assert never.remove.all()  # it cannot use them


def test_nodes_are_lent_at_the_hour_and_called_back_with_notice():
    policy = Lending(plan=((0.0, 3.0), (7.0, 1.0)), notice_s=120.0)
    hour = 3600.0
    three = [FULL, (0, 3, 40.0, math.inf, True), (0, 8, 96.0, 0.0, True)]
    for day in (0, 2):
        base = day * 86400.0
        made = policy.wish(fleet([EIGHT], [], now_s=base + hour), NOTHING)
        assert made.add.tolist() == [3]
        kept = policy.wish(fleet([EIGHT], three, now_s=base + 7 * hour - 121.0), NOTHING)
        assert not kept.remove.any()
        called = policy.wish(fleet([EIGHT], three, now_s=base + 7 * hour - 120.0), NOTHING)
        assert called.remove.tolist() == [False, True, True]  # idle, then the least used
        before = policy.wish(fleet([EIGHT], [FULL], now_s=base + 24 * hour - 60.0), NOTHING)
        assert not before.add.any()  # a notice is for calling back, not for lending earlier


def test_who_is_called_back_last_is_who_may_not_move():
    policy = Lending(plan=((0.0, 1.0),))
    stuck = (0, 7, 90.0, math.inf, False)
    made = policy.wish(fleet([EIGHT], [stuck, FULL], now_s=10.0), NOTHING)
    assert made.remove.tolist() == [False, True]


def test_plans_that_cannot_be_are_refused():
    for plan in ((), ((25.0, 1.0),), ((1.0, -1.0),), ((1.0, math.inf),)):
        with pytest.raises(ScenarioError, match=r"node_scaler.plan"):
            Lending(plan=plan)


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        *[({"plan": ((0.0, 1.0), (8.0, many))}, {"plan[1]": f"has {many:g} nodes"})
          for many in (math.inf, math.nan, -1.0)],
        *[({"plan": ((hour, 1.0),)}, {"plan[0]": f"at hour {hour:g}"})
          for hour in (math.inf, math.nan, -1.0, 24.0)],
        ({"plan": ((0.0, math.inf), (math.inf, 1.0), (1.0,))},
         {"plan[0]": "inf nodes", "plan[1]": "hour inf", "plan[2]": "is [1.0]"}),
        ({"plan": ()}, {"plan": "is empty"}),
        ({"plan": ((1.0, 1.0),), "period_s": 3600.0}, {"plan[0]": "below 1, the period"}),
        ({"period_s": 0.0}, {"period_s": "is 0"}),
        ({"period_s": -1.0, "plan": ((30.0, 1.0),)}, {"period_s": "is -1"}),
        ({"notice_s": math.inf}, {"notice_s": "is inf"}),
        ({"every_s": math.inf}, {"every_s": "is inf"}),
    ],
)  # fmt: skip
def test_of_a_plan_it_is_told_which_entry_what_it_is_and_what_it_must_be(knobs, told):
    with pytest.raises(ScenarioError) as caught:
        Lending(**knobs)
    found = [text.partition(": ") for text in caught.value.issues]
    assert [place for place, _, _ in found] == [f"node_scaler.{place}" for place in told]
    for (_, _, text), what in zip(found, told.values(), strict=True):
        assert what in text
        assert "; must be " in text
        if "inf" in what and "hour" not in what:
            assert "must be a finite " in text
