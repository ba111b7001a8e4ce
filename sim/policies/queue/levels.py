"""A few queues by service attained: who goes down, and who comes up again after a long wait."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.policies.queue.base import F8, JobView

NEAR_S = 1e-6
"""A limit is reached this little before it, so that rounding cannot put it off for ever."""
FRESH = 1.0 - 2.0**-40
"""The key of a job that has just come: behind all others of the first queue."""


class Levels(NamedTuple):
    """Queue 0 and those below it; a job's key is its queue + its place there, in [0, 1)."""

    limits_s: tuple[float, ...]  # service that ends a queue
    by_gpus: bool  # service is GPU time, else time
    late_timer: bool
    starve_limit: float  # back in queue 0 after a wait of so many times the run; inf: never

    def issues(self) -> list[str]:
        """Return the faults of the knobs."""
        limits, found = list(self.limits_s), []
        if any(not limit > 0.0 for limit in limits) or limits != sorted(set(limits)):
            found.append(f"queue.limits_s: is {limits!r}; must be times > 0 that grow")
        if not self.starve_limit > 0.0:
            told = f"is {self.starve_limit!r}; must be a number > 0, .inf for never"
            found.append(f"queue.starve_limit: {told}")
        return found

    def ran_s(self, jobs: JobView) -> F8:
        """Return the service since each began anew, (k,) seconds; or all it ever had."""
        if self.starve_limit == np.inf:
            return jobs.attained_s
        return jobs.attained_s - np.nan_to_num(jobs.notes[:, 0])

    def served_s(self, jobs: JobView) -> F8:
        """Return the service that counts, (k,) seconds or GPU-seconds."""
        return self.ran_s(jobs) * jobs.gpus if self.by_gpus else self.ran_s(jobs)

    def standing(self, jobs: JobView) -> tuple[np.ndarray, np.ndarray]:
        """Return the queue that each stands in from now on, and whether it has just moved."""
        limits = np.array([*self.limits_s, np.inf])
        queue, served_s = np.floor(jobs.key).astype(np.int64), self.served_s(jobs)
        down = jobs.running & (served_s >= limits[queue] - NEAR_S)
        up = ~jobs.running & (queue > 0) & (served_s <= 0.0)  # it was served before it went down
        return np.where(up, 0, queue + down), down | up


def places(queue: np.ndarray, order: np.ndarray) -> F8:
    """Return a key a job, queue + place in it, of jobs in `order` and the queue each stands in."""
    first, count = np.searchsorted(queue, queue), np.bincount(queue)
    key = np.empty(len(queue))
    key[order] = queue + (np.arange(len(queue)) - first) / (count[queue] + 1.0)
    return key
