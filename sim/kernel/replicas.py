"""Jobs that come and go at another's word, again and again: the replicas of a service."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry, jit
from sim.kernel.job import RUNNING, UNBORN, WAITING, enter, leave, over, stop, touch
from sim.kernel.order import remove
from sim.kernel.quota import let_go, unblock
from sim.kernel.quota_line import cut
from sim.kernel.size import form_of
from sim.state.columns import HOLDS, LAST
from sim.state.handle import State
from sim.state.words import Ended, JobState

DONE = int(Ended.DONE)
COMPLETED = int(JobState.COMPLETED)


@jit
def withdraw(s: State, job: int) -> None:
    """Take a job out of those that wait for quota: it may come again, so that no row may stay.

    Replicas of a service are alike, and few of them wait.
    """
    q = s.quota
    form = form_of(s, job)
    row = 0
    while q.line[q.place[form] + row] != job:
        row += 1
    cut(s, form, row)
    q.n[0] -= 1
    unblock(s, q.queue[form])


@entry
def submit(s: State, job: int, now_s: float) -> None:
    """Let a job come that is unborn, as if for the first time."""
    s.jobs.enter_s[job], s.jobs.start_s[job] = now_s, np.nan
    s.jobs.left_s[job], s.jobs.tried[job] = s.jobs.work_s[job], -1
    enter(s, job)


@jit
def recall(s: State, job: int, now_s: float) -> None:
    """Take a job off the queue or off its GPUs; it is unborn again."""
    if s.jobs.state[job] == WAITING:
        if s.quota.rule > 0 and s.quota.flavor[job] < 0:
            withdraw(s, job)
        else:
            remove(s.queue, s.jobs.key, job)
            if s.quota.rule > 0:
                let_go(s, job)
        s.face.n[LAST], s.face.n[HOLDS] = -1, 0
        leave(s, job)
        touch(s)
    elif s.jobs.state[job] == RUNNING:
        stop(s, job, now_s, DONE)
    s.jobs.state[job] = UNBORN


@entry
def withhold(s: State, job: int, now_s: float) -> None:
    """Take a job off the queue or off its GPUs; it may be submitted again."""
    recall(s, job, now_s)


@entry
def end(s: State, job: int, now_s: float) -> None:
    """Take a job off the queue or off its GPUs for good."""
    recall(s, job, now_s)
    s.jobs.state[job], s.jobs.end_s[job] = COMPLETED, now_s
    over(s, job)
