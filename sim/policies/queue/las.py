"""Least attained service first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Las(AbstractQueuePolicy):
    """Who has had least service so far goes first: fair to jobs of unknown length.

    Service is time run, with `by_gpus` GPU time. Under preemption without rounds it shares GPUs
    among equals at every pass; rounds or `min_run_s` keep it from changing hands all the time.

    Source: Nuyens and Wierman, Performance Evaluation 65 (2008); Blox's Las. Neglects: priorities,
    and what each change of hands costs, which is the preemption's to say.
    """

    by_gpus: bool = False
    refresh_s: float = 0.0

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return the service attained, (k,) seconds, or GPU-seconds."""
        return jobs.attained_s * jobs.gpus if self.by_gpus else jobs.attained_s
