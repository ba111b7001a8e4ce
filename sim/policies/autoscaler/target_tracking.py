"""AWS target tracking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.autoscaler.base import F8, AbstractAutoscaler, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.memory import last, last_s, note, told
from sim.policies.autoscaler.metrics import Metric, bounded, column, have

OUT, IN = 41, 42


def points(seen: Seen, metric: Metric, period_s: float, many: int) -> F8:
    """Return the last periods' means of a metric per ready replica, oldest first, (many,).

    Fewer if less was seen. A period of no ready replica counts its total.
    """
    rows = seen.scrapes
    if len(rows.time_s) == 0:
        return np.zeros(0)
    end_s, slack_s = float(rows.time_s[-1]), 1e-6 * period_s
    seen_s = end_s - float(rows.time_s[0]) + seen.scrape_s
    many = min(many, int((seen_s + slack_s) // period_s))
    first = int(np.searchsorted(rows.time_s, end_s - many * period_s + slack_s, side="right"))
    back = ((end_s - rows.time_s[first:] + slack_s) // period_s).astype(np.int64)
    each = column(seen, metric, first) / np.maximum(rows.ready[first:], 1.0)
    count = np.bincount(back, minlength=many)
    whole = many if count[:many].all() else int(np.argmin(count[:many] > 0))
    sums = np.bincount(back, each, minlength=many)
    made: F8 = (sums[:whole] / count[:whole])[::-1]
    return made


@final
@dataclass(frozen=True)
class TargetTracking(AbstractAutoscaler):
    """ceil(capacity metric / target), when the metric was above the target for three minutes, or
    below `in_frac` of it for fifteen.

    After a step out, `out_cooldown_s` lets only a larger one through; after any step,
    `in_cooldown_s` holds back the next step in. Replicas that start do not count for the metric.

    Source: AWS Application Auto Scaling, target tracking; alarms of 3 and 15 points of a minute,
    10 % below the target; cooldowns 300 s (SageMaker).
    Neglects: that AWS does not say how it scales in; gaps in the data.
    """

    metric: Metric = "concurrency"
    target: float = 25.0
    in_frac: float = 0.9
    period_s: float = 60.0
    out_points: int = 3
    in_points: int = 15
    out_cooldown_s: float = 300.0
    in_cooldown_s: float = 300.0
    every_s: float = 60.0
    scrape_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        counts = ("target", "period_s", "out_points", "in_points")
        refuse(wrong(self, shares=("in_frac",), counts=counts))

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return the new capacity if an alarm is on and no cooldown holds it back."""
        now_s, there = seen.now_s, have(seen)
        of = points(seen, self.metric, self.period_s, max(self.out_points, self.in_points))
        out, calm = of[-self.out_points :], of[-self.in_points :]
        out_s, asked, in_s = last_s(notes, OUT), last(notes, OUT, 0.0), last_s(notes, IN)
        made = there
        if len(out) == self.out_points and (out > self.target).all():
            want = bounded(seen, np.ceil(max(seen.ready, 1) * of[-1] / self.target - 1e-9))
            if want > there and (now_s >= out_s + self.out_cooldown_s or want > asked):
                made, out_s, asked = want, now_s, float(want)
        elif len(calm) == self.in_points and (calm < self.in_frac * self.target).all():
            want = bounded(seen, np.ceil(seen.ready * of[-1] / self.target - 1e-9))
            if want < there and now_s >= max(in_s, out_s) + self.in_cooldown_s:
                made, in_s = want, now_s
        return Wish(bounded(seen, made), told(note(OUT, out_s, asked), note(IN, in_s, 0.0)))
