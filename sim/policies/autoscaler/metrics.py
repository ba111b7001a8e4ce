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


def column(seen: Seen, metric: Metric, rows: Scrapes) -> F8:
    """Return a metric over all replicas together, a number a row."""
    made = {
        "concurrency": rows.running + rows.waiting,
        "running": rows.running,
        "waiting": rows.waiting,
        "kv_share": np.nan_to_num(rows.kv_share) * rows.ready,
        "arrivals_per_s": rows.arrivals / seen.scrape_s,
    }
    return made[metric]


def total(seen: Seen, metric: Metric, window_s: float = 0.0) -> float:
    """Return the mean of a metric over the last window; NaN if nothing was seen.

    The window ends with the last interval seen; 0 or one that is shorter is that interval alone.
    """
    if len(seen.scrapes.time_s) == 0:
        return np.nan
    end_s = float(seen.scrapes.time_s[-1])
    rows = within(seen.scrapes, end_s - max(window_s, 1e-6) * (1.0 - 1e-9))
    return float(column(seen, metric, rows).mean())


def bounded(seen: Seen, wanted: float) -> int:
    """Return a whole number from `least` to `most`."""
    return int(min(max(wanted, seen.least), seen.most))


def have(seen: Seen) -> int:
    """Return the replicas that are ready or starting."""
    return seen.ready + seen.starting
