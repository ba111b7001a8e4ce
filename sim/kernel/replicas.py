"""Jobs that come and go at another's word, again and again: the replicas of a service."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry, jit
from sim.kernel.job import RUNNING, UNBORN, WAITING, enter, leave, over, stop, touch
from sim.kernel.order import remove
from sim.state.columns import HOLDS, LAST
from sim.state.handle import State
from sim.state.words import Ended, JobState

DONE = int(Ended.DONE)
COMPLETED = int(JobState.COMPLETED)


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
        remove(s.queue, s.jobs.key, job)
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
