"""UNICEF: waiting, against size and time; small jobs are served fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Unicef(AbstractQueuePolicy):
    """Greatest wait / (log2(GPUs) x walltime) first: favours small and short jobs.

    Source: Tang, Lan, Desai and Buettner, Cluster 2009.
    Neglects: the paper leaves log2(1) = 0 open; here a job counts as at least 2 GPUs wide.
    """

    refresh_s: float = 60.0

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return minus the weighted wait, (k,)."""
        wait_s = np.maximum(now_s - jobs.enter_s, 0.0)
        estimate_s = np.maximum(jobs.walltime_s, 1.0)
        key: F8 = -wait_s / (np.log2(np.maximum(jobs.gpus, 2)) * estimate_s)
        return key
