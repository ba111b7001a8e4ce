"""How jobs fared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.results.metrics.quantiles import quantiles

F8 = NDArray[np.float64]
Number = float | None

TAU_S = 10.0  # Feitelson et al., JSSPP 1997: below it a slowdown says nothing of the user's wait
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
SIZES = {"1": (1, 1), "2-7": (2, 7), "8": (8, 8), "9-64": (9, 64), ">64": (65, 2**62)}


def spread(values: F8, known: bool = False) -> dict[str, Number]:
    """Return mean, p50, p90, p95 and p99 of the values that are not nan.

    Quantiles are linear between order statistics (Hyndman and Fan's type 7, numpy's default). Of no
    values at all each is None. `known`: none is nan, and they may be put into another order.
    """
    some = values if known else values[~np.isnan(values)]
    if some.size == 0:
        return dict.fromkeys(["mean", *QUANTILES])
    found: dict[str, Number] = {"mean": float(some.mean())}
    found.update(zip(QUANTILES, quantiles(some, list(QUANTILES.values())), strict=True))
    return found


def bounded_slowdown(jct_s: F8, work_s: F8) -> F8:
    """Return max(1, jct / max(work, tau)), (n,), with tau = 10 s; nan where a job did not end.

    Source: Feitelson, Rudolph, Schwiegelshohn, Sevcik and Wong, JSSPP 1997.
    Neglects: that work may run at another rate than 1: a slow GPU counts as slowdown.
    """
    slow: F8 = np.maximum(1.0, jct_s / np.maximum(work_s, TAU_S))
    return slow


def jain(values: F8) -> Number:
    """Return Jain's index (sum x)^2 / (n sum x^2): 1 is all alike, 1/n is all to one.

    Source: Jain, Chiu and Hawe, DEC-TR-301 (1984). None for no values.
    """
    known = values[~np.isnan(values)]
    square = float((known**2).sum())
    return None if square == 0.0 else float(known.sum() ** 2 / (known.size * square))


def lost_gpu_s(columns: dict[str, F8]) -> F8:
    """Return the GPU time whose work was lost, (n,), of all that each job held.

    Of work and lost work together it is the share of the lost; of a job that has not ended, whose
    work so far is not told, the lost work at rate 1, at most all it held.
    """
    held, lost_s = columns["gpu_s"], columns["lost_s"]
    share = lost_s / np.maximum(columns["work_s"] + lost_s, 1e-300)
    ended = ~np.isnan(columns["end_s"])
    lost: F8 = np.where(ended, held * share, np.minimum(held, lost_s * columns["gpus"]))
    return lost
