"""Amdahl's law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.elastic.speedup import F8, I8, AbstractSpeedup


@final
@dataclass(frozen=True)
class Amdahl(AbstractSpeedup):
    """A share of the work on one GPU, `parallel_share`, is split over the GPUs, the rest is not.

    speed(g) = 1 / (1 - p + p / g). A job whose row says its own `parallel_share` goes by that.

    Source: Amdahl, AFIPS 1967.
    Neglects: that communication grows with the GPUs.
    """

    parallel_share: float = 0.98

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0.0 < self.parallel_share <= 1.0:
            raise ScenarioError([
                f"elastic.speedup.parallel_share: is {self.parallel_share!r}; must be a share "
                "above 0, at most 1: without it no GPU more would help"
            ])  # fmt: skip

    def speed(self, gpus: I8, parallel_share: F8) -> F8:
        """Return the speed relative to one GPU, (k,)."""
        p = np.where(np.isnan(parallel_share), self.parallel_share, parallel_share)
        made: F8 = 1.0 / (1.0 - p + p / gpus)
        return made
