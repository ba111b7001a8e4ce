"""Replicas by the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.autoscaler.base import F8, NOTHING, AbstractAutoscaler, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.metrics import bounded
from sim.policies.plans import plan_faults


@final
@dataclass(frozen=True)
class Scheduled(AbstractAutoscaler):
    """A plan of [hour, replicas], repeated every `period_s`; the last entry rules until the first.

    `lead_s` before its hour an entry holds already, so that a cold start is over by then.

    Source: Kubernetes CronHPA, AWS scheduled actions, KEDA's cron scaler.
    Neglects: time zones, days of the week (write 168 hours and a period of a week).
    """

    plan: Sequence[Sequence[float]] = ((7.0, 8.0), (20.0, 2.0))
    period_s: float = 86400.0
    lead_s: float = 0.0
    every_s: float = 60.0
    scrape_s: float = 15.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        found = wrong(self, counts=("period_s",))
        if self.lead_s == np.inf:
            found.append("autoscaler.lead_s: is inf; must be a finite time, such as '10 min'")
        if self.period_s > 0.0:
            found += plan_faults("autoscaler.plan", self.plan, self.period_s, "replicas",
                                 endless=True)  # fmt: skip
        refuse(found)

    def counts(self, name: str) -> Mapping[str, Sequence[float]]:
        """Return the numbers of its plan."""
        del name
        return {"plan": [replicas for _, replicas in self.plan]}

    def start(self, seen: Seen) -> int:
        """Return what the plan says for the first instant."""
        return self.desired(seen, NOTHING).replicas

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return what the plan says for now."""
        del notes
        plan = np.array(sorted(map(tuple, self.plan)), np.float64)
        at_s = (seen.now_s + self.lead_s) % self.period_s
        entry = int(np.searchsorted(plan[:, 0] * 3600.0, at_s, side="right")) - 1
        return Wish(bounded(seen, plan[entry, 1]), NOTHING)
