"""What an elastic policy sees of jobs."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from sim.policies.elastic.speedup import F8, I8, AbstractSpeedup
from sim.policies.queue.view import Jobs
from sim.state.handle import State


class ElasticView(Jobs):
    """The jobs that run, by row, then those that wait, in the queue's order; (k,) a column.

    Besides what a queue policy sees: `gpus` they have now or would start with, `told` the GPUs that
    work and walltime were told for, `least` and `most` they may have, `parallel_share`, `resizes`.
    Jobs that are not elastic are among them, with `least` = `most`.
    """

    def __init__(self, state: State, rows: np.ndarray, now_s: float, by: AbstractSpeedup) -> None:
        super().__init__(state, rows, now_s)
        self._curve = by
        for name in ("told", "least", "most", "parallel_share", "resizes"):
            setattr(self, name, getattr(state.elastic, name)[rows])

    told: I8
    least: I8
    most: I8
    parallel_share: F8
    resizes: I8

    def speed(self, gpus: I8, of: np.ndarray | slice = slice(None)) -> F8:
        """Return the speed of the jobs `of` on `gpus` GPUs, relative to the GPUs as told."""
        made: F8 = self._curve.speed(gpus, self.parallel_share[of]) / self._told_speed[of]
        return made

    @cached_property
    def _told_speed(self) -> F8:
        return self._curve.speed(self.told, self.parallel_share)

    @cached_property
    def running(self) -> np.ndarray:
        """Return which of them run, (k,)."""
        return super().running
