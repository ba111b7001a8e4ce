"""Jobs that wait for other jobs, for a place in their array, or for a while after an eviction.

Source: Slurm, sbatch(1): --dependency, --array=…%n; slurm.conf(5): requeue_delay,
kill_invalid_depend. Neglects: Slurm's second between an end and what it sets free; a job of an
array that is sent back to the queue keeps its place in the array.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.agenda import pop
from sim.kernel.jit import entry, jit
from sim.kernel.job import CANCELLED, UNBORN, enter, over, touch
from sim.kernel.later import hold
from sim.state.columns import EVENTS, RELEASE
from sim.state.handle import State
from sim.state.waits import NEWS
from sim.state.words import After, JobState

START, ANY, OK = int(After.START), int(After.ANY), int(After.OK)
COMPLETED = int(JobState.COMPLETED)
UNFIT = int(JobState.UNFIT)
NEVER = int(JobState.NEVER)


@jit
def come(s: State, job: int, now_s: float) -> None:
    """Let a job into the queue; one that has not run yet is eligible from now on."""
    if np.isnan(s.jobs.start_s[job]):
        s.jobs.enter_s[job] = now_s
    enter(s, job)
    s.face.n[EVENTS] += 1


@jit
def admit(s: State, job: int, now_s: float) -> None:
    """A job's time has come: it enters the queue, or stands in line for a place in its array."""
    waits, array = s.waits, -1
    if waits.need.size > 0:
        array = waits.array[job]
    if array >= 0 and not waits.holds[job]:
        if waits.used[array] >= waits.most[array]:
            if waits.head[array] < 0:
                waits.head[array] = job
            else:
                waits.next[waits.tail[array]] = job
            waits.tail[array] = job
            waits.need[job] = 1
            return
        waits.used[array] += 1
        waits.holds[job] = True
    come(s, job, now_s)


@jit
def vacate(s: State, job: int, now_s: float) -> None:
    """A job that has ended leaves its place in the array to the first in line that still waits."""
    waits = s.waits
    array = waits.array[job]
    if array < 0 or not waits.holds[job]:
        return
    waits.holds[job] = False
    waits.used[array] -= 1
    while waits.head[array] >= 0 and waits.used[array] < waits.most[array]:
        other = waits.head[array]
        waits.head[array] = waits.next[other]
        if s.jobs.state[other] == UNBORN:
            waits.need[other] = 0
            waits.used[array] += 1
            waits.holds[other] = True
            come(s, other, now_s)


@jit
def answer(s: State, job: int, when: int, begun: bool) -> int:
    """Return whether a condition on a job is fulfilled (1), never will be (-1), or is open (0)."""
    state = s.jobs.state[job]
    if when == START:
        if begun or state == CANCELLED or not np.isnan(s.jobs.start_s[job]):
            return 1
        return -1
    if begun:
        return 0
    if state in (UNFIT, NEVER):
        return -1
    if when == ANY:
        return 1
    return 1 if (state == COMPLETED) == (when == OK) else -1


@jit
def tell(s: State, job: int, begun: bool, now_s: float) -> None:
    """Tell those that wait for a job that it has started or ended."""
    waits, jobs = s.waits, s.jobs
    for e in range(waits.first[job], waits.first[job + 1]):
        other = waits.follower[e]
        if (waits.when[e] == START) != begun and not np.isnan(jobs.start_s[job]):
            continue  # of a start it was told before, at an end there is nothing more to it
        found = answer(s, job, waits.when[e], begun)
        if found == 0:
            continue
        waits.chance[other] -= 1
        if found > 0:
            waits.need[other] -= 1
            waits.ready_s[other] = max(waits.ready_s[other], now_s + waits.delay_s[e])
            if waits.need[other] == 0 and jobs.state[other] == UNBORN:
                hold(s, other, max(jobs.enter_s[other], waits.ready_s[other]))
        elif waits.chance[other] < waits.need[other] and jobs.state[other] == UNBORN:
            jobs.state[other] = CANCELLED if s.limits.invalid else NEVER
            jobs.end_s[other] = max(now_s, jobs.submit_s[other])
            over(s, other)
            touch(s)


@entry
def release(s: State, now_s: float) -> None:
    """Let those in whose time has come: what they waited for has happened, or a delay is over."""
    while True:
        if s.waits.n[NEWS] > 0:
            many = s.waits.n[NEWS]
            news = s.waits.news[:many].copy()
            s.waits.n[NEWS] = 0
            for k in range(many):
                if news[k] < 0:
                    tell(s, -1 - news[k], True, now_s)
                else:
                    vacate(s, news[k], now_s)
                    tell(s, news[k], False, now_s)
        elif s.due.size[0] > 0 and s.due.time_s[0] <= now_s:
            job = s.due.job[0]
            pop(s.due)
            if s.jobs.state[job] == UNBORN:
                admit(s, job, now_s)
        else:
            break
    s.face.t[RELEASE] = s.due.time_s[0] if s.due.size[0] > 0 else np.inf
