"""How many GPUs jobs ask for."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sim.workload import rules

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
Rng = np.random.Generator


class AbstractSizes(abc.ABC):
    """A law of gang sizes, and of how much longer some sizes work than others."""

    @abc.abstractmethod
    def draw(self, rng: Rng, n: int) -> tuple[I8, F8]:
        """Return n sizes in GPUs and n factors on the work, (n,) each."""

    @abc.abstractmethod
    def mean_area(self) -> float:
        """Return the mean of GPUs x factor: GPU-seconds a job brings for each second of work."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""


@final
@dataclass(frozen=True)
class Mix(AbstractSizes):
    """A few sizes, each with its weight, and a factor on the work of each (None: 1)."""

    gpus: Sequence[int] = (1, 2, 4, 8, 16, 32)
    weights: Sequence[float] = (0.6, 0.1, 0.1, 0.14, 0.04, 0.02)
    work_factors: Sequence[float] | None = None

    def draw(self, rng: Rng, n: int) -> tuple[I8, F8]:
        """Return n sizes and n factors, (n,) each."""
        edges = np.cumsum(self._shares())
        at = np.searchsorted(edges / edges[-1], rng.random(n), "right")
        return np.asarray(self.gpus, np.int64)[at], self._factors()[at]

    def mean_area(self) -> float:
        """Return the mean of GPUs x factor."""
        return float((self._shares() * np.asarray(self.gpus) * self._factors()).sum())

    def _shares(self) -> F8:
        weights: F8 = np.asarray(self.weights, np.float64)
        shares: F8 = weights / weights.sum()
        return shares

    def _factors(self) -> F8:
        return np.asarray(self.work_factors or [1.0] * len(self.gpus), np.float64)

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        if not rules.is_list(self.gpus) or not self.gpus:
            return [f"{path}.gpus: is {self.gpus!r}; must list at least one size"]
        found = [f for i, g in enumerate(self.gpus) for f in rules.whole(f"{path}.gpus[{i}]", g, 0)]
        found += rules.weights(f"{path}.weights", self.weights, len(self.gpus))
        if self.work_factors is not None:
            factors = self.work_factors
            found += rules.weights(f"{path}.work_factors", factors, len(self.gpus))
        return found
