"""Arrivals, durations, sizes: each sample against its law, bounds from the sample's own size.

A mean is held to five standard errors of the law: with a hundred such tests, one run in 20,000
would fail by chance if seeds were not fixed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.units import DAY_S, WEEK_S
from sim.workload import (
    Constant,
    Empirical,
    Exponential,
    Fixed,
    Gamma,
    HyperExponential,
    LogNormal,
    LogUniform,
    Mix,
    Pareto,
    Poisson,
    Profile,
    Uniform,
)

N = 400_000
LAUNCH = {"begin_s": 1.25 * DAY_S, "duration_s": 5 * DAY_S, "factor": 3.0}


def rng(seed=1):
    return np.random.default_rng(seed)


def near_mean(sample, mean, cv):
    return abs(sample.mean() - mean) < 5 * cv * mean / math.sqrt(len(sample))


@pytest.mark.parametrize(
    ("law", "mean", "cv"),
    [
        (Exponential(100.0), 100, 1),
        (LogNormal(100.0, 0.5), 100, 0.5),
        (LogNormal(100.0, 3.0), 100, 3),
        (HyperExponential(100.0, 1.0), 100, 1),
        (HyperExponential(100.0, 4.0), 100, 4),
        (Pareto(10.0, 3.0, None), 15, 1 / math.sqrt(3)),
        (Empirical([1.0, 3.0]), 2, 0.5),
    ],
)
def test_mean_and_cv_are_those_asked_for(law, mean, cv):
    sample = law.draw(rng(), N)
    assert law.mean() == pytest.approx(mean)
    assert near_mean(sample, mean, cv)
    fourth = np.mean(((sample - mean) / mean) ** 4)  # error of a variance: sqrt(m4 / n)
    assert abs(np.mean((sample / mean - 1) ** 2) - cv**2) < 5 * math.sqrt(fourth / N)


@pytest.mark.parametrize(("alpha", "most"), [(0.7, 1e5), (1.0, 1e4), (1.5, 1e6), (2.5, None)])
def test_the_pareto_tail_is_as_written(alpha, most):
    law, least = Pareto(10.0, alpha, most), 10.0
    sample = law.draw(rng(), N)
    cut = 0 if most is None else (least / most) ** alpha
    for x in (15.0, 40.0, 300.0):
        tail = ((least / x) ** alpha - cut) / (1 - cut)
        assert abs(np.mean(sample > x) - tail) < 5 * math.sqrt(tail / N)
    assert sample.min() >= least
    assert sample.max() <= (most or math.inf) * (1 + 1e-12)
    grid = np.geomspace(least, most or 1e12, 2_000_001)  # E[X] = least + integral of the tail
    tails = ((least / grid) ** alpha - cut) / (1 - cut)
    assert law.mean() == pytest.approx(least + np.trapezoid(tails, grid), rel=1e-3)


def test_hyperexponential_means_are_balanced():
    law = HyperExponential(100.0, 3.0)
    share = (1 + math.sqrt(8 / 10)) / 2
    sample = law.draw(rng(), N)
    for x in (10.0, 100.0, 1000.0):
        tail = share * math.exp(-2 * share * x / 100) + (1 - share) * math.exp(
            -2 * (1 - share) * x / 100
        )
        assert abs(np.mean(sample > x) - tail) < 5 * math.sqrt(tail / N)


def test_an_uncut_pareto_may_have_no_mean():
    assert Pareto(1.0, 1.0, None).mean() == math.inf
    assert Fixed(7.0).draw(rng(), 3).tolist() == [7, 7, 7]


@pytest.mark.parametrize(("law", "cv"), [(Poisson(), 1.0), (Gamma(0.3), 0.3), (Gamma(2.5), 2.5)])
def test_gaps_have_the_rate_and_cv_asked_for(law, cv):
    times = law.times(rng(), 0.5, N, math.inf)
    gaps = np.diff(times, prepend=0.0)
    assert len(times) == N
    assert (gaps >= 0).all()
    assert near_mean(gaps, 2.0, cv)
    fourth = np.mean((gaps / 2 - 1) ** 4)
    assert abs(np.mean((gaps / 2 - 1) ** 2) - cv**2) < 5 * math.sqrt(fourth / N)


def test_counts_of_a_poisson_stream_vary_as_their_mean():
    times = Poisson().times(rng(), 1.0, None, 100_000.0)
    counts = np.bincount(times.astype(int) // 10, minlength=10_000)
    assert abs(counts.var() / counts.mean() - 1) < 5 * math.sqrt(2 / len(counts))
    assert times.max() < 100_000


def test_gamma_of_no_variation_is_a_beat():
    assert Gamma(0.0).times(rng(), 0.1, 4, math.inf).tolist() == [10, 20, 30, 40]


def test_the_first_jobs_are_the_same_however_many_are_asked_for():
    grown = Profile(daily=[1, 3, 2], begin_s=DAY_S / 5, yearly_frac=2.0, campaigns=[LAUNCH])
    for law in (Poisson(), Gamma(2.0), Profile(daily=[1, 3, 2]), grown):
        few = law.times(rng(), 0.01, 100, math.inf)
        many = law.times(rng(), 0.01, 5000, math.inf)
        span = law.times(rng(), 0.01, None, float(many[200]))
        assert np.array_equal(many[:100], few)
        assert np.array_equal(many[:200], span)


@pytest.mark.parametrize("begin_s", [0.0, 2.5 * DAY_S])
def test_a_profile_has_its_share_in_every_part_of_the_week(begin_s):
    daily, weekly = [1, 0, 3, 2], [1, 1, 1, 1, 1, 0.5, 0.25]
    law = Profile(Poisson(), daily, weekly, begin_s)
    weeks = 20
    times = law.times(rng(), 0.02, None, weeks * WEEK_S)
    part = ((times + begin_s) % WEEK_S // (DAY_S / 4)).astype(int)
    counts = np.bincount(part, minlength=28)
    weight = np.outer(weekly, daily).ravel()
    expect = 0.02 * weeks * WEEK_S * weight / weight.sum()
    assert (np.abs(counts - expect) <= 5 * np.sqrt(expect)).all()
    middles = (np.arange(28) + 0.5) * DAY_S / 4 - begin_s
    assert law.rate(middles) == pytest.approx(28 * weight / weight.sum())


@pytest.mark.parametrize("yearly", [-0.6, 0.0, 30.0])
@pytest.mark.parametrize("begin_s", [0.0, 2.3 * DAY_S])
def test_each_arrival_of_a_beat_comes_when_the_rate_has_gone_so_far(yearly, begin_s):
    """The integral of the rate, summed over small steps, is a whole number at each of them."""
    daily, weekly, rate, days, dt = [1, 0, 3, 2], [1, 1, 1, 1, 1, 0.5, 0.25], 0.003, 16, 1.0
    campaigns = [LAUNCH, {"begin_s": 3.5 * DAY_S, "duration_s": 3 * DAY_S, "factor": 0.5}]
    law = Profile(Gamma(0.0), daily, weekly, begin_s, yearly, campaigns)
    found = law.times(rng(), rate, None, days * DAY_S)
    t = np.arange(0.0, days * DAY_S, dt) + dt / 2
    there = t + begin_s
    weight = np.array(daily)[(there % DAY_S // (DAY_S / 4)).astype(int)]
    weight = weight * np.array(weekly)[(there % WEEK_S // DAY_S).astype(int)]
    scale = 28 / np.outer(weekly, daily).sum()
    lift = np.prod([np.where((t >= c["begin_s"]) & (t < c["begin_s"] + c["duration_s"]),
                             c["factor"], 1.0) for c in campaigns], axis=0)  # fmt: skip
    gone = np.cumsum(rate * scale * weight * lift * (1 + yearly) ** (t / 365 / DAY_S) * dt)
    assert np.interp(found, t + dt / 2, gone) == pytest.approx(
        np.arange(1, len(found) + 1), abs=0.01
    )
    assert len(found) == int(gone[-1])


def test_demand_that_shrinks_comes_to_an_end():
    """The integral of (1 - q)^(t / year) over all time is year / -ln(1 - q)."""
    law = Profile(Gamma(0.0), yearly_frac=-0.9)
    many = 1e-4 * 365 * DAY_S / -math.log(0.1)
    assert len(law.times(rng(), 1e-4, 10_000, math.inf)) == int(many) < 10_000


def test_within_a_part_of_a_profile_arrivals_stay_poisson():
    times = Profile(Poisson(), [1, 5], [1] * 7).times(rng(), 0.05, None, 10 * WEEK_S)
    day = times[(times % DAY_S) >= DAY_S / 2]
    counts = np.bincount((day // 600).astype(int))
    counts = counts[[i for i in range(len(counts)) if i * 600 % DAY_S >= DAY_S / 2]]
    assert abs(counts.var() / counts.mean() - 1) < 5 * math.sqrt(2 / len(counts))


def test_sizes_come_by_their_weights():
    mix = Mix([1, 8, 64], [6, 3, 1], [1.0, 2.0, 4.0])
    size, factor = mix.draw(rng(), N)
    for gpus, share, times in ((1, 0.6, 1), (8, 0.3, 2), (64, 0.1, 4)):
        assert abs(np.mean(size == gpus) - share) < 5 * math.sqrt(share * (1 - share) / N)
        assert (factor[size == gpus] == times).all()
    assert mix.mean_area() == pytest.approx(0.6 * 1 + 0.3 * 16 + 0.1 * 256)


def test_factors_lie_where_they_say():
    assert Constant(2.0).draw(rng(), 2).tolist() == [2, 2]
    even = Uniform(1.0, 3.0).draw(rng(), N)
    assert near_mean(even, 2.0, 1 / math.sqrt(12))
    logs = np.log(LogUniform(1.0, 20.0).draw(rng(), N))
    assert near_mean(logs, math.log(20) / 2, 1 / math.sqrt(3))
    assert logs.min() >= 0
    assert logs.max() <= math.log(20)


@pytest.mark.parametrize(
    ("law", "path"),
    [
        (Pareto(0.0), "x.least_s"),
        (Pareto(10.0, 1.0, 5.0), "x.most_s"),
        (LogNormal(-1.0), "x.mean_s"),
        (LogNormal(1.0, -1.0), "x.cv"),
        (HyperExponential(1.0, 0.5), "x.cv"),
        (Exponential(math.nan), "x.mean_s"),
        (Empirical(), "x"),
        (Empirical([1.0, -1.0]), "x.values_s"),
        (Empirical(path="nowhere.csv"), "x.path"),
        (Gamma(-1.0), "x.cv"),
        (Profile(daily=[0, 0]), "x.daily"),
        (Profile(weekly=[1, 2]), "x.weekly"),
        (Profile(yearly_frac=-1.0), "x.yearly_frac"),
        (Profile(campaigns=[{"begin_s": 0.0}]), "x.campaigns[0]"),
        (Profile(campaigns=[{**LAUNCH, "factor": -1.0}]), "x.campaigns[0].factor"),
        (Profile(campaigns=3), "x.campaigns"),
        (Profile(base=Gamma(-1.0)), "x.base.cv"),
        (Mix([1, 2], [1]), "x.weights"),
        (Mix([1.5], [1]), "x.gpus[0]"),
        (Mix([], []), "x.gpus"),
        (Uniform(3.0, 1.0), "x.most"),
        (LogUniform(0.0, 1.0), "x.least"),
        (Constant(0.0), "x.factor"),
    ],
)
def test_a_parameter_out_of_place_is_named(law, path):
    found = law.issues("x")
    assert found
    assert found[0].startswith(path + ":")
    assert "must" in found[0]
