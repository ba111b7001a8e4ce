"""The order of jobs under new keys is the order by key, ties by row, however they came."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.engine.rekey import FEW, in_order


@given(st.lists(st.integers(0, 5), max_size=200), st.randoms(use_true_random=False))
def test_ties_go_by_row_whatever_order_jobs_come_in(keys, random):
    rows = list(range(0, 3 * len(keys), 3))
    random.shuffle(rows)
    key, row = np.array(keys, float), np.array(rows, np.int64)
    assert list(in_order(key, row)) == sorted(range(len(keys)), key=lambda i: (keys[i], rows[i]))


def test_many_that_are_nearly_sorted_are_sorted_as_few_are():
    """Beyond `FEW` the other way is taken: both must give the order by key, then row."""
    rng = np.random.default_rng(1)
    for many in (FEW, FEW + 1, 5 * FEW):
        key = np.sort(rng.integers(0, many // 2, many).astype(float))
        row = rng.permutation(many)
        key[rng.integers(0, many, 5)] += 3.0
        assert list(in_order(key, row)) == sorted(range(many), key=lambda i: (key[i], row[i]))
