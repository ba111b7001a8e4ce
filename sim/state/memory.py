"""What is remembered of tenants and jobs for those who ask."""

from __future__ import annotations

import numpy as np

from sim.state.columns import Jobs, Notes, Usage


def usage_of(jobs: Jobs, half_life_s: float | None) -> Usage:
    """Return that nobody has used anything yet; no rows where no half-life is given."""
    many = 0 if half_life_s is None else int(jobs.tenant.max(initial=0)) + 1
    half = np.inf if half_life_s is None else float(half_life_s)
    return Usage(half, np.zeros(many), np.zeros(many), np.zeros(many))


def notes_of(jobs: int, kinds: int, numbers: int, deals: bool) -> Notes:
    """Return that the queue policy knows nothing yet; no rows where it remembers nothing."""
    if numbers == 0:
        return Notes(1, np.empty((0, 0)), np.empty(0))
    value = np.full((jobs, numbers), np.nan)
    if deals:
        return Notes(kinds + 2, value, np.empty(0))
    return Notes(1, value, np.full(jobs, np.inf))
