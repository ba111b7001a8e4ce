"""Shortest remaining time first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Srtf(AbstractQueuePolicy):
    """Least work left first; with preemption it is preemptive SRTF.

    With `by_gpus` least remaining GPU time first (SRSF, shortest remaining service). It is an
    oracle: it knows the work left; `by_walltime` takes what the user's walltime leaves instead.

    Source: Schrage, Operations Research 16 (1968); Tiresias' `shortest` and `shortest-gpu`.
    Neglects: priorities and deadlines; long jobs can starve.
    """

    by_gpus: bool = False
    by_walltime: bool = False
    refresh_s: float = 0.0

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return the time left, (k,) seconds, or GPU-seconds."""
        left_s = jobs.left_s
        if self.by_walltime:
            left_s = jobs.walltime_s - jobs.attained_s
        return left_s * jobs.gpus if self.by_gpus else left_s
