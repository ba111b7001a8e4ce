"""Kubernetes' autoscaler, step by step against its documentation and a plain reading of it."""

import math

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.policies.autoscaler import Hpa, Keda
from sim.policies.autoscaler.hpa import each
from sim.state.scaling import NOTHING
from tests.scaling.seeing import play, seen

FREE = {"up_frac": -1.0, "up_count": 10**6, "down_window_s": 0.0}


def want(running, ready, **given):
    """Return the wish of a metric per replica with target 10, windows and rates aside."""
    knobs = {k: given.pop(k) for k in ("kind", "metric", "target") if k in given}
    policy = Hpa(**{"target": 10.0, **FREE, **knobs})
    return policy.desired(seen(running, ready, **given), NOTHING).replicas


def test_twice_the_target_doubles_half_of_it_halves():
    """The documentation: 200m of a desired 100m doubles, 50m halves."""
    assert want(4 * 20.0, 4) == 4 * 2
    assert want(4 * 5.0, 4) == 4 // 2


@pytest.mark.parametrize("mean", [9.01, 10.0, 10.99])
def test_within_a_tenth_of_the_target_nothing_changes(mean):
    assert want(10 * mean, 10) == 10


@pytest.mark.parametrize("mean", [8.9, 11.1, 13.7])
def test_beyond_a_tenth_it_is_the_ratio_rounded_up(mean):
    assert want(10 * mean, 10) == math.ceil(10 * mean / 10)


def test_replicas_that_start_count_as_idle_on_the_way_up():
    """Mean of 3 is 20; with 3 that start it is 10, the target: nothing more is asked for."""
    assert want(60.0, 3, starting=3) == 6
    assert want(90.0, 3, starting=1) == math.ceil(90 / 4 / 10 * 4)


def test_replicas_that_start_do_not_count_on_the_way_down():
    assert want(10.0, 4, starting=2) == math.ceil(10 / 4 / 10 * 4)


def test_who_is_ready_but_not_measured_counts_against_a_change():
    """Down: as the target. Up: as nothing. A change of sign keeps what there is."""
    assert want(4.0, 4, measured=2) == math.ceil((4 + 2 * 10) / 4 / 10 * 4)
    assert want(30.0, 4, measured=2) == 4  # 15 of two is up, 7.5 of four is down
    assert want(60.0, 4, measured=2) == math.ceil(60 / 4 / 10 * 4)


def test_a_value_of_the_service_and_one_shared_out():
    assert want(0.0, 3, kind="value", metric="waiting", waiting=25.0) == math.ceil(2.5 * 3)
    assert want(0.0, 3, kind="average_value", metric="waiting", waiting=45.0) == math.ceil(45 / 10)
    assert want(0.0, 3, kind="average_value", metric="waiting", waiting=32.0) == 3


def test_without_a_metric_nothing_changes():
    shown = seen(0.0, 3)
    empty = shown._replace(scrapes=type(shown.scrapes)(*(c[:0] for c in shown.scrapes)))
    assert Hpa().desired(empty, NOTHING).replicas == 3


def test_up_by_four_or_by_all_again_in_a_period():
    """The default policies: 100 % or 4 replicas every 15 s, the greater."""
    there, expected = 1, []
    for _ in range(5):
        there = max(there + 4, 2 * there)
        expected.append(there)
    assert play(Hpa(target=1.0), [1e4] * 5, 1) == expected


def test_down_by_a_tenth_and_by_four_as_documented():
    """80 to 10: 10 % a minute, rounded up, as long as it is more than 4 replicas, then 4."""
    policy = Hpa(
        target=1.0, down_frac=0.1, down_count=4, down_period_s=60.0, down_window_s=0.0, every_s=60.0
    )
    there, expected = 80, []
    while there > 10:
        there = max(min(there - math.ceil(there / 10), there - 4), 10)
        expected.append(there)
    assert expected[:2] == [72, 64]
    assert play(policy, [10.0] * len(expected), 80) == expected


def test_down_only_to_the_most_advice_of_five_minutes():
    loads = [100.0] + [10.0] * 30
    made = play(Hpa(target=1.0, up_count=1000), loads, 100)
    window = 300 // 15
    assert made == [100] * window + [10] * (len(loads) - window)


def plain_behaviour(policy, ready, advice):
    """Return the replicas of each sync, as one reads horizontal.go: lists of what happened."""
    recommended, ups, downs, made = [(policy.every_s, ready)], [], [], []
    for i, wanted in enumerate(advice):
        now = (i + 1) * policy.every_s
        up = min([r for t, r in recommended if t > now - policy.up_window_s] + [wanted])
        down = max([r for t, r in recommended if t > now - policy.down_window_s] + [wanted])
        recommended.append((now, wanted))
        want = up if ready < up else ready
        want = down if want > down else want

        def events(happened, period, now=now):
            return sum(n for t, n in happened if t > now - period)

        if want > ready:
            begin = ready - events(ups, policy.up_period_s) + events(downs, policy.up_period_s)
            both = (begin + policy.up_count, math.ceil(begin * (1 + policy.up_frac)))
            limit = max(both) if policy.up_select == "max" else min(both)
            new = min(want, max(limit, ready))
            ups += [(now, new - ready)] * (new > ready)
        else:
            begin = ready - events(ups, policy.down_period_s) + events(downs, policy.down_period_s)
            both = (begin - policy.down_count, int(begin * (1 - policy.down_frac)))
            limit = min(both) if policy.down_select == "max" else max(both)
            new = max(want, min(limit, ready)) if want < ready else ready
            downs += [(now, ready - new)] * (new < ready)
        ready = new
        made.append(ready)
    return made


@pytest.mark.parametrize("seed", range(20))
def test_windows_and_rates_agree_with_the_plain_reading(seed):
    draw = np.random.default_rng(seed)
    policy = Hpa(
        target=1.0,
        tolerance_frac=0.0,
        up_window_s=float(draw.choice([0, 30, 60])),
        up_frac=float(draw.choice([0.1, 0.5, 1.0])),
        up_count=int(draw.integers(1, 6)),
        up_period_s=float(draw.choice([15, 60])),
        up_select=str(draw.choice(["max", "min"])),
        down_window_s=float(draw.choice([0, 60, 300])),
        down_frac=float(draw.choice([0.1, 0.5, 1.0])),
        down_count=int(draw.integers(1, 6)),
        down_period_s=float(draw.choice([15, 60])),
        down_select=str(draw.choice(["max", "min"])),
    )
    loads = np.repeat(draw.integers(1, 60, 40), draw.integers(1, 8, 40)).astype(float)
    # a target of 1: what is advised is the load itself, whoever is ready, as milli may round
    assert play(policy, loads, 7) == plain_behaviour(policy, 7, advised(policy, loads))


def advised(policy, loads):
    """Return the advice of each sync along the run: ceil(ready * floor(milli mean) / target)."""
    made, notes, ready = [], NOTHING, 7
    for i, load in enumerate(loads):
        shown = seen(load, ready, now_s=(i + 1) * 15.0)
        made.append(each(shown, int(load * 1000), 1000, 0.0))
        wish = policy.desired(shown, notes)
        ready, notes = wish.replicas, wish.notes
    return made


def test_keda_goes_to_none_after_the_cooldown_and_to_one_at_the_next_poll():
    policy = Keda(down_window_s=0.0)
    loads = [50.0] * 4 + [0.0] * 40 + [10.0] * 4
    made = play(policy, loads, 2, least=0)
    last_poll = 3 * 15.0  # polls are at 15 s, 45 s, ...: the last that saw activity
    none = next(i for i, n in enumerate(made) if n == 0)
    assert (none + 1) * 15.0 == last_poll + policy.cooldown_s
    assert set(made[5:none]) == {1}
    woken = next(i for i in range(none, len(made)) if made[i] == 1)
    assert 0 <= (woken + 1) * 15.0 - 45 * 15.0 <= policy.polling_s


def test_keda_above_one_is_the_metric_shared_out():
    made = play(Keda(target=10.0, up_count=1000), [95.0], 1, least=0)
    assert made == [math.ceil(95 / 10)]


def test_wrong_numbers_are_named_together():
    with pytest.raises(ScenarioError) as told:
        Hpa(target=0.0, every_s=0.0, down_window_s=-1.0)
    assert [text.split(":")[0] for text in told.value.issues] == [
        "autoscaler.down_window_s",
        "autoscaler.every_s",
        "autoscaler.target",
    ]
