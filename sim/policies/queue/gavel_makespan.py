"""Gavel's least makespan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.queue.base import F8
from sim.policies.queue.lp import level, spread
from sim.policies.queue.time_shares import AbstractTimeShares
from sim.policies.queue.wants import Wants

LOW_S, HIGH_S, NEAR = 100.0, 1e6, 1.05
"""Where the authors' search begins, and when it stops."""


@final
@dataclass(frozen=True)
class GavelMakespan(AbstractTimeShares):
    """All jobs at hand are done as early as can be: shares in proportion to the work left.

    min M with sum_j speed_ij X_ij >= left_i / M. As in the authors' bisection M is up to 5 % above
    the least, and the shares lie in the middle of all that keep it. It is an oracle: it knows the
    work.

    Source: Narayanan et al., OSDI 2020, 4.2 (min_total_duration). Neglects: jobs yet to come, and
    weights of jobs.
    """

    def target(self, wants: Wants) -> F8:
        """Return the shares, (k, kinds)."""
        shares, per_s = level(wants.speed, wants.left_s, wants.gpus, wants.kind_gpus)
        low, high = LOW_S, HIGH_S
        while high * per_s < 1.0:
            low, high = high, 10.0 * high
        while NEAR * low < high:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if middle * per_s >= 1.0 else (middle, high)
        floor = wants.left_s / high
        return spread(shares, wants.speed, floor, wants.gpus, wants.kind_gpus)
