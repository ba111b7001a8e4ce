"""Replicas by the demand to come, which it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.autoscaler.base import F8, AbstractAutoscaler, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.capacity import each_per_s, needed
from sim.policies.autoscaler.metrics import bounded


@final
@dataclass(frozen=True)
class Oracle(AbstractAutoscaler):
    """The most that the demand to come needs before a replica asked for later could help.

    Over the intervals that end within the cold start and one asking from now, means over
    `smooth_s`: max ceil((1 + headroom) rate / what one answers within its SLO).

    Source: none; a forecast that is never wrong about demand. It is no bound: how many replicas
    that takes it has from the closed form, and another headroom trades cost for latency.
    Neglects: chance within an interval, for which stands the headroom.
    """

    sees_ahead: ClassVar[bool] = True
    smooth_s: float = 60.0
    headroom_frac: float = 0.15
    every_s: float = 60.0
    scrape_s: float = 15.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        found = wrong(self)
        if not self.headroom_frac >= 0.0:
            found.append(f"autoscaler.headroom_frac: is {self.headroom_frac}; must be at least 0")
        refuse(found)

    def start(self, seen: Seen) -> int:
        """Return what the first minutes need."""
        return self.desired(seen, np.zeros((0, 3))).replicas

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return the replicas for what comes; ScenarioError if it is not told."""
        if seen.ahead is None:
            raise ScenarioError(["autoscaler: oracle must be told the demand ahead"])
        ahead = seen.ahead
        end_s = seen.now_s + seen.replica.cold_start_s + self.every_s + self.smooth_s
        rows = (ahead.time_s > seen.now_s) & (ahead.time_s <= end_s + 1e-9)
        if not rows.any() or ahead.arrivals[rows].sum() == 0.0:
            return Wish(bounded(seen, max(seen.least, 1)), notes)
        arrivals, bin_s = ahead.arrivals[rows], float(np.diff(ahead.time_s[:2]).sum()) or 1.0
        many = max(round(self.smooth_s / bin_s), 1)
        width = min(many, len(arrivals))
        rates = np.convolve(arrivals, np.ones(width), "valid") / (width * bin_s)
        prompt = float(ahead.prompt_tokens[rows].sum() / arrivals.sum())
        output = float(ahead.output_tokens[rows].sum() / arrivals.sum())
        per_s = each_per_s(seen, prompt, output)
        asked = (1.0 + self.headroom_frac) * float(rates.max())
        return Wish(bounded(seen, max(needed(asked, per_s), 1.0)), notes)
