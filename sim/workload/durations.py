"""How long jobs work."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from sim.errors import RackplanError
from sim.files import find
from sim.rng import Streams
from sim.table import to_numpy
from sim.workload import rules

F8 = NDArray[np.float64]
Rng = np.random.Generator


class AbstractDuration(abc.ABC):
    """A law of seconds of work."""

    @abc.abstractmethod
    def draw(self, rng: Rng, n: int) -> F8:
        """Return n independent values, (n,), in seconds."""

    @abc.abstractmethod
    def mean(self) -> float:
        """Return the mean of the law in seconds; inf if it has none."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""


@final
@dataclass(frozen=True)
class Fixed(AbstractDuration):
    """The same for every job."""

    mean_s: float = 3600.0

    def draw(self, rng: Rng, n: int) -> F8:
        """Return n times the same, (n,)."""
        del rng
        return np.full(n, float(self.mean_s))

    def mean(self) -> float:
        """Return the mean."""
        return self.mean_s

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        return rules.at_least(f"{path}.mean_s", self.mean_s, 0)


@final
@dataclass(frozen=True)
class Exponential(AbstractDuration):
    """Without memory: cv = 1."""

    mean_s: float = 3600.0

    def draw(self, rng: Rng, n: int) -> F8:
        """Return n values, (n,)."""
        return self.mean_s * rng.standard_exponential(n)

    def mean(self) -> float:
        """Return the mean."""
        return self.mean_s

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        return rules.above(f"{path}.mean_s", self.mean_s, 0)


@final
@dataclass(frozen=True)
class LogNormal(AbstractDuration):
    """The logarithm is normal: what many traces come near to.

    From mean and cv: sigma^2 = ln(1 + cv^2), mu = ln(mean) - sigma^2 / 2.
    """

    mean_s: float = 7200.0
    cv: float = 2.5

    def draw(self, rng: Rng, n: int) -> F8:
        """Return n values, (n,)."""
        variance = math.log1p(self.cv**2)
        return np.exp(
            math.log(self.mean_s) - variance / 2 + math.sqrt(variance) * rng.standard_normal(n)
        )

    def mean(self) -> float:
        """Return the mean."""
        return self.mean_s

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = rules.above(f"{path}.mean_s", self.mean_s, 0)
        return found + rules.at_least(f"{path}.cv", self.cv, 0)


@final
@dataclass(frozen=True)
class Pareto(AbstractDuration):
    """A heavy tail: P(X > x) = (least / x)^alpha, cut at `most_s` if given.

    Cut, it is the bounded Pareto law: P(X > x) = (L^a x^-a - (L/M)^a) / (1 - (L/M)^a). Uncut, the
    mean is infinite for alpha <= 1 and the variance for alpha <= 2.

    Source: M. Harchol-Balter, Performance Modeling and Design of Computer Systems, 2013, ch. 20.
    """

    least_s: float = 60.0
    alpha: float = 1.5
    most_s: float | None = 30 * 86400.0

    def draw(self, rng: Rng, n: int) -> F8:
        """Return n values, (n,), by inversion."""
        cut = 0.0 if self.most_s is None else (self.least_s / self.most_s) ** self.alpha
        above = 1.0 - rng.random(n) * (1.0 - cut)
        return self.least_s * above ** (-1.0 / self.alpha)

    def mean(self) -> float:
        """Return the mean; inf for an uncut law with alpha <= 1."""
        least, alpha = self.least_s, self.alpha
        if self.most_s is None:
            return math.inf if alpha <= 1 else alpha * least / (alpha - 1)
        ratio = least / self.most_s
        if ratio == 1:
            return least
        if alpha == 1:
            return least * -math.log(ratio) / (1 - ratio)
        uncut = alpha * least / (alpha - 1)
        return float(uncut * (1 - ratio ** (alpha - 1)) / (1 - ratio**alpha))

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = rules.above(f"{path}.least_s", self.least_s, 0)
        found += rules.above(f"{path}.alpha", self.alpha, 0)
        if self.most_s is not None and not found:
            found += rules.at_least(f"{path}.most_s", self.most_s, self.least_s)
        return found


@final
@dataclass(frozen=True)
class HyperExponential(AbstractDuration):
    """Short jobs and long ones: one of two exponential laws, each with half of the work.

    Balanced means from mean and cv >= 1: p = (1 + sqrt((cv^2 - 1) / (cv^2 + 1))) / 2, the first
    with mean m / 2p, the second with mean m / 2(1 - p).

    Source: W. Whitt, Approximating a Point Process by a Renewal Process, Oper. Res. 30 (1982).
    """

    mean_s: float = 3600.0
    cv: float = 3.0

    def draw(self, rng: Rng, n: int) -> F8:
        """Return n values, (n,)."""
        share = (1 + math.sqrt((self.cv**2 - 1) / (self.cv**2 + 1))) / 2
        half = np.where(rng.random(n) < share, share, 1 - share)
        return self.mean_s / (2 * half) * rng.standard_exponential(n)

    def mean(self) -> float:
        """Return the mean."""
        return self.mean_s

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = rules.above(f"{path}.mean_s", self.mean_s, 0)
        return found + rules.at_least(f"{path}.cv", self.cv, 1)


@final
@dataclass(frozen=True)
class Empirical(AbstractDuration):
    """Durations that were seen, drawn again with replacement: `values_s`, or a trace's work_s.

    Neglects: everything that hangs on the duration in the trace, such as size and hour.
    """

    values_s: Sequence[float] = ()
    path: str | None = None

    @cached_property
    def seen_s(self) -> F8:
        """The durations drawn from, (k,)."""
        if self.path is None:
            return np.asarray(self.values_s, np.float64)
        from sim.workload.trace import Trace

        return to_numpy(Trace(self.path, on_error="skip").request(Streams(0), 1).jobs, "work_s")

    def draw(self, rng: Rng, n: int) -> F8:
        """Return n of those seen, (n,)."""
        return self.seen_s[rng.integers(0, len(self.seen_s), n)]

    def mean(self) -> float:
        """Return the mean of those seen."""
        return float(self.seen_s.mean())

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        if (len(self.values_s) > 0) == (self.path is not None):
            return [f"{path}: must have either values_s or path"]
        if self.path is None:
            return rules.weights(f"{path}.values_s", self.values_s)
        try:
            find(self.path)
        except RackplanError as fault:
            return [f"{path}.path: {fault}"]
        return []
