"""Which jobs do not simply come at their time, and when those come that wait for no other."""

from __future__ import annotations

import numpy as np

from sim.state.arrays import B1
from sim.state.columns import Agenda, Jobs
from sim.state.waits import NEWS, Waits
from sim.state.words import JobState


def held(waits: Waits) -> B1:
    """Return which jobs do not simply come at their time, (jobs,); no rows where none is held."""
    return (waits.need > 0) | (waits.array >= 0)


def due_of(jobs: Jobs, waits: Waits, delays: bool) -> Agenda:
    """Return when held jobs come that wait for no other job, the first of them first."""
    rows = len(jobs.gpus) + 1 if delays or waits.need.size else 0
    due = Agenda(
        np.empty(rows), np.empty(rows, np.int64), np.zeros(rows, np.int64), np.zeros(1, np.int64)
    )
    if waits.need.size:
        come = np.flatnonzero(held(waits) & (waits.need == 0) & (jobs.state == JobState.UNBORN))
        come = come[np.argsort(jobs.enter_s[come], kind="stable")]  # sorted rows are a heap
        due.time_s[: len(come)], due.job[: len(come)] = jobs.enter_s[come], come
        due.size[0] = len(come)
        unfit = np.flatnonzero(jobs.state == JobState.UNFIT)
        waits.news[: len(unfit)], waits.n[NEWS] = unfit, len(unfit)
    return due
