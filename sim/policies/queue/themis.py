"""Themis: finish-time fairness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView


@final
@dataclass(frozen=True)
class Themis(AbstractQueuePolicy):
    """The worst finish-time fairness is made as good as can be; who needs most time goes first.

    rho = (age + left / x) / isolated, where x is the share of the time a job runs from now on and
    `isolated` the time its work takes on an n-th of the cluster, which n jobs share. The least rho
    that all can keep, sum of gpus x <= GPUs, gives each its x; the greatest x goes first. It is an
    oracle: it knows the work.

    Source: Mahajan et al., NSDI 2020; solved as shares as in Gavel (Narayanan et al., OSDI 2020).
    Neglects: the auction and its leases, that n has changed since a job came, and GPU types.
    """

    foresees: ClassVar[bool] = True
    refresh_s: float = 60.0

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return minus the share of the time that each needs, (k,)."""
        if isinstance(now_s, np.ndarray):
            return np.full(now_s.shape, -1.0)  # before it is asked: as if it needed all the time
        here = jobs.enter_s <= now_s  # who is yet to come takes what the rho of these gives it
        if not here.any():
            return np.full(len(here), -1.0)
        share = np.ceil(jobs.total_gpus / here.sum()) / np.maximum(jobs.gpus, 1)
        isolated_s = np.maximum(jobs.work_s, 1.0) / np.minimum(share, 1.0)
        age_s = np.maximum(now_s - jobs.submit_s, 0.0)
        left_s, gpus = jobs.left_s, jobs.gpus[here]
        rho = fair_rho(age_s[here], left_s[here], isolated_s[here], gpus, jobs.total_gpus)
        return -shares(rho, age_s, left_s, isolated_s)


def shares(rho: float, age_s: F8, left_s: F8, isolated_s: F8) -> F8:
    """Return the share of the time that each needs for rho, (k,)."""
    found: F8 = left_s / np.maximum(rho * isolated_s - age_s, 1e-9)
    return found


def fair_rho(age_s: F8, left_s: F8, isolated_s: F8, gpus: np.ndarray, total: int) -> float:
    """Return the least worst rho that all can keep: by bisection."""

    def asked(rho: float) -> float:
        return float(gpus @ shares(rho, age_s, left_s, isolated_s))

    low = float(np.max((age_s + left_s) / isolated_s))  # nobody runs more than all the time
    if asked(low) <= total:
        return low
    high = 2.0 * low
    while asked(high) > total:
        high *= 2.0
    while high - low > 1e-9 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if asked(middle) > total else (low, middle)
    return high
