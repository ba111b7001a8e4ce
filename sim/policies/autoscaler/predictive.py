"""Replicas for the demand that is forecast for when they will be ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.autoscaler.base import F8, AbstractAutoscaler, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.capacity import forecast_needs
from sim.policies.autoscaler.forecast import binned, seasonal
from sim.policies.autoscaler.metrics import bounded, have


@final
@dataclass(frozen=True)
class Predictive(AbstractAutoscaler):
    """The most demand from now until a replica asked for now is ready, with headroom.

    forecast(t + x) = rate(t + x - season) rate(t) / rate(t - season), the ratio from 1/2 to 2;
    before a season is over, the last rate. Replicas are ceil((1 + headroom) rate / what one
    answers within its SLO). `lead_s` null is the cold start, as known, and one asking.

    Source: seasonal naive; AWS predictive scaling works so by the hour, out only.
    Neglects: trends, special days; chance in the arrivals, for which stands the headroom.
    """

    season_s: float = 86400.0
    bin_s: float = 300.0
    lead_s: float | None = None
    headroom_frac: float = 0.15
    scales_in: bool = True
    every_s: float = 60.0
    scrape_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        found = wrong(self, counts=("season_s", "bin_s"))
        if self.bin_s > 0.0 and self.season_s % self.bin_s > 0.0:
            found.append(f"autoscaler.season_s: is {self.season_s:g}; must be a multiple of bin_s, "
                         f"{self.bin_s:g}")  # fmt: skip
        if not self.headroom_frac >= 0.0:
            found.append(f"autoscaler.headroom_frac: is {self.headroom_frac}; must be at least 0")
        refuse(found)

    def rate_per_s(self, seen: Seen) -> float:
        """Return the most that is forecast until then, with now; NaN if nothing was seen."""
        season = round(self.season_s / self.bin_s)
        rates, end_s = binned(seen, self.bin_s, season + 1)
        if len(rates) == 0:
            return float("nan")
        lead_s = seen.replica.cold_start_s + self.every_s if self.lead_s is None else self.lead_s
        ahead = int(np.ceil((seen.now_s + lead_s - end_s) / self.bin_s - 1e-9))
        made = seasonal(rates, season, max(ahead, 1))
        return float(rates[-1] if made is None else max(rates[-1], made.max()))

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return the replicas for that rate."""
        rate = self.rate_per_s(seen)
        if not rate >= 0.0:
            return Wish(bounded(seen, have(seen)), notes)
        made = max(forecast_needs(seen, rate, self.headroom_frac), 1.0)
        return Wish(bounded(seen, made if self.scales_in else max(made, have(seen))), notes)
