"""The next finish: a binary heap by (time, row) with lazy deletion by epoch."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.state.columns import Agenda, Jobs
from sim.state.handle import State
from sim.state.words import JobState

RUNNING = int(JobState.RUNNING)


@jit
def push(agenda: Agenda, time_s: float, job: int, epoch: int) -> None:
    """Add a finish."""
    t, j, e = agenda.time_s, agenda.job, agenda.epoch
    i = agenda.size[0]
    agenda.size[0] = i + 1
    while i > 0:
        p = (i - 1) >> 1
        if t[p] < time_s or (t[p] == time_s and j[p] <= job):
            break
        t[i], j[i], e[i] = t[p], j[p], e[p]
        i = p
    t[i], j[i], e[i] = time_s, job, epoch


@jit
def pop(agenda: Agenda) -> None:
    """Drop the first finish."""
    t, j, e = agenda.time_s, agenda.job, agenda.epoch
    n = agenda.size[0] - 1
    agenda.size[0] = n
    last_s, last, epoch = t[n], j[n], e[n]
    i = 0
    while True:
        c = 2 * i + 1
        if c >= n:
            break
        if c + 1 < n and (t[c + 1] < t[c] or (t[c + 1] == t[c] and j[c + 1] < j[c])):
            c += 1
        if last_s < t[c] or (last_s == t[c] and last <= j[c]):
            break
        t[i], j[i], e[i] = t[c], j[c], e[c]
        i = c
    if n > 0:
        t[i], j[i], e[i] = last_s, last, epoch


@jit
def holds(jobs: Jobs, job: int, epoch: int) -> bool:
    """Return whether an event of that epoch still holds."""
    return bool(jobs.epoch[job] == epoch and jobs.state[job] == RUNNING)


@jit
def sweep(agenda: Agenda, jobs: Jobs) -> None:
    """Drop all stale finishes, when the heap is full of them."""
    n = agenda.size[0]
    agenda.size[0] = 0
    for i in range(n):  # the heap being built never overtakes the one being read
        t, j, e = agenda.time_s[i], agenda.job[i], agenda.epoch[i]
        if holds(jobs, j, e):
            push(agenda, t, j, e)


@jit
def book(s: State, job: int, time_s: float) -> None:
    """Put the job's finish on the agenda under its present epoch."""
    if s.agenda.size[0] == s.agenda.time_s.size:
        sweep(s.agenda, s.jobs)
    push(s.agenda, time_s, job, s.jobs.epoch[job])


@jit
def next_finish_s(s: State) -> float:
    """Return the time of the next finish that holds; inf if none."""
    a = s.agenda
    while a.size[0] > 0:
        if holds(s.jobs, a.job[0], a.epoch[0]):
            return float(a.time_s[0])
        pop(a)
    return np.inf
