"""How far the user's numbers lie from the truth."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sim.workload import rules

F8 = NDArray[np.float64]
Rng = np.random.Generator


class AbstractFactor(abc.ABC):
    """A law of factors, one a job."""

    @abc.abstractmethod
    def draw(self, rng: Rng, n: int) -> F8:
        """Return n independent factors, (n,)."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""


@final
@dataclass(frozen=True)
class Constant(AbstractFactor):
    """The same for every job; 1 is a user who knows."""

    factor: float = 1.0

    def draw(self, rng: Rng, n: int) -> F8:
        """Return n times the same, (n,)."""
        del rng
        return np.full(n, float(self.factor))

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        return rules.above(f"{path}.factor", self.factor, 0)


@final
@dataclass(frozen=True)
class Uniform(AbstractFactor):
    """Evenly from `least` to `most`.

    Source: the f-model, D. Feitelson and A. Mu'alem Weil, Utilization and Predictability in
    Scheduling the IBM SP2 with Backfilling, IPPS 1998, with least = 1.
    """

    least: float = 1.0
    most: float = 3.0

    def draw(self, rng: Rng, n: int) -> F8:
        """Return n factors, (n,)."""
        return self.least + (self.most - self.least) * rng.random(n)

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = rules.above(f"{path}.least", self.least, 0)
        return found or rules.at_least(f"{path}.most", self.most, self.least)


@final
@dataclass(frozen=True)
class LogUniform(AbstractFactor):
    """Evenly in the logarithm from `least` to `most`: a few users err by a lot."""

    least: float = 1.0
    most: float = 20.0

    def draw(self, rng: Rng, n: int) -> F8:
        """Return n factors, (n,)."""
        return self.least * np.exp(math.log(self.most / self.least) * rng.random(n))

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = rules.above(f"{path}.least", self.least, 0)
        return found or rules.at_least(f"{path}.most", self.most, self.least)
