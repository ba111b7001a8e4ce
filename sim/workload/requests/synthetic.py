"""Requests from laws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.rng import Streams
from sim.state.arrays import Ints
from sim.workload import rules
from sim.workload.arrivals import AbstractArrivals, Profile
from sim.workload.requests.base import (
    LATEST_S,
    MOST_REQUESTS,
    AbstractRequests,
    Requests,
    parts,
)
from sim.workload.requests.tokens import AbstractTokens, LogNormalTokens


@final
@dataclass(frozen=True)
class DrawnRequests(AbstractRequests):
    """Requests drawn from laws, each cause of chance from a stream of its own.

    Parameters
    ----------
    rate_per_s : mean requests a second.
    duration_s : for how long they come.
    arrivals : the law of instants; Profile follows the hour and the day, its base makes bursts.
    tokens : the law of prompt and output.
    classes : names with weights; None: no classes.

    Neglects: that a user's requests follow each other.
    """

    rate_per_s: float = 10.0
    duration_s: float = 86400.0
    arrivals: AbstractArrivals = field(default_factory=Profile)
    tokens: AbstractTokens = field(default_factory=LogNormalTokens)
    classes: Mapping[str, float] | None = None

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = rules.above(f"{path}.rate_per_s", self.rate_per_s, 0)
        found += rules.above(f"{path}.duration_s", self.duration_s, 0, LATEST_S)
        if not found and self.rate_per_s * self.duration_s > MOST_REQUESTS:
            found.append(f"{path}.rate_per_s: is {self.rate_per_s:g}, which makes more than "
                         f"{MOST_REQUESTS:,} requests in {path}.duration_s; lower one")  # fmt: skip
        laws = "a law of arrivals, such as Poisson", "a law of tokens, such as LogNormalTokens"
        found += rules.one_of(f"{path}.arrivals", self.arrivals, AbstractArrivals, laws[0])
        found += rules.one_of(f"{path}.tokens", self.tokens, AbstractTokens, laws[1])
        if self.classes is not None:
            found += rules.shares(f"{path}.classes", self.classes)
        return found

    def late(self, path: str, until_s: float) -> list[str]:
        """Return the campaigns that begin so late."""
        return self.arrivals.late(f"{path}.arrivals", until_s)

    def requests(self, streams: Streams, service: str) -> Requests:
        """Return the requests; none at all raises ScenarioError."""
        made = streams.stream("requests", service)
        at_s = self.arrivals.times(made, self.rate_per_s, None, self.duration_s)
        n = len(at_s)
        if not n:
            told = f"is {self.rate_per_s:g}; no request came in {self.duration_s:g} s"
            raise ScenarioError([f"services.requests.rate_per_s: {told}"])
        prompt, output = self.tokens.draw(streams.stream("tokens", service), n)
        klass: Ints = np.broadcast_to(np.uint8(0), n)
        names: tuple[str, ...] = ("",)
        if self.classes is not None:
            names = tuple(sorted(map(str, self.classes)))
            weights = np.array([self.classes[name] for name in names], np.float64)
            draw, klass = streams.stream("classes", service), np.empty(n, np.uint16)
            for part in parts(n):
                drawn = draw.random(part.stop - part.start) * weights.sum()
                klass[part] = np.searchsorted(np.cumsum(weights), drawn, "right")
        note = f"{service}: {n:,} requests drawn at {self.rate_per_s:g} a second"
        return Requests(at_s, prompt, output, klass, names, (note,), self.tokens.inputs())
