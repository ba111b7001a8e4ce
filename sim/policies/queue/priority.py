"""By the priority the job came with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Priority(AbstractQueuePolicy):
    """Greatest priority first; ties in order of the trace.

    Source: Kubernetes documentation, Pod Priority and Preemption (order of the queue). Neglects:
    aging; low priorities can starve.
    """

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return the negative priority, (k,)."""
        del now_s
        return -jobs.priority
