"""WFP3: waiting, against what was asked for, cubed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Wfp3(AbstractQueuePolicy):
    """Greatest (wait / walltime)^3 x GPUs first: favours wide and short jobs that have waited.

    Source: Tang, Lan, Desai and Buettner, Cluster 2009 (Fault-aware, utility-based job scheduling
    on Blue Gene/P).
    Neglects: what happens between two refreshes: a job that arrives then has waited nothing yet.
    """

    refresh_s: float = 60.0

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return minus the weighted wait, (k,)."""
        wait_s = np.maximum(now_s - jobs.enter_s, 0.0)
        estimate_s = np.maximum(jobs.walltime_s, 1.0)
        key: F8 = -((wait_s / estimate_s) ** 3) * jobs.gpus
        return key
