"""When things may end or be looked at: rounds, and what walltimes allow."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.state.handle import State


@jit
def round_after(round_s: float, at_s: float) -> float:
    """Return the first end of a round at or after an instant: always k x round_s, rounded alike."""
    k = np.floor(at_s / round_s + 0.5)
    if k * round_s < at_s:
        k += 1.0
    return float(k * round_s)


@jit
def next_pass_s(s: State, now_s: float) -> float:
    """Return when a pass that is due may be made: at once, or at the end of the round."""
    return now_s if s.gives.round_s == 0.0 else round_after(s.gives.round_s, now_s)


@jit
def limit_s(s: State, end_s: float) -> float:
    """Return when a run whose walltime is over at `end_s` is told to end."""
    at_s = end_s + s.limits.over_s
    return at_s if s.limits.poll_s == 0.0 else round_after(s.limits.poll_s, at_s)


@jit
def cut(s: State, job: int, ends_s: float) -> float:
    """Return when a run really ends that would do so at `ends_s`."""
    limit = s.jobs.limit_s[job]
    return float(ends_s if ends_s <= limit else limit + s.limits.wait_s)


@jit
def outlived(s: State, job: int) -> bool:
    """Return whether the job that ends now does so at its limit, its work undone."""
    jobs = s.jobs
    if not s.limits.kills:
        return False
    rate = jobs.rate[job]
    return bool(rate <= 0.0 or jobs.asof_s[job] + jobs.left_s[job] / rate > jobs.limit_s[job])
