"""When jobs come."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from sim.units import WEEK_S
from sim.workload import rules, trend

F8 = NDArray[np.float64]
Rng = np.random.Generator
_BLOCK = 2**15


class AbstractArrivals(abc.ABC):
    """A law of the instants at which jobs come."""

    @abc.abstractmethod
    def times(self, rng: Rng, rate_per_s: float, jobs: int | None, until_s: float) -> F8:
        """Return instants, rising, (n,): the first `jobs` of them (None: all) before `until_s`.

        `rate_per_s` is the mean rate in the long run. The array is the caller's to write in.
        """

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""

    def late(self, path: str, until_s: float) -> list[str]:
        """Return what begins at an instant or later, by its path."""
        del path, until_s
        return []


def _renewal(gaps: Callable[[int], F8], rate_per_s: float, jobs: int | None, until_s: float) -> F8:
    """Return the sums of gaps of mean 1 / rate, (n,).

    Drawn in blocks of one length, so that the sequence is the same however many are asked for.
    The first job comes one gap after instant 0.
    """
    likely = rate_per_s * until_s if jobs is None else min(jobs, rate_per_s * until_s)
    times, total, last_s = np.empty(int(1.01 * likely) + 4 * _BLOCK), 0, 0.0
    while (jobs is None or total < jobs) and last_s < until_s:
        if total + _BLOCK > times.size:
            times = np.concatenate([times[:total], np.empty(times.size // 4 + _BLOCK)])
        block = times[total : total + _BLOCK]
        np.cumsum(gaps(_BLOCK) / rate_per_s, out=block)
        block += last_s
        total, last_s = total + _BLOCK, float(block[-1])
    times = times[:total][:jobs]
    return times[: np.searchsorted(times, until_s)]


@final
@dataclass(frozen=True)
class Poisson(AbstractArrivals):
    """Independent users: exponential gaps."""

    def times(self, rng: Rng, rate_per_s: float, jobs: int | None, until_s: float) -> F8:
        """Return the instants, (n,)."""
        return _renewal(rng.standard_exponential, rate_per_s, jobs, until_s)

    def issues(self, path: str) -> list[str]:
        """Return nothing: there is no parameter."""
        del path
        return []


@final
@dataclass(frozen=True)
class Gamma(AbstractArrivals):
    """Gamma gaps of a given coefficient of variation: above 1 in bursts, below 1 evenly.

    Shape 1 / cv^2, so that cv = 1 is Poisson; cv = 0 is a steady beat.
    """

    cv: float = 1.0

    def times(self, rng: Rng, rate_per_s: float, jobs: int | None, until_s: float) -> F8:
        """Return the instants, (n,)."""
        if self.cv < 1e-6:
            return _renewal(np.ones, rate_per_s, jobs, until_s)
        shape = self.cv**-2
        return _renewal(lambda n: rng.standard_gamma(shape, n) / shape, rate_per_s, jobs, until_s)

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        return [] if self.cv == 0 else rules.above(f"{path}.cv", self.cv, 0, 100)


@final
@dataclass(frozen=True)
class Profile(AbstractArrivals):
    """A law whose rate follows the hour of the day, the day of the week, growth and campaigns.

    rate(t) = mean rate x daily(t) x weekly(t) x (1 + yearly_frac)^(t / 365 d) x campaigns(t); the
    first two are constant by pieces and scaled so that a week has the mean rate, which is that of
    instant 0. `base` runs on a clock that goes faster when the rate is higher: its instants u
    become t with integral of rate over [0, t] = rate u. Poisson stays Poisson (non-homogeneous).

    Parameters
    ----------
    daily : weights of equal parts of the day, such as 24; the first begins at midnight.
    weekly : weights of the seven days.
    begin_s : where in the week instant 0 lies, from its first midnight.
    yearly_frac : how much more comes a year later, 0.5 is half more; below 0 less and less.
    campaigns : {begin_s, duration_s, factor} each, from instant 0; factors of two at once multiply.

    Source: E. Cinlar, Introduction to Stochastic Processes, 1975, ch. 4.7 (time change).
    Neglects: that a campaign fades, and growth in steps; what comes ever less may end before as
    many have come as were asked for.
    """

    base: AbstractArrivals = field(default_factory=Poisson)
    daily: Sequence[float] = (1.0,)
    weekly: Sequence[float] = (1.0,) * 7
    begin_s: float = 0.0
    yearly_frac: float = 0.0
    campaigns: Sequence[Mapping[str, float]] = ()

    def times(self, rng: Rng, rate_per_s: float, jobs: int | None, until_s: float) -> F8:
        """Return the instants, (n,)."""
        if self.yearly_frac != 0.0 or len(self.campaigns) > 0:
            return self._changing(rng, rate_per_s, jobs, until_s)
        begin = self._faster(self.begin_s)
        end = math.inf
        if until_s < math.inf:  # a little further, for rounding; then cut exactly
            end = (self._faster(self.begin_s + until_s) - begin) * (1 + 1e-9)
        drawn = self.base.times(rng, rate_per_s, jobs, end)
        n = 0
        for first in range(0, len(drawn), _BLOCK):  # what a block needs stays in the cache
            at_s = self._plain(drawn[first : first + _BLOCK] + begin) - self.begin_s
            at_s = np.maximum(at_s[at_s < until_s], 0.0)
            drawn[n : n + len(at_s)] = at_s  # in the same memory, never beyond what was read
            n += len(at_s)
        return drawn[:n]

    def late(self, path: str, until_s: float) -> list[str]:
        """Return the campaigns that begin so late."""
        own = [f"{path}.campaigns[{i}]" for i, one in enumerate(self.campaigns)
               if one["begin_s"] >= until_s]  # fmt: skip
        return own + self.base.late(f"{path}.base", until_s)

    def rate(self, t_s: F8) -> F8:
        """Return the rate at each instant, (n,), as a multiple of the mean rate."""
        edges, passed = self._week()
        part = np.searchsorted(edges, np.mod(t_s + self.begin_s, WEEK_S), "right") - 1
        grown = np.exp(trend.growth_of(self.yearly_frac) * t_s)
        return (np.diff(passed) / np.diff(edges))[part] * grown * trend.lifted(t_s, self.campaigns)

    def _changing(self, rng: Rng, rate_per_s: float, jobs: int | None, until_s: float) -> F8:
        """Return the instants where no week is as the one before, (n,)."""
        if until_s < math.inf:  # a little further, for rounding; then cut exactly
            found = self._course(until_s)
            end = found.passed_at(until_s) * (1 + 1e-9)
            at_s = found.at(self.base.times(rng, rate_per_s, jobs, end))
            return at_s[at_s < until_s]
        drawn, ends_s = self.base.times(rng, rate_per_s, jobs, math.inf), WEEK_S
        found = self._course(ends_s)
        while len(drawn) and found.passed[-1] <= drawn[-1] and ends_s < trend.MOST_S:
            ends_s *= 2.0
            found = self._course(ends_s)
        at_s = found.at(drawn)
        return at_s[~np.isnan(at_s)]

    def _course(self, ends_s: float) -> trend.Course:
        """Return the faster clock from instant 0 to one beyond `ends_s`."""
        edges, passed = self._week()
        weeks = np.arange(int((self.begin_s + ends_s) // WEEK_S) + 1)
        first = (weeks[:, None] * WEEK_S + edges[:-1]).ravel() - self.begin_s
        pace = np.tile(np.diff(passed) / np.diff(edges), len(weeks))
        here = np.append(first[1:], first[-1] + edges[1]) > 0.0
        edges = np.append(np.maximum(first[here], 0.0), first[-1] + edges[1])
        return trend.course(edges, pace[here], self.yearly_frac, self.campaigns)

    def _week(self) -> tuple[F8, F8]:
        """Return the edges of a week's parts, and the faster clock at each, both (parts + 1,)."""
        weight = np.outer(np.asarray(self.weekly, float), np.asarray(self.daily, float)).ravel()
        edges = np.linspace(0.0, WEEK_S, len(weight) + 1)
        passed = np.concatenate([[0.0], np.cumsum(weight)])
        return edges, passed * (WEEK_S / passed[-1])

    def _faster(self, t_s: float) -> float:
        edges, passed = self._week()
        weeks, rest = divmod(t_s, WEEK_S)
        return float(weeks * WEEK_S + np.interp(rest, edges, passed))

    def _plain(self, u_s: F8) -> F8:
        edges, passed = self._week()
        first, last = (float(u_s[k]) // WEEK_S for k in (0, -1))
        if first == last:  # they rise: a division each would be half the work
            return first * WEEK_S + np.interp(u_s - first * WEEK_S, passed, edges)
        weeks, rest = np.divmod(u_s, WEEK_S)
        return weeks * WEEK_S + np.interp(rest, passed, edges)

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = rules.weights(f"{path}.daily", self.daily)
        found += rules.weights(f"{path}.weekly", self.weekly, 7)
        found += rules.at_least(f"{path}.begin_s", self.begin_s, 0)
        found += trend.issues(path, self.yearly_frac, self.campaigns)
        return found + self.base.issues(f"{path}.base")


@final
@dataclass(frozen=True)
class Switched(AbstractArrivals):
    """A law whose rate switches between calm and burst, each lasting an exponential time.

    In a burst the rate is `burst` times that of a calm, and scaled so that the long run has the
    mean rate. `base` runs on a clock that goes faster in a burst, as in Profile; with Poisson it is
    a Markov-modulated Poisson process of two states, whose counts of long intervals have

        variance / mean = 1 + 2 (a - b)^2 p (1 - p) / (rate (1 / calm_s + 1 / burst_s))

    with a, b the two rates and p the share of time in bursts.

    Source: Fischer and Meier-Hellstern, Performance Evaluation 18 (1993), the MMPP cookbook.
    """

    base: AbstractArrivals = field(default_factory=Poisson)
    burst: float = 5.0
    calm_s: float = 3600.0
    burst_s: float = 300.0

    def times(self, rng: Rng, rate_per_s: float, jobs: int | None, until_s: float) -> F8:
        """Return the instants, (n,)."""
        switches, own = rng.spawn(2)
        edges, passed = self._stays(switches, until_s)
        end = float(np.interp(until_s, edges, passed)) if until_s < math.inf else math.inf
        found = self.base.times(own, rate_per_s, jobs, end)
        while len(found) and passed[-1] <= found[-1]:  # as long as the jobs take
            edges, passed = self._stays(switches, 2 * edges[-1], (edges, passed))
        at_s = np.interp(found, passed, edges)
        return at_s[at_s < until_s]

    def late(self, path: str, until_s: float) -> list[str]:
        """Return what of its base begins so late."""
        return self.base.late(f"{path}.base", until_s)

    def _stays(
        self, rng: Rng, until_s: float, before: tuple[F8, F8] | None = None
    ) -> tuple[F8, F8]:
        """Return the instants of switches beyond `until_s`, and the faster clock at each."""
        share = self.burst_s / (self.calm_s + self.burst_s)
        calm = 1.0 / (1.0 - share + share * self.burst)
        edges, passed = before or (np.zeros(1), np.zeros(1))
        until_s = until_s if until_s < math.inf else 64 * (self.calm_s + self.burst_s)
        while edges[-1] <= until_s:
            stay = rng.standard_exponential(2 * 64) * np.tile([self.calm_s, self.burst_s], 64)
            pace = stay * np.tile([calm, calm * self.burst], 64)
            edges = np.concatenate([edges, edges[-1] + np.cumsum(stay)])
            passed = np.concatenate([passed, passed[-1] + np.cumsum(pace)])
        return edges, passed

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = rules.above(f"{path}.burst", self.burst, 0, 1e6)
        for name in ("calm_s", "burst_s"):
            found += rules.above(f"{path}.{name}", getattr(self, name), 0, 1e9)
        return found + rules.one_of(f"{path}.base", self.base, AbstractArrivals, "Poisson")
