"""Quantiles of many numbers are numpy's own, digit by digit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim.results.metrics import marks

SHARES = [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]


def by_buckets(values, shares=SHARES):
    """Return them the way of many numbers, however few there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marks, "FEW", 0)
        patch.setattr(marks, "BLOCK", 97)
        return marks.quantiles(values, shares)


@given(arrays(np.float64, st.integers(1, 300), elements=st.floats(0.0, allow_infinity=False)))
def test_of_any_numbers_from_nought_on(values):
    assert by_buckets(values) == np.quantile(values, SHARES).tolist()


@pytest.mark.parametrize("sigma", [0.0, 0.01, 1.0, 5.0])
def test_of_few_values_that_come_often_and_of_many(sigma):
    rng = np.random.default_rng(1)
    values = np.exp(sigma * rng.standard_normal(20_000))
    for some in (values, np.round(values, 1), values[:1]):
        assert by_buckets(some) == np.quantile(some, SHARES).tolist()


def test_what_is_negative_goes_numpys_way():
    values = np.array([-1.0, -0.0, 0.0, 3.0])
    assert by_buckets(values) == np.quantile(values, SHARES).tolist()


def test_beyond_few_without_a_change_of_the_bounds():
    values = np.random.default_rng(2).exponential(1.0, marks.FEW + 12_345)
    before = values.copy()
    assert marks.quantiles(values, SHARES) == np.quantile(values, SHARES).tolist()
    assert (values == before).all()
