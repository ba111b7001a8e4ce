"""Quantiles by counting are those of numpy, to the last bit, whatever the numbers are like."""

import numpy as np
import pytest

from sim.results.metrics import quantiles as room
from sim.results.metrics.jobs import QUANTILES
from sim.results.metrics.quantiles import counted, quantiles

KINDS = {
    "times": lambda rng, n: rng.lognormal(size=n),
    "whole numbers": lambda rng, n: np.rint(3.0 * rng.lognormal(size=n)) + 1.0,
    "all alike": lambda _, n: np.full(n, 0.03),
    "mostly nothing": lambda rng, n: np.append(rng.exponential(size=n) * (rng.random(n) < 0.2), 1),
    "beyond all bins": lambda rng, n: np.append(10.0 ** rng.uniform(-300, 300, n), 1.0),
    "of both signs": lambda rng, n: np.append(rng.standard_normal(n), 9.0),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 3, 10, 101, 1000, 65_535, 65_536, 70_001])
def test_counting_gives_numpys_quantiles(kind, n):
    rng = np.random.default_rng(n)
    values = KINDS[kind](rng, n)
    for shares in (list(QUANTILES.values()), [0.0, 1.0, *rng.random(3).tolist()]):
        assert counted(values.copy(), shares) == np.quantile(values, shares).tolist()


@pytest.mark.parametrize("sign", [1.0, -1.0, 0.0])
def test_many_are_counted_if_one_is_above_0(sign, monkeypatch):
    monkeypatch.setattr(room, "MANY", 10)
    values = sign * np.random.default_rng(1).random(5000)
    shares = list(QUANTILES.values())
    assert quantiles(values.copy(), shares) == np.quantile(values, shares).tolist()
    few = values[:9]
    assert quantiles(few.copy(), shares) == np.quantile(few, shares).tolist()
