"""Finish-time fair shares: what they promise."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.policies.queue.themis import fair_rho, shares


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(8, 64))
def test_the_shares_fit_and_no_smaller_rho_would(seed, many, total):
    rng = np.random.default_rng(seed)
    gpus = rng.integers(1, 9, many)
    age_s, work_s = rng.uniform(0, 1e4, many), rng.uniform(1, 1e4, many)
    left_s = work_s * rng.uniform(0.01, 1, many)
    isolated_s = work_s * rng.uniform(1, 5, many)
    told = (age_s, left_s, isolated_s)
    x = shares(fair_rho(*told, gpus, total), *told)
    rho = (age_s + left_s / x) / isolated_s
    assert np.all((x > 0) & (x <= 1 + 1e-6))
    assert gpus @ x <= total * (1 + 1e-9)
    assert np.ptp(rho) < 1e-6 * rho.max()  # alike for all
    less = left_s / np.maximum(0.999 * rho * isolated_s - age_s, 1e-12)
    assert less.max() > 1 or gpus @ less > total
