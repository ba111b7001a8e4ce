"""Metrics of a service as an autoscaler reads them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sim.state.arrays import F8
from sim.state.scaling import Scrapes, Seen

Metric = Literal["concurrency", "running", "waiting", "kv_share", "arrivals_per_s"]
"""Over all replicas together: requests in batches and queues, in batches, in queues; KV memory in
replicas' worth; requests a second."""


def within(scrapes: Scrapes, after_s: float) -> Scrapes:
    """Return the rows of intervals that ended later than that."""
    first = int(np.searchsorted(scrapes.time_s, after_s, side="right"))
    return Scrapes(*(column[first:] for column in scrapes))


def column(seen: Seen, metric: Metric, first: int) -> F8:
    """Return a metric over all replicas together, a number a row from row `first` on."""
    rows = seen.scrapes
    if metric == "arrivals_per_s":
        return rows.arrivals[first:] / seen.scrape_s
    if metric == "kv_share":
        return np.nan_to_num(rows.kv_share[first:]) * rows.ready[first:]
    if metric == "waiting":
        return rows.waiting[first:]
    running = rows.running[first:]
    return running if metric == "running" else running + rows.waiting[first:]


def total(seen: Seen, metric: Metric, window_s: float = 0.0) -> float:
    """Return the mean of a metric over the last window; NaN if nothing was seen.

    The window ends with the last interval seen; 0 or one that is shorter is that interval alone.
    """
    time_s = seen.scrapes.time_s
    if len(time_s) == 0:
        return np.nan
    if window_s == 0.0:
        return float(column(seen, metric, len(time_s) - 1)[0])
    after_s = time_s[-1] - max(window_s, 1e-6) * (1.0 - 1e-9)
    made = column(seen, metric, int(time_s.searchsorted(after_s, side="right")))
    return float(made[0] if len(made) == 1 else made.sum()) / len(made)


def bounded(seen: Seen, wanted: float) -> int:
    """Return a whole number from `least` to `most`."""
    return int(min(max(wanted, seen.least), seen.most))


def have(seen: Seen) -> int:
    """Return the replicas that are ready or starting."""
    return seen.ready + seen.starting
