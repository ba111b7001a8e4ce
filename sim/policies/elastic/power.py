"""A power of the GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.elastic.speedup import F8, I8, AbstractSpeedup


@final
@dataclass(frozen=True)
class Power(AbstractSpeedup):
    """speed(g) = g^alpha: linear with `alpha` = 1, twice the GPUs give 2^alpha the speed.

    Source: the curves p^alpha of Edmonds, Scheduling in the Dark, TCS 2000; Berg, Dorsman and
    Harchol-Balter, Towards Optimality in Parallel Job Scheduling, SIGMETRICS 2018.
    Neglects: that a job may have a limit; say it as `max_gpus`. `parallel_share` is not used.
    """

    alpha: float = 0.9

    def __post_init__(self) -> None:
        """Refuse a power that does not rise, or faster than the GPUs do."""
        if not 0.0 < self.alpha <= 1.0:
            raise ScenarioError([
                f"elastic.speedup.alpha: is {self.alpha!r}; must be above 0, at most 1 (linear): "
                "the curve must rise"
            ])  # fmt: skip

    def speed(self, gpus: I8, parallel_share: F8) -> F8:
        """Return the speed relative to one GPU, (k,)."""
        del parallel_share
        made: F8 = np.asarray(gpus, np.float64) ** self.alpha
        return made
