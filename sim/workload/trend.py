"""Demand that grows from year to year, and campaigns that lift it for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sim.state.arrays import F8
from sim.workload import rules

YEAR_S = 365 * 86400.0
MOST_S = 100 * YEAR_S
"""Nobody waits longer for what comes less and less."""
KNOBS = ("begin_s", "duration_s", "factor")


class Course(NamedTuple):
    """A clock that goes as fast as demand is high: piece i from edge i on goes pace x e^(growth t).

    Between two edges it has gone pace (e^(growth t1) - e^(growth t0)) / growth; pace (t1 - t0)
    without growth.
    """

    edges: F8  # (pieces + 1,) seconds
    pace: F8  # (pieces,)
    growth: float  # a second
    passed: F8  # (pieces + 1,) of the clock

    def passed_at(self, t_s: float) -> float:
        """Return what the clock has gone by an instant within the edges."""
        i = min(int(np.searchsorted(self.edges, t_s, "right")), len(self.pace)) - 1
        gone = grown(self.edges[i : i + 1], np.array([t_s]), self.growth) * self.pace[i]
        return float(self.passed[i] + gone[0])

    def at(self, u_s: F8) -> F8:
        """Return the instant at which the clock has gone so far, (n,); nan where it never will."""
        i = np.searchsorted(self.passed, u_s, "right") - 1
        beyond = i >= len(self.pace)
        i = np.minimum(i, len(self.pace) - 1)
        gone, begin_s = np.where(beyond, 0.0, u_s - self.passed[i]), self.edges[i]
        rest = gone / np.where(beyond, 1.0, self.pace[i])  # a piece of no pace holds no instant
        if self.growth == 0.0:
            at_s = begin_s + rest
        else:
            rest *= np.exp(-self.growth * begin_s)
            at_s = begin_s + np.log1p(self.growth * rest) / self.growth
        return np.where(beyond, np.nan, at_s)


def grown(begin_s: F8, end_s: F8, growth: float) -> F8:
    """Return the integral of e^(growth t) between instants, (n,)."""
    if growth == 0.0:
        return end_s - begin_s
    return np.exp(growth * begin_s) * np.expm1(growth * (end_s - begin_s)) / growth


def growth_of(yearly_frac: float) -> float:
    """Return the growth a second of so much a year."""
    return float(np.log1p(yearly_frac)) / YEAR_S


def lifted(t_s: F8, campaigns: Sequence[Mapping[str, float]]) -> F8:
    """Return the factors of the campaigns that last at each instant, multiplied, (n,)."""
    made = np.ones(len(t_s))
    for one in campaigns:
        end_s = one["begin_s"] + one["duration_s"]
        made[(t_s >= one["begin_s"]) & (t_s < end_s)] *= one["factor"]
    return made


def course(
    edges: F8, pace: F8, yearly_frac: float, campaigns: Sequence[Mapping[str, float]]
) -> Course:
    """Return the clock of a pace by pieces, (k,) between edges (k + 1,), lifted and growing."""
    cuts = [t for one in campaigns for t in (one["begin_s"], one["begin_s"] + one["duration_s"])]
    inside = [t for t in cuts if edges[0] < t < edges[-1]]
    finer = np.unique(np.concatenate([edges, inside]))
    piece = np.searchsorted(edges, finer[:-1], "right") - 1
    own, growth = pace[piece] * lifted(finer[:-1], campaigns), growth_of(yearly_frac)
    passed = np.concatenate([[0.0], np.cumsum(own * grown(finer[:-1], finer[1:], growth))])
    return Course(finer, own, growth, passed)


def issues(path: str, yearly_frac: Any, campaigns: Any) -> list[str]:
    """Return every fault of a growth and of campaigns."""
    found = []
    if not rules.is_number(yearly_frac) or not -1.0 < yearly_frac <= 1000.0:
        told = (
            f"is {yearly_frac!r}; must be a number above -1, at most 1000: 0.5 is half more a year"
        )
        found.append(f"{path}.yearly_frac: {told}")
    if not rules.is_list(campaigns):
        return [
            *found,
            f"{path}.campaigns: is {campaigns!r}; must be a list of {{{', '.join(KNOBS)}}}",
        ]
    for i, one in enumerate(campaigns):
        where = f"{path}.campaigns[{i}]"
        if not isinstance(one, Mapping) or set(one) != set(KNOBS):
            found.append(f"{where}: is {one!r}; must have {', '.join(KNOBS)}, and no other")
            continue
        found += rules.at_least(f"{where}.begin_s", one["begin_s"], 0)
        found += rules.above(f"{where}.duration_s", one["duration_s"], 0)
        found += rules.at_least(f"{where}.factor", one["factor"], 0)
    return found
