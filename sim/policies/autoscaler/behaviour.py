"""What Kubernetes does with a recommendation: windows and rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sim.policies.autoscaler.base import AbstractAutoscaler, refuse, wrong
from sim.policies.autoscaler.memory import of
from sim.state.arrays import F8
from sim.state.scaling import Seen, Wish

ADVICE, ADDED, REMOVED = 1, 2, 3
Select = Literal["max", "min", "disabled"]


@dataclass(frozen=True)
class AbstractBehaviour(AbstractAutoscaler):
    """Stabilisation windows and rate policies of a HorizontalPodAutoscaler, with their defaults.

    Up: the least advice of `up_window_s`, at most `up_frac` or `up_count` more in a period, the
    greater with `max`. Down: the most advice of `down_window_s`, at most `down_frac` or
    `down_count` fewer. A count below 0 stands for no such policy, and so does a share.

    Source: Kubernetes pkg/controller/podautoscaler/horizontal.go (behavior), autoscaling/v2; the
    metrics are read as often as it looks.
    Neglects: more than one policy of a kind.
    """

    up_window_s: float = 0.0
    up_frac: float = 1.0
    up_count: int = 4
    up_period_s: float = 15.0
    up_select: Select = "max"
    down_window_s: float = 300.0
    down_frac: float = 1.0
    down_count: int = -1
    down_period_s: float = 15.0
    down_select: Select = "max"
    every_s: float = 15.0
    scrape_s: float = 15.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self, shares=("tolerance_frac",), counts=("target",)))

    def behave(self, seen: Seen, wanted: int, notes: F8) -> Wish:
        """Return the wish that comes of a recommendation."""
        now_s, current = seen.now_s, seen.ready + seen.starting
        rows = notes.tolist() or [[ADVICE, now_s, current]]  # what was there before counts as such
        period_s, up, down, kept = max(self.up_period_s, self.down_period_s), wanted, wanted, []
        for what, when_s, value in rows:  # few: advice that newer advice outdoes is forgotten
            last_s = period_s
            if what == ADVICE:
                last_s = self.down_window_s if value > wanted else self.up_window_s
            if now_s - when_s < last_s and not (what == ADVICE and value == wanted):
                kept.append([what, when_s, value])
                if what == ADVICE:
                    up, down = min(up, value), max(down, value)
        steady = int(min(max(current, up), down))
        replicas = current if steady == current else self.limited(seen, steady, notes)
        kept.append([ADVICE, now_s, wanted])
        if replicas != current:
            kept.append([ADDED if replicas > current else REMOVED, now_s, abs(replicas - current)])
        return Wish(replicas, np.array(kept, np.float64))

    def limited(self, seen: Seen, steady: int, notes: F8) -> int:
        """Return what the rate policies let through, from `least` to `most`."""
        current = seen.ready + seen.starting
        up, sign = steady > current, 1 if steady > current else -1
        period_s = self.up_period_s if up else self.down_period_s
        after_s = seen.now_s - period_s
        done = of(notes, ADDED, after_s)[:, 2].sum() - of(notes, REMOVED, after_s)[:, 2].sum()
        base = current - done  # at the beginning of the period
        share, count = (self.up_frac, self.up_count) if up else (self.down_frac, self.down_count)
        by_share = np.ceil(base * (1 + share)) if up else np.trunc(base * (1 - share))
        limits = [by_share] * (share >= 0) + [base + sign * count] * (count >= 0)
        select = self.up_select if up else self.down_select
        if select == "disabled" or not limits:
            limits = [current]
        wide = (select == "max") == up
        limit = max(limits) if wide else min(limits)
        if up:
            return int(min(steady, max(limit, current), seen.most))
        return int(max(steady, min(limit, current), seen.least))
