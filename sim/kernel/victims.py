"""Which running jobs give way first, and what becomes of them."""

from __future__ import annotations

import numpy as np

from sim.kernel.agenda import book
from sim.kernel.calendar import bar_now
from sim.kernel.jit import jit
from sim.kernel.job import done_s, over, send_back, settle, start, stop
from sim.kernel.limits import cut
from sim.kernel.pick import fits, note
from sim.state.columns import ZERO_WAITING
from sim.state.handle import State
from sim.state.waits import ASLEEP
from sim.state.words import Ended, JobState

PREEMPTED = int(Ended.PREEMPTED)
SUSPENDED = int(Ended.SUSPENDED)
EVICTED = int(JobState.PREEMPTED)
UNBORN = int(JobState.UNBORN)


@jit
def losable_s(s: State, job: int) -> float:
    """Return the work that a running job would lose by going back to the queue now.

    Its work must be settled.
    """
    done, step_s = done_s(s, job), s.gives.checkpoint_s
    if step_s == 0.0:
        return 0.0
    return float(done if step_s == np.inf else done % step_s)


@jit
def worth_less(s: State, job: int, now_s: float) -> float:
    """Return the sum by which jobs give way, least first."""
    gives, jobs = s.gives, s.jobs
    total = 0.0
    if gives.youngest != 0.0:
        total -= gives.youngest * s.ledger.start_s[jobs.row0[job]]
    if gives.least_lost != 0.0:
        settle(s, job, now_s)
        total += gives.least_lost * losable_s(s, job) * jobs.gpus[job]
    if gives.smallest != 0.0:
        total += gives.smallest * jobs.gpus[job]
    if gives.lowest != 0.0:
        lowest = jobs.priority[job]
        if s.qos.priority.size > 0:
            lowest = s.qos.priority[jobs.qos[job]]
        total += gives.lowest * lowest
    return float(total)


@jit
def first_to_go(s: State, jobs: np.ndarray, now_s: float) -> np.ndarray:
    """Return jobs, given from the end of the order, as they are to give way, (k,)."""
    gives = s.gives
    if gives.youngest == gives.least_lost == gives.smallest == gives.lowest == 0.0:
        return jobs
    total = np.empty(jobs.size)
    for k in range(jobs.size):
        total[k] = worth_less(s, jobs[k], now_s)
    return jobs[np.argsort(total, kind="mergesort")]


@jit
def put_to_sleep(s: State, job: int, now_s: float, holds: bool) -> None:
    """Suspend a running job: it loses nothing, and its nodes stay its own against those behind."""
    stop(s, job, now_s, SUSPENDED, holds)
    jobs, asleep = s.jobs, s.waits.asleep
    jobs.state[job] = UNBORN
    if s.limits.kills:
        jobs.limit_s[job] -= now_s  # what is left of it
    k = s.waits.n[ASLEEP]
    while k > 0 and (
        jobs.key[asleep[k - 1]] > jobs.key[job]
        or (jobs.key[asleep[k - 1]] == jobs.key[job] and asleep[k - 1] > job)
    ):
        asleep[k] = asleep[k - 1]
        k -= 1
    asleep[k] = job
    s.waits.n[ASLEEP] += 1


@jit
def evict(s: State, job: int, now_s: float, holds: bool) -> None:
    """Let a job give way; `holds` says whether its nodes are still to be given back.

    It goes back to the queue, and what it did since its last checkpoint is lost; or it ends; or it
    is suspended.
    """
    if s.gives.suspends:
        put_to_sleep(s, job, now_s, holds)
        return
    settle(s, job, now_s)
    if s.gives.cancels or (s.qos.cancels.size > 0 and s.qos.cancels[s.jobs.qos[job]]):
        s.jobs.lost_s[job] += done_s(s, job)
        stop(s, job, now_s, PREEMPTED, holds)
        s.jobs.state[job], s.jobs.end_s[job] = EVICTED, now_s
        over(s, job)
        return
    send_back(s, job, losable_s(s, job) + s.gives.cost_s, now_s, PREEMPTED, holds)


@jit
def can_wake(s: State, job: int, now_s: float) -> bool:
    """Return whether a suspended job's own nodes have room for it; they lie in `s.pick` then."""
    s.pick.n[0] = 0
    bar_now(s, job, now_s)
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        node, gpus = int(s.ledger.node[r]), int(s.ledger.gpus[r])
        if not s.nodes.up[node] or not fits(s, job, node, gpus, False):
            return False
        note(s, node, gpus)
    return True


@jit
def wake(s: State, upto: float, now_s: float) -> None:
    """Let suspended jobs with a key up to `upto` go on where they were, where there is room.

    The work that each interruption adds is theirs too.
    """
    jobs, asleep, k = s.jobs, s.waits.asleep, 0
    while k < s.waits.n[ASLEEP] and jobs.key[asleep[k]] <= upto:
        job = asleep[k]
        if not can_wake(s, job, now_s):
            k += 1
            continue
        s.waits.n[ASLEEP] -= 1
        for i in range(k, s.waits.n[ASLEEP]):
            asleep[i] = asleep[i + 1]
        if jobs.gpus[job] == 0:
            s.face.n[ZERO_WAITING] += 1  # `start` takes it for one that waited
        left_s = jobs.limit_s[job]
        jobs.left_s[job] += s.gives.cost_s
        jobs.lost_s[job] += s.gives.cost_s
        start(s, job, jobs.kind[job], now_s)
        if s.limits.kills:
            jobs.limit_s[job] = now_s + left_s
            jobs.epoch[job] += 1
            book(s, job, cut(s, job, now_s + jobs.left_s[job] / jobs.rate[job]))
