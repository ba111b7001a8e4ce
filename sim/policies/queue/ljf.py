"""Longest job first, by the user's estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Ljf(AbstractQueuePolicy):
    """Greatest walltime first: long jobs early leave short ones to fill the end.

    Source: Graham, SIAM J. Applied Mathematics 17 (1969): longest processing time first. Neglects:
    the gang's width, and errors of the walltime; short jobs can starve.
    """

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return the negative walltime, (k,)."""
        del now_s
        return -jobs.walltime_s
