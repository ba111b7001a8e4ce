"""Tiresias: least attained service in a few queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.queue.base import F8, JobView
from sim.policies.queue.by_level import AbstractLevels
from sim.policies.queue.levels import FRESH, Levels, places


@final
@dataclass(frozen=True)
class Tiresias(AbstractLevels):
    """Discretised two-dimensional LAS: queues by attained GPU time, first come first in each.

    A job begins in queue 0 and goes down one at a time as its service passes `limits_s`. In a queue
    those that run stand before those that wait, so that they change hands only with the queue.
    Service is GPU time, or time run where not `by_gpus`. `late_timer` wakes as late as the
    original's simulator does: its timer divides what is left by the GPUs twice over. Who has
    waited `starve_limit` times as long as it ran is back in queue 0 as if it had never run.

    Source: Gu et al., NSDI 2019, 3.2 and the authors' simulator (dlas, dlas-gpu, dlas-gpu-N).
    Neglects: that a job which was slowed ran for longer than its service says.
    """

    limits_s: tuple[float, ...] = (3250.0, 7200.0)
    by_gpus: bool = True
    late_timer: bool = False
    starve_limit: float = np.inf
    refresh_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse limits that do not grow, and a wait of nothing."""
        if found := self.levels.issues():
            raise ScenarioError(found)
        object.__setattr__(self, "limits_s", tuple(self.limits_s))

    @property
    def levels(self) -> Levels:
        """Return its queues."""
        return Levels(self.limits_s, self.by_gpus, self.late_timer, self.starve_limit)

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return queue + place in it, a number in [0, 1), (k,)."""
        if isinstance(now_s, np.ndarray):
            return np.full(now_s.shape, FRESH)
        queue, moved = self.levels.standing(jobs)
        come = np.where(moved, jobs.enter_s, jobs.key)  # who has moved stands last, as it entered
        order = np.lexsort((jobs.row, come, ~jobs.running, moved, queue))
        return places(queue[order], order)
