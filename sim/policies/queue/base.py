"""The interface of queue order."""

from __future__ import annotations

import abc

import numpy as np

from sim.state.columns import F8, I4
from sim.state.handle import State
from sim.state.words import JobState


class JobView:
    """The columns of some jobs, read only: `jobs.gpus` is (k,), one number a job looked at.

    It holds what a scheduler could know (submit_s, enter_s, gpus, walltime_s, priority, deadline_s,
    tenant, start_s, restarts, …), `key` as it was, and, for oracles, work_s.
    """

    def __init__(self, state: State, rows: np.ndarray | slice, now_s: float | F8 = 0.0) -> None:
        self._jobs, self._rows, self._now_s = state.jobs, rows, now_s
        self.total_gpus = int(state.nodes.gpus.sum())

    def __getattr__(self, name: str) -> np.ndarray:
        """Return one column, (k,)."""
        column: np.ndarray = getattr(self._jobs, name)[self._rows]
        return column

    @property
    def row(self) -> np.ndarray:
        """Return their row numbers, (k,): the order of submission."""
        return np.arange(len(self._jobs.gpus))[self._rows]

    @property
    def running(self) -> np.ndarray:
        """Return which of them run, (k,)."""
        state: np.ndarray = self._jobs.state[self._rows]
        return state == JobState.RUNNING

    @property
    def left_s(self) -> F8:
        """Return the work left now, (k,) seconds at rate 1."""
        jobs, rows = self._jobs, self._rows
        since_s = np.where(self.running, (self._now_s - jobs.asof_s[rows]) * jobs.rate[rows], 0.0)
        left_s: F8 = np.maximum(jobs.left_s[rows] - since_s, 0.0)
        return left_s

    @property
    def attained_s(self) -> F8:
        """Return the work done so far, lost work included, (k,) seconds at rate 1."""
        jobs, rows = self._jobs, self._rows
        done_s: F8 = jobs.work_s[rows] + jobs.lost_s[rows] - self.left_s
        return done_s


class AbstractQueuePolicy(abc.ABC):
    """Who goes first: a number a job, least first; ties go to the earlier row.

    `refresh_s` says how often time changes the answer: inf, asked once about all jobs; so many
    seconds, asked again that often about the waiting ones; 0, asked before every scheduling pass.
    With preemption it is asked about the running ones too.
    """

    refresh_s: float = np.inf

    def turn_s(self, jobs: JobView, now_s: float) -> F8 | None:
        """Return (k,), when each job's key changes by itself if it runs on; None: see `refresh_s`.

        A pass is made at the first of these instants among the jobs that run.
        """
        return None

    @abc.abstractmethod
    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return (k,), the key of each job in view.

        `now_s` is the instant of asking; when all jobs are asked before the run it is (k,), the
        instant at which each enters the queue.
        """


__all__ = ["F8", "I4", "AbstractQueuePolicy", "JobView"]
