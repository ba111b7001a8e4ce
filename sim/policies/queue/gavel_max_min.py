"""Gavel's max-min fairness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.queue.base import F8
from sim.policies.queue.lp import level, spread
from sim.policies.queue.time_shares import AbstractTimeShares
from sim.policies.queue.wants import Wants


@final
@dataclass(frozen=True)
class GavelMaxMin(AbstractTimeShares):
    """The job with the least normalised throughput has as much of it as can be.

    max min_i gpus_i sum_j speed_ij X_ij / (weight_i usual_i), where usual_i is its speed on the
    cluster's own mix of kinds, and its weight its priority, 1 if it has none. What is left then is
    spread evenly.

    Source: Narayanan et al., OSDI 2020, 4.1 (max_min_fairness).
    Neglects: its hierarchical form and water filling.
    """

    def target(self, wants: Wants) -> F8:
        """Return the shares, (k, kinds)."""
        speed = wants.speed if self.by_speed else (wants.speed > 0.0).astype(np.float64)
        usual = speed @ wants.kind_gpus / wants.kind_gpus.sum()
        gain = wants.gpus[:, None] * speed / (wants.weight * usual)[:, None]
        shares, least = level(gain, np.ones(len(gain)), wants.gpus, wants.kind_gpus)
        return spread(shares, gain, np.full(len(gain), least), wants.gpus, wants.kind_gpus)
