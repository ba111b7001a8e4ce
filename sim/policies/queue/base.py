"""The interface of queue order."""

from __future__ import annotations

import abc

import numpy as np

from sim.state.columns import F8, I4
from sim.state.handle import State


class JobView:
    """The columns of some jobs, read only: `jobs.gpus` is (k,), one number a job looked at.

    It holds what a scheduler could know (submit_s, enter_s, gpus, walltime_s, priority, deadline_s,
    tenant, start_s, restarts, …) and, for oracles, work_s.
    """

    def __init__(self, state: State, rows: np.ndarray | slice) -> None:
        self._jobs, self._rows = state.jobs, rows

    def __getattr__(self, name: str) -> np.ndarray:
        """Return one column, (k,)."""
        column: np.ndarray = getattr(self._jobs, name)[self._rows]
        return column


class AbstractQueuePolicy(abc.ABC):
    """Who goes first: a number a job, least first; ties go to the earlier row.

    `refresh_s` says how often time changes the answer: inf, asked once about all jobs; so many
    seconds, asked again that often about the waiting ones; 0, asked before every scheduling pass.
    """

    refresh_s: float = np.inf

    @abc.abstractmethod
    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return (k,), the key of each job in view.

        `now_s` is the instant of asking; when all jobs are asked before the run it is (k,), the
        instant at which each enters the queue.
        """


__all__ = ["F8", "I4", "AbstractQueuePolicy", "JobView"]
