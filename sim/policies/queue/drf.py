"""Dominant resource fairness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Drf(AbstractQueuePolicy):
    """The tenant with the least dominant share is given its next job, again and again.

    A dominant share is the greatest of the tenant's shares of all GPUs, cores and memory. A job's
    key is its tenant's dominant share once all that the tenant has waiting before it is given too:
    in this order progressive filling takes them. A tenant's own jobs go first come, first served.

    Source: Ghodsi et al., NSDI 2011.
    Neglects: weights, and what changes between two refreshes.
    """

    foresees: ClassVar[bool] = True
    refresh_s: float = 60.0

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return the dominant share before each job is given, (k,)."""
        if isinstance(now_s, np.ndarray):
            return np.zeros(now_s.shape)  # before it is asked: first come, first served
        order = np.lexsort((jobs.row, jobs.enter_s, jobs.tenant))
        tenant, asks = jobs.tenant[order], jobs.asked_share[order]
        asks = np.where(jobs.running[order, None], 0.0, asks)  # held already
        before = np.cumsum(asks, axis=0) - asks
        first = np.searchsorted(tenant, tenant)
        share = jobs.tenant_share[tenant] + before - before[first]
        key = np.empty(len(order))
        key[order] = share.max(axis=1)
        return key
