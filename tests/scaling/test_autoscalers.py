"""Each autoscaler against the arithmetic of its documentation."""

import math
from itertools import pairwise

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.physics.batching import Batching, most_per_s, requests_like
from sim.policies import autoscaler
from sim.policies.autoscaler import (
    ByPool,
    Dynamo,
    Hpa,
    Keda,
    Kpa,
    NoAutoscaler,
    Oracle,
    Predictive,
    RayServe,
    SageServe,
    Scheduled,
    SloDriven,
    StaticPeak,
    StepScaling,
    TargetTracking,
    Wva,
)
from sim.policies.autoscaler.base import AbstractAutoscaler
from sim.policies.autoscaler.forecast import autoregressive, binned, seasonal
from sim.policies.autoscaler.whole_numbers import allot
from sim.state.scaling import NOTHING
from tests.scaling.seeing import H100_70B, demand, play, seen

ALL = [getattr(autoscaler, name) for name in autoscaler.__all__ if name != "AbstractAutoscaler"]


def per_s(prompt, output, replica=H100_70B):
    """Return what one replica answers, joined from the closed form."""
    model = Batching(replica.decode_s, replica.mixed_s, replica.batch, replica.kv_tokens)
    return float(most_per_s(model, requests_like(prompt, output), replica.tpot_slo_s))


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("policy", ALL, ids=lambda p: p.__name__)
def test_the_same_seen_gives_the_same_wish_and_the_notes_are_not_written_on(policy):
    shown = seen([30.0] * 80, 3, starting=1, arrivals=20.0, prompt_tokens=2e4, output_tokens=4e3,
                 ahead=demand([60.0] * 30), each_kv=[0.5] * 3, each_waiting=[1.0] * 3)  # fmt: skip
    one = policy()
    first = one.desired(shown, NOTHING)
    second = one.desired(shown, first.notes)
    again = one.desired(shown, NOTHING)
    assert first.replicas == again.replicas
    np.testing.assert_array_equal(first.notes, again.notes)
    kept = first.notes.copy()
    assert one.desired(shown, first.notes).replicas == second.replicas
    np.testing.assert_array_equal(first.notes, kept)
    assert NOTHING.shape == (0, 3)
    assert first.notes.ndim == 2
    assert first.notes.shape[1] == 3
    assert type(first.replicas) is int


@pytest.mark.parametrize("policy", ALL, ids=lambda p: p.__name__)
def test_a_wish_lies_between_the_least_and_the_most(policy):
    for load in (0.0, 1e5):
        shown = seen([load] * 80, 4, least=2, most=5, arrivals=load, prompt_tokens=load * 1e3,
                     output_tokens=load * 200, ahead=demand([load] * 30),
                     each_kv=[min(load, 1.0)] * 4, each_waiting=[load] * 4)  # fmt: skip
        assert 2 <= policy().desired(shown, NOTHING).replicas <= 5


@pytest.mark.parametrize("policy", ALL, ids=lambda p: p.__name__)
def test_what_is_never_asked_is_refused(policy):
    if policy is ByPool:  # it asks as often as those it is made of
        return
    with pytest.raises(ScenarioError, match=r"autoscaler.every_s: is 0.0; must be"):
        policy(every_s=0.0)


@pytest.mark.parametrize("policy", ALL, ids=lambda p: p.__name__)
def test_nothing_seen_asks_for_what_there_is_or_the_plan(policy):
    shown = seen(0.0, 3, ahead=demand([0.0]))
    empty = shown._replace(scrapes=type(shown.scrapes)(*(c[:0] for c in shown.scrapes)))
    assert 1 <= policy().desired(empty, NOTHING).replicas <= 1000


@pytest.mark.parametrize("policy", ALL, ids=lambda p: p.__name__)
def test_no_service_gets_no_wish(policy):
    assert policy().together([], []) == []


def test_only_the_oracle_sees_ahead():
    assert [p for p in ALL if p.sees_ahead] == [Oracle]


def test_a_policy_of_ones_own_takes_ten_lines():
    class Queue(AbstractAutoscaler):
        def desired(self, shown, notes):
            busy = shown.scrapes.waiting[-1] > 5.0
            return autoscaler.base.Wish(shown.ready + shown.starting + int(busy), notes)

    assert play(Queue(), [0.0], 2) == [2]


@pytest.mark.parametrize("ready", [1, 100])
@pytest.mark.parametrize(
    "policy",
    [
        Hpa(target=20.0),
        Keda(target=20.0),
        Kpa(target=20.0, used_frac=1.0),
        RayServe(target=20.0),
        TargetTracking(target=20.0),
    ],
    ids=lambda p: type(p).__name__,
)
def test_under_a_steady_load_it_settles_near_load_over_target(policy, ready):
    """From above and from below; where nothing changes is within a tenth of the target, or one."""
    made = play(policy, [500.0] * 1500, ready)
    assert len(set(made[-300:])) == 1
    low, high = 500.0 / (20.0 * 1.1), 500.0 / (20.0 * 0.9)
    assert math.floor(low) <= made[-1] <= math.ceil(high)


# ---------------------------------------------------------------- none, static, scheduled


def test_none_keeps_the_least_static_peak_keeps_its_number():
    assert play(NoAutoscaler(), [1e3] * 3, 1, least=2) == [2] * 3
    assert play(StaticPeak(replicas=7), [0.0] * 3, 7) == [7] * 3
    assert play(StaticPeak(), [0.0], 1, most=9) == [9]
    assert StaticPeak(replicas=7).start(seen()) == 7


def test_a_schedule_holds_from_its_hour_or_its_lead_and_comes_round():
    policy = Scheduled(plan=((20.0, 2.0), (7.0, 8.0)), lead_s=600.0)
    for day in (0, 3):
        at = [(h * 3600.0 + s, n) for h, s, n in
              ((0, 0, 2), (7, -601, 2), (7, -600, 8), (19, 0, 8), (20, -600, 2), (23, 0, 2))]  # fmt: skip
        for now_s, n in at:
            shown = seen(now_s=day * 86400.0 + now_s)
            assert policy.desired(shown, NOTHING).replicas == n


def test_a_plan_that_cannot_be_is_refused():
    for plan in ((), ((25.0, 1.0),), ((1.0, -1.0),), ((1.0,),)):
        with pytest.raises(ScenarioError, match=r"autoscaler.plan"):
            Scheduled(plan=plan)
    with pytest.raises(ScenarioError) as caught:
        Scheduled(plan=((7.0, 8.0), (math.inf, 2.0), (8.0, math.nan)), lead_s=math.inf)
    told = ("lead_s: is inf", "plan[1]: begins at hour inf", "plan[2]: has nan replicas")
    for text, what in zip(caught.value.issues, told, strict=True):
        assert text.startswith(f"autoscaler.{what}; must be ")


def test_a_plan_without_bound_is_as_many_as_may_be():
    """No more than `most` are ever there, so that a plan of more is one of `most`."""
    for many in (9.0, 10.0, math.inf):
        policy = Scheduled(plan=((0.0, many),))
        assert policy.desired(seen(most=9), NOTHING).replicas == 9


# ---------------------------------------------------------------- Knative


def kpa(loads, ready=1, **knobs):
    return play(Kpa(target=10.0, used_frac=1.0, **knobs), loads, ready)


def test_knative_wants_the_mean_over_the_target():
    """The documentation: a target of 10 and 50 at once makes 5."""
    assert kpa([50.0] * 40)[-1] == math.ceil(50 / 10)


def test_knative_aims_at_seventy_percent_of_a_hundred():
    assert play(Kpa(), [500.0] * 40, 1)[-1] == math.ceil(500 / (100 * 0.7))


def test_panic_follows_the_short_mean_and_never_falls_for_a_stable_window():
    loads = [10.0] * 30 + [60.0] * 3 + [10.0] * 60
    made = kpa(loads, 1)
    assert made[29] == 1
    short = [math.ceil(np.mean(loads[i - 2 : i + 1]) / 10) for i in range(30, 33)]
    assert made[30:33] == list(np.maximum.accumulate(short))
    top = max(made)
    last_over = max(i for i, n in enumerate(made[:-1]) if i >= 30 and
                    math.ceil(np.mean(loads[i - 2 : i + 1]) / 10) / made[i - 1] >= 2.0)  # fmt: skip
    held = made[32 : last_over + 1 + 30]  # 60 s of 2 s, and until it is more than that
    assert set(held) == {top}
    assert made[last_over + 31] < top


def test_knative_falls_to_half_at_most_once_it_is_calm():
    made = kpa([640.0] * 40 + [0.0] * 120, 64)
    falls = [(a, b) for a, b in pairwise(made) if b < a]
    assert falls
    assert all(b >= a // 2 for a, b in falls)


def test_knative_starts_in_panic_with_more_than_one():
    assert kpa([0.0] * 30, 8)[:30] == [8] * 30


def test_a_scale_down_delay_keeps_the_most_that_was_wanted():
    quick = kpa([30.0] * 35 + [10.0] * 100, 1)
    slow = kpa([30.0] * 35 + [10.0] * 100, 1, down_delay_s=40.0)
    first = next(i for i, n in enumerate(quick) if i > 34 and n < 3)
    later = next(i for i, n in enumerate(slow) if i > 34 and n < 3)
    assert later - first == 40 // 2 - 1  # so many samples, the new one among them


# ---------------------------------------------------------------- Ray Serve


def test_ray_serve_acts_after_more_than_its_delay():
    policy = RayServe(target=2.0, up_delay_s=30.0, look_back_s=1.0)
    made = play(policy, [20.0] * 40, 2)
    assert made == [2] * 30 + [math.ceil(2 * (20 / (2 * 2)))] * 10


def test_ray_serve_starts_counting_anew_when_it_turns():
    policy = RayServe(target=2.0, up_delay_s=5.0, look_back_s=1.0)
    made = play(policy, [20.0] * 4 + [4.0] + [20.0] * 7, 2)
    assert made == [2] * 10 + [10] * 2


def test_ray_serve_factors_shrink_the_step():
    policy = RayServe(target=2.0, up_delay_s=0.0, look_back_s=1.0, up_factor=0.5)
    assert play(policy, [40.0], 4) == [math.ceil(4 * (1 + 0.5 * (40 / 8 - 1)))]
    policy = RayServe(target=2.0, down_delay_s=0.0, look_back_s=1.0, down_factor=0.1)
    assert play(policy, [6.0], 4) == [3]  # it would round to 4 for ever: one fewer


def test_ray_serve_from_none_at_once():
    shown = seen(3.0, 0, least=0, measured=0)
    assert RayServe().desired(shown, NOTHING).replicas == 1


# ---------------------------------------------------------------- llm-d


def wva(kv, waiting, **given):
    shown = seen(0.0, len(kv), each_kv=kv, each_waiting=waiting, **given)
    return (
        Wva(down_window_s=0.0).desired(shown, NOTHING).replicas - len(kv) - given.get("starting", 0)
    )


def test_wva_one_more_when_the_mean_spare_of_the_unsaturated_is_small():
    assert wva([0.72, 0.74, 0.9], [0, 0, 0]) == 1  # spare KV (0.08 + 0.06) / 2 < 0.1
    assert wva([0.1, 0.1], [2.5, 2.0]) == 1  # spare queue (2.5 + 3) / 2 < 3
    assert wva([0.5, 0.6, 0.6], [0, 0, 0]) == 0
    assert wva([0.9, 0.95], [0, 9]) == 1  # all are saturated


def test_wva_waits_for_those_that_start():
    assert wva([0.72, 0.74], [0, 0], starting=1) == 0
    assert wva([0.1, 0.1], [0, 0], starting=1) == 0


def test_wva_one_fewer_if_the_rest_could_carry_it():
    assert 0.8 - (0.4 + 0.4 + 0.4) / 2 >= 0.1
    assert wva([0.4, 0.4, 0.4], [0, 0, 0]) == -1
    assert 0.8 - (0.5 + 0.5 + 0.5) / 2 < 0.1
    assert wva([0.5, 0.5, 0.5], [0, 0, 0]) == 0
    assert wva([0.1], [0]) == 0


# ---------------------------------------------------------------- AWS


def test_target_tracking_waits_three_points_and_is_proportional():
    policy = TargetTracking(target=50.0)
    made = play(policy, [600.0] * 4, 10)
    assert made == [10, 10, math.ceil(10 * 60 / 50), 12]


def test_target_tracking_lets_only_a_larger_step_through_while_it_cools():
    policy = TargetTracking(target=50.0)
    made = play(policy, [600.0] * 3 + [590.0] * 2 + [900.0] * 3, 10)
    assert made[:5] == [10, 10, 12, 12, 12]
    assert made[7] == math.ceil(12 * (900 / 12) / 50)


def test_target_tracking_goes_in_after_fifteen_points_and_a_cooldown():
    policy = TargetTracking(target=50.0)
    made = play(policy, [200.0] * 30, 10)
    first = next(i for i, n in enumerate(made) if n < 10)
    assert first == 14
    assert made[first] == math.ceil(10 * 20 / 50)
    assert play(policy, [46.0 * 10] * 40, 10) == [10] * 40  # within a tenth below


def test_step_scaling_as_in_its_example():
    """10, at 60 % of a threshold of 50 %: +10 %; then 75 %: +30 % of 11."""
    steps = ((0.0, 0.0), (10.0, 0.1), (20.0, 0.3))
    policy = StepScaling(out_threshold=50.0, out_steps=steps, in_threshold=20.0, unit="share",
                         out_points=1, cooldown_s=0.0)  # fmt: skip
    assert play(policy, [10 * 60.0, 11 * 75.0], 10) == [10 + 1, 11 + int(0.3 * 11)]


def test_in_a_cooldown_what_the_last_step_added_counts():
    policy = StepScaling(out_threshold=10.0, out_steps=((0.0, 1.0), (10.0, 3.0)), out_points=1,
                         in_threshold=1.0)  # fmt: skip
    made = play(policy, [4 * 12.0, 5 * 12.0, 5 * 25.0, 7 * 25.0], 4)
    assert made == [5, 5, 5 + (3 - 1), 7]


def test_step_scaling_goes_in_by_its_steps():
    policy = StepScaling(in_threshold=15.0, in_steps=((0.0, 1.0), (10.0, 2.0)))
    made = play(policy, [6 * 4.0] * 15, 6)
    assert made == [6] * 14 + [4]


def test_thresholds_that_cross_are_refused():
    with pytest.raises(ScenarioError, match=r"autoscaler.in_threshold: is 30.0; must be below"):
        StepScaling(in_threshold=30.0)


# ---------------------------------------------------------------- forecasts


def traffic(rates, bin_s=300.0, scrape_s=60.0, **given):
    """Return a service whose arrivals had these rates, bin by bin."""
    each = np.repeat(np.asarray(rates, float), int(bin_s / scrape_s)) * scrape_s
    return seen(np.zeros(len(each)), arrivals=each, prompt_tokens=each * 1000.0,
                ended=each, output_tokens=each * 200.0, scrape_s=scrape_s, **given)  # fmt: skip


def test_bins_hold_the_rates_of_whole_bins():
    rates, end_s = binned(traffic([1.0, 4.0, 2.5]), 300.0)
    np.testing.assert_allclose(rates, [1.0, 4.0, 2.5], rtol=1e-12)
    assert end_s == 900.0
    rates, end_s = binned(traffic([1.0, 4.0, 2.5]), 400.0)  # the third bin is not over
    # an interval counts where it ends: 5 of 1.0 and 1 of 4.0, then 4 of 4.0 and 3 of 2.5
    expected = np.array([5 * 60 * 1.0 + 60 * 4.0, 4 * 60 * 4.0 + 3 * 60 * 2.5]) / 400.0
    np.testing.assert_allclose(rates, expected, rtol=1e-12)
    assert end_s == 800.0


def test_the_seasonal_forecast_is_a_season_ago_scaled_by_now():
    last = np.array([2.0, 4.0, 8.0, 4.0])
    np.testing.assert_allclose(
        seasonal(np.concatenate([last, [3.0]]), 4, 3), np.array([4.0, 8.0, 4.0]) * 3.0 / 2.0
    )
    np.testing.assert_allclose(
        seasonal(np.concatenate([last, [9.0]]), 4, 1), [4.0 * 2.0]
    )  # twice at most
    assert seasonal(last, 4, 1) is None


def test_the_autoregression_continues_a_geometric_run_and_a_constant():
    steps = 0.5 ** np.arange(20)
    rates = 10.0 + np.cumsum(steps)
    made = autoregressive(rates, 4, 1)
    expected = rates[-1] + np.cumsum(steps[-1] * 0.5 ** np.arange(1, 5))
    np.testing.assert_allclose(made, expected, rtol=1e-9)  # least squares of an exact relation
    np.testing.assert_array_equal(autoregressive(np.full(20, 7.0), 3), [7.0] * 3)
    np.testing.assert_array_equal(autoregressive(np.array([5.0, 6.0]), 2), [6.0, 6.0])


def test_predictive_has_enough_for_the_most_until_a_start_would_be_ready():
    day = np.full(288, 20.0)
    day[10:20] = 60.0
    policy = Predictive(lead_s=600.0, headroom_frac=0.1)
    shown = traffic(np.concatenate([day, day[:8]]))  # next bins: 20, 20 | 60 from bin 10 on
    assert policy.desired(shown, NOTHING).replicas == math.ceil(1.1 * 20 / per_s(1000, 200))
    shown = traffic(np.concatenate([day, day[:9]]))
    assert policy.desired(shown, NOTHING).replicas == math.ceil(1.1 * 60 / per_s(1000, 200))
    kept = Predictive(lead_s=600.0, scales_in=False)
    assert kept.desired(shown._replace(ready=500), NOTHING).replicas == 500


def test_dynamo_divides_the_next_rate_by_what_a_replica_answers():
    shown = traffic([10.0, 20.0, 30.0], bin_s=180.0)
    policy = Dynamo(predictor="constant")
    assert policy.desired(shown, NOTHING).replicas == math.ceil(30 / per_s(1000, 200))
    capped = Dynamo(predictor="constant", budget_gpus=8)
    many = traffic([3000.0], bin_s=180.0)
    assert capped.desired(many, NOTHING).replicas == 8 // H100_70B.gpus
    assert Dynamo().desired(traffic([0.0] * 30, bin_s=180.0), NOTHING).replicas == 1


def test_the_oracle_has_enough_when_the_demand_comes():
    rates = [600.0] * 10 + [3000.0] * 5 + [600.0] * 20
    policy = Oracle(headroom_frac=0.0, smooth_s=60.0)
    need = [math.ceil(n / 60 / per_s(1000, 200)) for n in rates]
    reach_s = H100_70B.cold_start_s + policy.every_s + policy.smooth_s
    for minute in range(20):
        now_s = 60.0 * minute
        made = policy.desired(seen(now_s=max(now_s, 1e-9), ahead=demand(rates)), NOTHING).replicas
        inside = [n for i, n in enumerate(need) if now_s < 60.0 * (i + 1) <= now_s + reach_s]
        assert made == max(inside)
    with pytest.raises(ScenarioError, match="told the demand ahead"):
        policy.desired(seen(), NOTHING)


def test_slo_driven_inverts_the_closed_form():
    """TPOT 60 ms: load 1 - 15.2/60; the aim is 0.7 of 50 ms."""
    policy = SloDriven(aim_frac=0.7)
    step_s, slo_s = H100_70B.decode_s[0], H100_70B.tpot_slo_s
    made = policy.desired(seen(10.0, 6, tpot_s=0.06, ttft_s=0.5), NOTHING).replicas
    assert made == math.ceil(6 * (1 - step_s / 0.06) / (1 - step_s / (0.7 * slo_s)))
    late = policy.desired(seen(10.0, 6, tpot_s=0.02, ttft_s=2.2), NOTHING).replicas
    assert late == math.ceil(6 * 2.2 / (0.7 * H100_70B.ttft_slo_s))
    assert policy.desired(seen(10.0, 6, tpot_s=0.02, ttft_s=1e3), NOTHING).replicas == 12


def test_slo_driven_goes_down_only_to_the_most_of_its_window():
    policy = SloDriven()
    wish = policy.desired(seen(10.0, 6, tpot_s=0.03, ttft_s=0.5, now_s=1000.0), NOTHING)
    calm = {"tpot_s": H100_70B.decode_s[0] * 1.1, "ttft_s": 0.1}
    held = policy.desired(seen(1.0, 6, now_s=1299.0, **calm), wish.notes)
    gone = policy.desired(seen(1.0, 6, now_s=1301.0, **calm), wish.notes)
    assert held.replicas == wish.replicas
    assert gone.replicas < wish.replicas


# ---------------------------------------------------------------- SageServe


def best_by_hand(need, have, gpus, least, most, change_cost, budget):
    """Return the least cost over all replicas of two services, all tried."""
    found = math.inf
    for x in range(least[0], most[0] + 1):
        for y in range(least[1], most[1] + 1):
            made = np.array([x, y])
            if gpus @ made > budget:
                continue
            short = np.ceil(np.maximum(np.array(need) - made, 0.0) - 1e-9)
            up = np.maximum(made - have, 0)
            cost = gpus @ (made + change_cost * up + 1e3 * (1 + change_cost) * short)
            found = min(found, float(cost))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_the_programme_is_as_good_as_trying_all(seed):
    draw = np.random.default_rng(seed)
    have, gpus = draw.integers(0, 8, 2), draw.choice([1, 2, 4, 8], 2)
    need, least, most = draw.uniform(0, 9, 2), np.array([1, 0]), np.array([8, 9])
    budget = int(draw.integers(int(gpus[0]), 80))
    made = allot(need, have, gpus, least, most, 0.1, budget)
    assert (made >= least).all()
    assert (made <= most).all()
    assert gpus @ made <= budget
    short = np.ceil(np.maximum(need - made, 0.0) - 1e-9)
    cost = gpus @ (made + 0.1 * np.maximum(made - have, 0) + 1.1e3 * short)
    best = best_by_hand(need, have, gpus, least, most, 0.1, budget)
    assert cost == pytest.approx(best, rel=1e-9)


def test_sage_serve_steps_towards_its_plan_only_as_the_memory_asks():
    policy = SageServe(season_s=3600.0, skip_s=0.0)
    rates = [60.0] * 13
    plan = math.ceil(60 / per_s(1000, 200))
    for share, ready, step in ((0.6, 1, 1), (0.4, 1, 0), (0.6, plan, 0), (0.2, plan + 3, -1)):
        shown = traffic(rates, kv_share=share, ready=ready)
        assert policy.desired(shown, NOTHING).replicas == ready + step


def test_sage_serve_goes_beyond_its_plan_when_surprised():
    policy = SageServe(season_s=3600.0, skip_s=0.0)
    first = policy.desired(traffic([1.0] * 13), NOTHING)
    shown = traffic([1.0] * 13 + [6.0], kv_share=0.9, ready=40)
    assert policy.desired(shown, first.notes).replicas == 41
    calm = traffic([1.0] * 13 + [4.0], kv_share=0.9, ready=40)
    assert policy.desired(calm, first.notes).replicas == 40


def test_two_services_share_one_budget():
    policy = SageServe(season_s=3600.0, skip_s=0.0, budget_gpus=40)
    both = [traffic([60.0] * 13, kv_share=0.9, ready=n) for n in (1, 1)]
    notes = [NOTHING, NOTHING]
    for _ in range(20):
        wishes = policy.together(both, notes)
        both = [s._replace(ready=w.replicas) for s, w in zip(both, wishes, strict=True)]
        notes = [w.notes for w in wishes]
    assert sum(s.ready * s.replica.gpus for s in both) <= 40
