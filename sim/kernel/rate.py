"""How fast a job goes on: its rate, and the factors that make it."""

from __future__ import annotations

import numpy as np

from sim.kernel.agenda import book
from sim.kernel.jit import entry, jit
from sim.kernel.limits import cut, round_after
from sim.state.columns import WHOLE
from sim.state.handle import State
from sim.state.words import Cause, JobState

RUNNING = int(JobState.RUNNING)
NODE = int(Cause.NODE)


@jit
def pace(s: State, job: int) -> float:
    """Return the rate of a job on its kind of node: its speed there times whatever slows it."""
    rate = s.kinds.speed[s.jobs.klass[job], s.jobs.kind[job]]
    for cause in range(s.paces.factor.shape[0]):
        rate *= s.paces.factor[cause, job]
    return float(rate)


@jit
def pace_beside(s: State, job: int) -> float:
    """Return how fast a job goes on its nodes, of what it would if none of them were slow.

    Every rank waits for the slowest. Where that keeps k of its speed, compute takes 1 / k as long,
    and what is sent no longer than before. Of a step of 1 alone, d of it sent, o of that beside
    compute:

        1 / ((1 - o) d + max((1 - (1 - o) d) / k, o d))
    """
    keeps, after, beside = 1.0, 0.0, 0.0
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        keeps = min(keeps, s.paces.keeps[int(s.ledger.node[r])])
    if keeps >= 1.0:
        return 1.0
    if s.fabric.duty.size > 0 and s.jobs.rows[job] > 1 and s.jobs.milli[job] == WHOLE:
        sent = s.fabric.duty[job]
        beside = s.fabric.overlap[job] * sent
        after = (1.0 - s.fabric.overlap[job]) * sent
    return 1.0 / (after + max((1.0 - after) / keeps, beside))


@jit
def settle(s: State, job: int, now_s: float) -> None:
    """Bring the work left up to now."""
    jobs = s.jobs
    jobs.left_s[job] = max(0.0, jobs.left_s[job] - (now_s - jobs.asof_s[job]) * jobs.rate[job])
    jobs.asof_s[job] = now_s


@jit
def book_end(s: State, job: int, now_s: float) -> None:
    """Book the end of a job's work as it goes on now; in rounds, its GPUs are held until one."""
    rate = s.jobs.rate[job]
    ends_s = now_s + s.jobs.left_s[job] / rate if rate > 0.0 else np.inf
    if s.limits.kills:
        ends_s = cut(s, job, ends_s)
    held = s.gives.round_s > 0.0 and s.gives.hold
    if ends_s < np.inf:
        book(s, job, round_after(s.gives.round_s, ends_s) if held else ends_s)


@entry
def set_rate(s: State, job: int, rate: float, now_s: float) -> None:
    """Go on at another rate: whatever slows or speeds a running job comes down to this.

    A rate of 0 holds the job; it keeps its GPUs and does not end.
    """
    settle(s, job, now_s)
    s.jobs.rate[job] = rate
    s.jobs.epoch[job] += 1
    book_end(s, job, now_s)


@entry
def slow(s: State, job: int, cause: int, factor: float, now_s: float) -> None:
    """Let a cause slow a job by a factor from now on; one that waits starts with it."""
    if s.paces.factor[cause, job] != factor:
        s.paces.factor[cause, job] = factor
        if s.jobs.state[job] == RUNNING:
            set_rate(s, job, pace(s, job), now_s)
