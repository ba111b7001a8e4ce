"""Queues in closed form against sums, limits and a queue simulated customer by customer."""

import math

import numpy as np
import pytest

from sim.physics.queueing import (
    beta_of,
    erlang_b,
    erlang_c,
    ggc_wait_s,
    least_replicas,
    md1_wait_s,
    mg1_ps_s,
    mmc_wait_s,
    square_root_replicas,
    waiting_share,
)


def textbook_c(lines, load):
    """Return Erlang C by its sum."""
    last = load**lines / math.factorial(lines) * lines / (lines - load)
    return last / (sum(load**k / math.factorial(k) for k in range(lines)) + last)


@pytest.mark.parametrize("lines", [1, 2, 5, 40])
def test_erlang_c_is_its_sum(lines):
    load = np.linspace(0.05, 0.95, 7) * lines
    expected = [textbook_c(lines, a) for a in load]
    np.testing.assert_allclose(erlang_c(lines, load), expected, rtol=1e-12)
    assert (erlang_b(lines, load) <= erlang_c(lines, load)).all()


def test_a_load_that_is_too_high_waits_for_ever():
    assert erlang_c(3, 3.0) == 1.0
    assert mmc_wait_s(3, 3.5, 1.0) == np.inf
    assert md1_wait_s(2.0, 0.5) == np.inf
    assert mg1_ps_s(2.0, 0.5) == np.inf


def test_one_line_is_mm1():
    np.testing.assert_allclose(mmc_wait_s(1, 0.8, 1.0), 0.8 / (1 - 0.8), rtol=1e-12)


def waits(gaps_s, service_s, lines):
    """Return the wait of each customer, first come first served, the plainest way."""
    free, now_s, made = [0.0] * lines, 0.0, np.empty(len(gaps_s))
    for i, gap_s in enumerate(gaps_s):
        now_s += gap_s
        line = min(range(lines), key=free.__getitem__)
        made[i] = max(free[line] - now_s, 0.0)
        free[line] = now_s + made[i] + service_s[i]
    return made


@pytest.mark.parametrize(("lines", "fixed"), [(1, True), (1, False), (4, False)])
def test_a_queue_simulated_waits_as_long(lines, fixed):
    """40 batches of 5,000 at load 0.6: the mean of the batches within 4 of its standard errors."""
    draw = np.random.default_rng(7)
    n, rate = 200_000, 0.6 * lines
    service = np.ones(n) if fixed else draw.exponential(1.0, n)
    batches = waits(draw.exponential(1 / rate, n), service, lines).reshape(40, -1).mean(axis=1)
    expected = md1_wait_s(rate, 1.0) if fixed else mmc_wait_s(lines, rate, 1.0)
    assert abs(batches.mean() - expected) < 4 * batches.std(ddof=1) / math.sqrt(40)


def test_the_general_formula_holds_the_special_ones():
    np.testing.assert_allclose(ggc_wait_s(3, 2.0, 1.0, 1.0, 1.0), mmc_wait_s(3, 2.0, 1.0))
    for cv in (0.5, 2.0):  # Pollaczek and Khinchine
        expected = 0.7 * (1 + cv**2) / (2 * (1 - 0.7))
        np.testing.assert_allclose(ggc_wait_s(1, 0.7, 1.0, 1.0, cv), expected, rtol=1e-12)


def test_sharing_slows_all_sizes_alike():
    load = 0.75
    np.testing.assert_allclose(mg1_ps_s(load, 1.0), 1.0 / (1 - load), rtol=1e-12)


def test_the_square_root_law_is_the_limit_of_erlang_c():
    """Halfin and Whitt: the error falls as 1 / sqrt(load)."""
    for beta in (0.3, 1.0, 2.0):
        errors = [abs(float(erlang_c(round(a + beta * a**0.5), a)) /
                      waiting_share((round(a + beta * a**0.5) - a) / a**0.5) - 1)
                  for a in (100.0, 10_000.0)]  # fmt: skip
        assert errors[1] < errors[0] / 5
        assert errors[1] < 0.03  # a tenth of that at 100
        assert beta_of(waiting_share(beta)) == pytest.approx(beta, rel=1e-9)
    assert waiting_share(0.0) == 1.0


@pytest.mark.parametrize("load", [0.0, 0.4, 3.0, 47.3])
@pytest.mark.parametrize("waiting", [0.5, 0.01])
def test_the_least_replicas_are_enough_and_one_fewer_is_not(load, waiting):
    c = least_replicas(load, waiting)
    assert float(erlang_c(c, load)) <= waiting
    assert c == 1 or float(erlang_c(c - 1, load)) > waiting


def test_square_root_staffing_rounds_up_and_is_never_none():
    np.testing.assert_array_equal(square_root_replicas(np.array([0.0, 100.0]), 1.5), [1.0, 115.0])
