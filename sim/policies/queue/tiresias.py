"""Tiresias: least attained service in a few queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView

NEAR_S = 1e-6
"""A limit is reached this little before it, so that rounding cannot put it off for ever."""
FRESH = 1.0 - 2.0**-40
"""The key of a job that has just come: behind all others of the first queue."""


@final
@dataclass(frozen=True)
class Tiresias(AbstractQueuePolicy):
    """Discretised two-dimensional LAS: queues by attained GPU time, first come first in each.

    A job begins in queue 0 and goes down one at a time as its service passes `limits_s`. In a queue
    those that run stand before those that wait, so that they change hands only with the queue.
    Service is GPU time, or time run where not `by_gpus`. `late_timer` wakes as late as the
    original's simulator does: its timer divides what is left by the GPUs twice over.

    Source: Gu et al., NSDI 2019, 3.2 and the authors' simulator (dlas, dlas-gpu).
    Neglects: the promotion of starved jobs.
    """

    limits_s: tuple[float, ...] = (3250.0, 7200.0)
    by_gpus: bool = True
    late_timer: bool = False
    refresh_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse limits that do not grow."""
        limits = list(self.limits_s)
        if any(not limit > 0.0 for limit in limits) or limits != sorted(set(limits)):
            raise ScenarioError([f"queue.limits_s: is {limits!r}; must be times > 0 that grow"])
        object.__setattr__(self, "limits_s", tuple(limits))

    def served_s(self, jobs: JobView) -> F8:
        """Return the service attained, (k,)."""
        return jobs.attained_s * jobs.gpus if self.by_gpus else jobs.attained_s

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return queue + place in it, a number in [0, 1), (k,)."""
        if isinstance(now_s, np.ndarray):
            return np.full(now_s.shape, FRESH)
        queue, down = self.standing(jobs)
        come = np.where(down, jobs.enter_s, jobs.key)  # who comes down stands last, as it entered
        order = np.lexsort((jobs.row, come, ~jobs.running, down, queue))
        return places(queue[order], order)

    def standing(self, jobs: JobView) -> tuple[np.ndarray, np.ndarray]:
        """Return the queue that each stands in from now on, and whether it has just come down."""
        limits = np.array([*self.limits_s, np.inf])
        queue = np.floor(jobs.key).astype(np.int64)
        down = jobs.running & (self.served_s(jobs) >= limits[queue] - NEAR_S)
        return queue + down, down

    def turn_s(self, jobs: JobView, now_s: float) -> F8:
        """Return when each passes its queue's limit if it runs on, (k,)."""
        limits = np.array([*self.limits_s, np.inf])
        limit_s = limits[np.floor(jobs.key).astype(np.int64)]
        gpus = jobs.gpus if self.by_gpus else 1
        if self.late_timer:
            wait_s = np.floor((limit_s - jobs.attained_s) / gpus)
        else:
            wait_s = limit_s / gpus - jobs.attained_s
        return now_s + np.maximum(wait_s, 0.0)


def places(queue: np.ndarray, order: np.ndarray) -> F8:
    """Return a key a job, queue + place in it, of jobs in `order` and the queue each stands in."""
    first, count = np.searchsorted(queue, queue), np.bincount(queue)
    key = np.empty(len(queue))
    key[order] = queue + (np.arange(len(queue)) - first) / (count[queue] + 1.0)
    return key
