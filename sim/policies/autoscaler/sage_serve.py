"""SageServe: an hourly forecast, a programme over all services, a gate by utilisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.autoscaler.base import F8, AbstractAutoscaler, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.capacity import each_per_s, lengths
from sim.policies.autoscaler.forecast import autoregressive, binned, seasonal
from sim.policies.autoscaler.memory import last, last_s, note, told
from sim.policies.autoscaler.metrics import bounded, have
from sim.policies.autoscaler.whole_numbers import allot

TARGET, RATE = 71, 72


@final
@dataclass(frozen=True)
class SageServe(AbstractAutoscaler):
    """Every `plan_s` the replicas for the most demand forecast for the later part of the next hour.

    The forecast is a season ago scaled by now, before that an autoregression; the programme shares
    `budget_gpus` (0: no budget). In between one more while the KV share is above `up_frac` and the
    plan has more, one fewer below `down_frac` if it has fewer; where the rate is `surprise` times
    the forecast, one more beyond the plan.

    Source: Jaiswal et al., SageServe 2025, LT-U and LT-UA: 3600 s, 0.5, 0.25, 5; ARIMA, an ILP.
    Neglects: regions, GPU types, spot donation; ARIMA's moving averages.
    """

    plan_s: float = 3600.0
    bin_s: float = 300.0
    season_s: float = 86400.0
    skip_s: float = 1200.0
    up_frac: float = 0.5
    down_frac: float = 0.25
    surprise: float = 5.0
    change_cost: float = 0.1
    budget_gpus: int = 0
    every_s: float = 60.0
    scrape_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        counts, floor = ("plan_s", "bin_s", "season_s", "surprise"), ("change_cost", "budget_gpus")
        refuse(wrong(self, shares=("up_frac", "down_frac"), counts=counts, floor=floor))

    def rate_per_s(self, seen: Seen) -> float:
        """Return the most that is forecast between `skip_s` and `plan_s` from now."""
        season = round(self.season_s / self.bin_s)
        rates, _ = binned(seen, self.bin_s, season + 1)
        ahead, first = round(self.plan_s / self.bin_s), round(self.skip_s / self.bin_s)
        made = seasonal(rates, season, ahead)
        return float((autoregressive(rates, ahead) if made is None else made)[first:].max())

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return the wish of a service that shares with no other."""
        return self.together([seen], [notes])[0]

    def together(self, seen: Sequence[Seen], notes: Sequence[F8]) -> list[Wish]:
        """Return a wish a service; the programme is solved when a plan is due."""
        planned_s = min((last_s(old, TARGET) for old in notes), default=np.inf)
        shows = all(len(binned(one, self.bin_s, 1)[0]) for one in seen)
        due = shows and any(one.now_s >= planned_s + self.plan_s for one in seen)
        plans = self.planned(seen) if due else notes
        return [self.gated(one, plan) for one, plan in zip(seen, plans, strict=True)]

    def planned(self, seen: Sequence[Seen]) -> list[F8]:
        """Return new notes of each: its share of the programme, and its forecast."""
        rates = np.array([self.rate_per_s(one) for one in seen])
        need = rates / [each_per_s(one, *lengths(one, self.plan_s)) for one in seen]
        rows = np.array([(have(s), s.replica.gpus, s.least, s.most) for s in seen], np.int64)
        there, gpus, least, most = rows.T
        made = allot(need, there, gpus, least, most, self.change_cost, self.budget_gpus or np.inf)
        now_s, plans = seen[0].now_s, zip(made, rates, strict=True)
        return [told(note(TARGET, now_s, x), note(RATE, now_s, rate)) for x, rate in plans]

    def gated(self, seen: Seen, notes: F8) -> Wish:
        """Return a step towards the plan, if the KV memory asks for it."""
        there, plan = have(seen), int(last(notes, TARGET, have(seen)))
        share = float(seen.scrapes.kv_share[-1]) if len(seen.scrapes.kv_share) else np.nan
        rates, _ = binned(seen, self.bin_s, 1)
        surprised = len(rates) > 0 and rates[-1] > self.surprise * last(notes, RATE, np.inf)
        more = share > self.up_frac and (there < plan or surprised)
        fewer = share < self.down_frac and there > plan
        return Wish(bounded(seen, there + int(more) - int(fewer)), notes)
