"""Smallest gang first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Smallest(AbstractQueuePolicy):
    """Fewest GPUs first; wide gangs can starve.

    Source: Majumdar, Eager and Bunt, SIGMETRICS 1988 (smallest number of processes first).
    Neglects: how long jobs run.
    """

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return the GPUs, (k,)."""
        del now_s
        return jobs.gpus.astype(float)
