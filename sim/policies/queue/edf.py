"""Earliest deadline first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Edf(AbstractQueuePolicy):
    """Least deadline first; jobs without one go last, in order of the trace.

    Source: Liu and Layland, J. ACM 20 (1973). Neglects: whether a deadline can still be met; one
    that is missed stays first.
    """

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return the deadline, inf where there is none, (k,)."""
        del now_s
        return jobs.deadline_s
