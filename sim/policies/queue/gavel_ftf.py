"""Gavel's finish-time fairness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.queue.base import F8
from sim.policies.queue.lp import level, spread
from sim.policies.queue.time_shares import AbstractTimeShares
from sim.policies.queue.wants import Wants, isolated

NEAR = 1e-4
"""Relative: so near the least rho the search stops."""


@final
@dataclass(frozen=True)
class GavelFtf(AbstractTimeShares):
    """The worst finish-time fairness is made as good as can be.

    min max_i rho_i, rho_i = (age_i + left_i / rate_i) / (isolated_i + left_i / rate on an equal
    share), where rate_i = sum_j speed_ij X_ij and isolated_i is the time that the work done so far
    would have taken on equal shares as they were. A linear program for each rho, by bisection. It
    is an oracle: it knows the work.

    Source: Narayanan et al., OSDI 2020, 4.2; rho from Themis (Mahajan et al., NSDI 2020).
    Neglects: weights, as its authors' program does.
    """

    def target(self, wants: Wants) -> F8:
        """Return the shares, (k, kinds)."""
        alone_s = wants.isolated_s + wants.left_s / isolated(wants)
        fastest_s = wants.left_s / wants.speed.max(axis=1)

        def reached(rho: float) -> tuple[F8, float]:
            rate = wants.left_s / np.maximum(rho * alone_s - wants.age_s, 1e-9)
            return level(wants.speed, rate, wants.gpus, wants.kind_gpus)

        low = float(np.max((wants.age_s + fastest_s) / alone_s))
        shares, times = reached(low)
        high = low
        while times < 1.0:
            low, high = high, 2.0 * high
            shares, times = reached(high)
        while high - low > NEAR * high:
            middle = 0.5 * (low + high)
            found, times = reached(middle)
            if times < 1.0:
                low = middle
            else:
                high, shares = middle, found
        floor = wants.left_s / np.maximum(high * alone_s - wants.age_s, 1e-9)
        return spread(shares, wants.speed, floor, wants.gpus, wants.kind_gpus)
