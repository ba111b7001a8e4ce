"""Shortest job first, by the user's estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Sjf(AbstractQueuePolicy):
    """Least walltime first.

    Source: Conway, Maxwell and Miller, Theory of Scheduling (1967).
    Neglects: that estimates are wrong; what a job has waited (long jobs can starve).
    """

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return the walltime, (k,)."""
        del now_s
        return jobs.walltime_s
