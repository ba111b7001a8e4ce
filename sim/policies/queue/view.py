"""What a queue policy sees of jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np

from sim.state.arrays import F8
from sim.state.handle import State
from sim.state.words import JobState


def over_greatest(given: Mapping[str, float], names: Sequence[str]) -> F8:
    """Return the number given for each name over the greatest of all, (k,); 0 where none is."""
    top = max(given.values(), default=0.0) or 1.0
    return np.array([given.get(name, 0.0) / top for name in names])


class Jobs:
    """The columns of some jobs, read only: `jobs.gpus` is (k,), one number a job looked at.

    It holds what a scheduler could know (submit_s, enter_s, gpus, walltime_s, priority, deadline_s,
    tenant, start_s, restarts, …), `key` as it was, and, for oracles, work_s.
    """

    def __init__(self, state: State, rows: np.ndarray | slice, now_s: float | F8 = 0.0) -> None:
        self._state = state
        self._jobs, self._rows, self._now_s = state.jobs, rows, now_s
        self._nodes, self._usage = state.nodes, state.usage
        self._kinds, self._notes = state.kinds, state.notes
        self.round_s = state.gives.round_s
        self.tenant_names, self.kind_names = state.tenant_names, state.kind_names
        self.partition_names, self.qos_names = state.partition_names, state.qos_names

    def __getattr__(self, name: str) -> np.ndarray:
        """Return one column, (k,)."""
        column: np.ndarray = getattr(self._jobs, name)[self._rows]
        return column

    def only(self, those: np.ndarray) -> Self:
        """Return the view of some of them."""
        return type(self)(self._state, self.row[those], self._now_s)

    def fixed(self, tell: Callable[[Self], F8]) -> F8:
        """Return what `tell` says of each, (k,), asked once a run for all jobs.

        So it must depend on nothing that changes while a job lives.
        """
        known = self._state.fixed
        if tell.__name__ not in known:
            known[tell.__name__] = tell(type(self)(self._state, slice(None), self._now_s))
        found: F8 = known[tell.__name__][self._rows]
        return found

    @property
    def total_gpus(self) -> int:
        """Return how many GPUs there are."""
        return int(self._nodes.gpus.sum())

    @property
    def row(self) -> np.ndarray:
        """Return their row numbers, (k,): the order of submission."""
        if isinstance(self._rows, np.ndarray):
            return self._rows
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
