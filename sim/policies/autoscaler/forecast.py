"""Forecasts of a rate from what was seen of it."""

from __future__ import annotations

import numpy as np

from sim.state.arrays import F8
from sim.state.scaling import Seen


def binned(seen: Seen, bin_s: float, most: int = 1000) -> tuple[F8, float]:
    """Return requests per second in whole bins, the last `most` of them, and when the last ended.

    Bins end at multiples of `bin_s`; the last one is the last that was seen to its end.
    """
    scrapes = seen.scrapes
    if len(scrapes.time_s) == 0:
        return np.zeros(0), 0.0
    bins = int(np.floor(scrapes.time_s[-1] / bin_s + 1e-9))
    before = max(bins - most, 0)
    first = int(np.searchsorted(scrapes.time_s, before * bin_s + 1e-9 * bin_s, side="right"))
    at = np.ceil(scrapes.time_s[first:] / bin_s - 1e-9).astype(np.int64) - 1  # by its end
    many = bins - before
    made = np.bincount(at - before, scrapes.arrivals[first:], minlength=many + 1)[:many] / bin_s
    return made, bins * bin_s


def seasonal(rates: F8, season: int, ahead: int, most_change: float = 2.0) -> F8 | None:
    """Return the next `ahead` rates, (ahead,): those a season ago, scaled by now over then.

    The scale is held between 1 / most_change and most_change; before a season is over, None.

    Source: seasonal naive (Hyndman and Athanasopoulos, Forecasting, 5.2).
    Neglects: trends other than that scale.
    """
    if len(rates) <= season:
        return None
    then = rates[-1 - season]
    ratio = rates[-1] / then if then > 0.0 else 1.0
    at = len(rates) - season + np.arange(ahead) % season
    made: F8 = rates[at] * np.clip(ratio, 1.0 / most_change, most_change)
    return made


def autoregressive(rates: F8, ahead: int, order: int = 3) -> F8:
    """Return the next `ahead` rates, (ahead,), by AR(order) of differences: ARIMA(order, 1, 0).

    Least squares; with fewer than 3 order + 2 rates the last one is repeated. Never below 0, and
    never more than twice the largest rate seen.

    Source: Box and Jenkins 1970.
    Neglects: moving averages, seasons, the search for the order.
    """
    if len(rates) < 3 * order + 2:
        return np.full(ahead, rates[-1] if len(rates) else 0.0)
    steps = np.diff(rates)
    rows = np.stack([steps[order - 1 - k : len(steps) - 1 - k] for k in range(order)], axis=1)
    fit = np.linalg.lstsq(rows, steps[order:], rcond=None)[0]
    known, made = list(steps[::-1][:order]), np.empty(ahead)
    level, top = float(rates[-1]), 2.0 * float(rates.max())
    for i in range(ahead):
        step = float(fit @ np.array(known))
        known = [step, *known[:-1]]
        level = min(max(level + step, 0.0), top)
        made[i] = level
    return made
