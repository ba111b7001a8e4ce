"""Shares among jobs that communicate part of the time, against every phase played."""

import math

import numpy as np
import pytest

from sim.kernel.flows import max_min
from sim.physics.duty import at_least_one, erf, mean_field, phases, slowdown
from sim.physics.parallelism import Profile, duty, step_s

B = 50e9


def profile(compute_s, sending_s, latency_s=0.0, overlap=0.0):
    """Return the profile of jobs that send for so long at B."""
    parts = np.broadcast_arrays(compute_s, np.asarray(sending_s) * B, latency_s, overlap)
    return Profile(*(np.array(np.atleast_1d(x), float) for x in parts))


def system(links, rng, jobs, most=4):
    """Return (capacity, first, link, weight) of jobs that use some links each."""
    picked = [
        np.sort(rng.choice(links, rng.integers(1, most + 1), replace=False)) for _ in range(jobs)
    ]
    first = np.cumsum([0, *map(len, picked)])
    link = np.concatenate(picked)
    weight = rng.integers(1, 4, len(link)) * B
    return np.full(links, 3 * B), first, link, weight


def solver(capacity, first, link, weight):
    """Return the shares of those who communicate, by max-min."""
    flow = np.repeat(np.arange(len(first) - 1), np.diff(first))

    def shares(active):
        on = active[flow]
        begins = np.concatenate([[0], np.cumsum(np.bincount(flow[on], minlength=len(active)))])
        return max_min(capacity, begins, link[on], weight[on], bound_Bps=1.0)

    return shares


def test_a_slowdown_is_a_step_at_the_share_over_a_step_alone():
    rng = np.random.default_rng(1)
    made = profile(rng.uniform(0, 2, 50), rng.uniform(0, 2, 50), 0.0, rng.uniform(0, 1, 50))
    share = rng.uniform(0.05, 1.0, 50)
    ratio = step_s(made, B * share) / step_s(made, B)
    np.testing.assert_allclose(slowdown(duty(made, B), share, made.overlap), ratio, rtol=1e-12)
    assert slowdown(0.3, 1.0) == 1.0
    assert slowdown(0.3, 0.5) == pytest.approx(0.7 + 0.6)
    assert slowdown([0.0, 0.3], 0.0).tolist() == [1.0, math.inf]
    assert slowdown(0.25, 0.5, overlap=1.0) == 1.0  # hidden still


def test_the_error_function_is_as_near_as_it_says():
    x = np.linspace(-5, 5, 1001)
    assert np.abs(erf(x) - [math.erf(v) for v in x]).max() < 1.6e-7


@pytest.mark.parametrize(("mean", "spread"), [(0.5, 0.2), (1.0, 0.5), (2.0, 0.7), (3.0, 0.0)])
def test_the_mean_of_what_is_at_least_one(mean, spread):
    drawn = np.maximum(1.0, np.random.default_rng(2).normal(mean, spread, 400_000))
    # five standard errors, and the error function's own
    error = 5 * drawn.std() / math.sqrt(len(drawn)) + 1e-6
    assert float(at_least_one(np.array(mean), np.array(spread))) == pytest.approx(
        drawn.mean(), abs=error
    )


def test_who_is_alone_has_all():
    made = profile([1.0, 2.0], [1.0, 0.5])
    first, link = np.array([0, 1, 2]), np.array([0, 1])
    got = mean_field(np.array([B, B]), first, link, np.array([B, B]), made, B)
    assert got.share.tolist() == [1.0, 1.0]
    assert got.step_s.tolist() == [2.0, 2.5]


def test_who_crosses_no_shared_link_is_not_slowed():
    made = profile([1.0, 1.0], [1.0, 1.0])
    first, link = np.array([0, 0, 1]), np.array([0])
    got = mean_field(np.array([B]), first, link, np.array([2 * B]), made, B)
    assert got.share.tolist() == pytest.approx([1.0, 0.5])


@pytest.mark.parametrize("k", [2, 5])
def test_jobs_that_only_communicate_share_evenly(k):
    made = profile(np.zeros(k), np.ones(k))
    got = mean_field(np.array([B]), np.arange(k + 1), np.zeros(k, int), np.full(k, B), made, B)
    assert got.share == pytest.approx(np.full(k, 1 / k), rel=1e-12)
    assert got.duty == pytest.approx(np.ones(k))


def test_no_link_carries_more_than_its_capacity_on_average():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        capacity, first, link, weight = system(6, rng, 12)
        made = profile(rng.uniform(0, 1, 12), rng.uniform(0.2, 3, 12))
        got = mean_field(capacity, first, link, weight, made, B)
        job = np.repeat(np.arange(12), np.diff(first))
        load = np.bincount(link, weight * (got.duty * got.share)[job], len(capacity))
        assert (load <= capacity * (1 + 1e-9)).all()  # the fixed point's own precision
        assert (got.share <= 1.0).all()


def test_more_neighbours_never_help():
    rng = np.random.default_rng(3)
    capacity, first, link, weight = system(5, rng, 10)
    made = profile(rng.uniform(0.5, 2, 10), rng.uniform(0.2, 1, 10))
    few = mean_field(capacity, first[:7], link[: first[6]], weight[: first[6]],
                     Profile(*(x[:6] for x in made)), B)  # fmt: skip
    many = mean_field(capacity, first, link, weight, made, B)
    assert (many.step_s[:6] >= few.step_s - 1e-9).all()


def test_phases_of_one_job_are_its_step():
    for o in (0.0, 0.4, 1.0):
        made = profile([1.0, 0.2], [0.5, 1.5], [0.1, 0.0], o)
        steps = phases(made, B, lambda on: np.ones(len(on)), np.array([0.3, 0.0]), 50.0)
        assert steps == pytest.approx(step_s(made, B), rel=1e-9)  # sums of 30 steps


def test_two_jobs_in_lockstep_and_two_that_alternate():
    """Both compute 1 s and send 1 s at full speed over one link."""
    made = profile([1.0, 1.0], [1.0, 1.0])

    def shares(on):
        return np.full(2, 1.0 / max(1, on.sum()))

    together = phases(made, B, shares, np.zeros(2), 100.0)
    apart = phases(made, B, shares, np.array([0.0, 1.0]), 100.0)
    assert together == pytest.approx([3.0, 3.0])
    assert apart == pytest.approx([2.0, 2.0])


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("part", "mean", "worst"), [(0.1, 0.02, 0.05), (0.25, 0.05, 0.12), (0.5, 0.10, 0.35)]
)
def test_the_mean_field_is_near_to_every_phase_played(part, mean, worst):
    """On average within 5 % up to a quarter of the time, 10 % at a half; the worst job three times."""
    errors = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        capacity, first, link, weight = system(8, rng, 12, most=3)
        alone_s = rng.uniform(1, 4, 12)
        made = profile((1 - part) * alone_s, part * alone_s)
        ours = mean_field(capacity, first, link, weight, made, B).step_s
        played = phases(made, B, solver(capacity, first, link, weight), rng.uniform(0, 4, 12),
                        400.0, 40.0)  # fmt: skip
        errors.append(np.abs(ours / played - 1.0))
    assert np.concatenate(errors).mean() < mean
    assert np.concatenate(errors).max() < worst
