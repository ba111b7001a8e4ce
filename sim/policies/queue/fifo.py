"""First come, first served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Fifo(AbstractQueuePolicy):
    """In order of becoming eligible; ties in order of the trace.

    Source: Schwiegelshohn and Yahyapour, SODA 1998 (FCFS for parallel jobs). Neglects: all else
    that is known of a job.
    """

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return when each entered the queue, (k,)."""
        del now_s
        return jobs.enter_s
