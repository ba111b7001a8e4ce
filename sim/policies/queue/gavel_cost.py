"""Gavel's most work for its money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.queue.base import F8
from sim.policies.queue.lp import greatest, spread
from sim.policies.queue.time_shares import AbstractTimeShares
from sim.policies.queue.wants import Wants


@final
@dataclass(frozen=True)
class GavelCost(AbstractTimeShares):
    """As much work as can be for each dollar; jobs with deadlines get what they need for them.

    max sum_ij speed_ij X_ij / price_j, with sum_j speed_ij X_ij >= left_i / time to the deadline;
    deadlines are let go where they cannot all be kept. `gpu_h_usd` is what an hour of each GPU type
    costs; without it, 1 each: the most work in all. Speeds of different jobs are added as they are.

    Source: Narayanan et al., OSDI 2020, 4.2 (max_sum_throughput, with cost and SLOs).
    Neglects: prices that change, and which deadline had better be let go.
    """

    gpu_h_usd: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse prices that are not above 0."""
        super().__post_init__()
        found = [
            f"queue.gpu_h_usd.{name}: is {price!r}; must be a price above 0"
            for name, price in self.gpu_h_usd.items()
            if not 0.0 < price < float("inf")
        ]
        if found:
            raise ScenarioError(found)

    def issues(self, gpu_types: Sequence[str]) -> list[str]:
        """Return which GPU types of the cluster have no price, and which prices are of none."""
        told, types = set(self.gpu_h_usd or gpu_types), ", ".join(gpu_types)
        remedy = "is missing; must be its price above 0, or leave gpu_h_usd={}: 1 for each"
        return [
            f"queue.gpu_h_usd.{name}: {remedy}" for name in gpu_types if name not in told
        ] + [f"queue.gpu_h_usd.{name}: is no GPU type of the cluster; must be one of {types}"
             for name in sorted(told - set(gpu_types))]  # fmt: skip

    def target(self, wants: Wants) -> F8:
        """Return the shares, (k, kinds)."""
        price = np.array([self.gpu_h_usd.get(name, 1.0) for name in wants.kind_names])
        value, floor = wants.speed / price, wants.left_s / wants.due_s
        found = greatest(value, wants.speed, floor, wants.gpus, wants.kind_gpus)
        if found is None:
            floor = np.zeros(len(floor))
            found = greatest(value, wants.speed, floor, wants.gpus, wants.kind_gpus)
        assert found is not None
        return spread(found, wants.speed, floor, wants.gpus, wants.kind_gpus, value)
