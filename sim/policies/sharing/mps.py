"""Neighbours on a device compute at once, and get in each other's way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.sharing.base import AbstractSharing, Position, Share, spares

HALVES = 0.81
"""Mean rate of two clients of half a device each, of their rates alone: 100 ms became 110 and 140.

Source: forums.developer.nvidia.com, MPS interference problem (312930): one model, one GPU; one
search did not find it again, so take it as an assumption.
"""


@final
@dataclass(frozen=True)
class Mps(AbstractSharing):
    """Of k jobs on a device each runs at `factors[k - 1]` of the rate that its share has alone.

    Beyond the list the last goes on. Measure your own: with little work of each they go up to a
    third faster together than in turns, and where memory is the limit a third slower. MIG instances
    are not slowed.

    Source: NVIDIA, Multi-Process Service (one limit of cores each, memory shared).
    Neglects: who the neighbours are; what they did is in the factors.
    """

    factors: Sequence[float] = (1.0, HALVES)
    mig_position: Position = "spare"

    def rule(self) -> Share:
        """Return the factors, from none on a device upward."""
        values = np.asarray(self.factors, np.float64)
        if not values.size or values[0] != 1.0 or not ((values > 0.0) & (values <= 1.0)).all():
            raise ScenarioError(
                [f"sharing.factors: is {list(self.factors)!r}; must be numbers above 0 up to 1, "
                 "the first, of a job alone, 1"]
            )  # fmt: skip
        return Share(np.append(1.0, values), spares(self.mig_position))
