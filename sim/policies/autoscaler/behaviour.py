"""What Kubernetes does with a recommendation: windows and rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sim.policies.autoscaler.base import AbstractAutoscaler, refuse, wrong
from sim.policies.autoscaler.memory import note, of, told
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
        if len(notes) == 0:  # what was there before the first asking counts as advice
            notes = note(ADVICE, now_s, current)
        advice, age_s, numbers = notes[:, 0] == ADVICE, now_s - notes[:, 1], notes[:, 2]
        up = down = wanted
        if self.up_window_s > 0.0:
            up = numbers[advice & (age_s < self.up_window_s)].min(initial=wanted)
        if self.down_window_s > 0.0:
            down = numbers[advice & (age_s < self.down_window_s)].max(initial=wanted)
        steady = int(min(max(current, up), down))
        replicas = current if steady == current else self.limited(seen, steady, notes)
        kept = age_s < max(self.up_window_s, self.down_window_s)
        if not advice.all():
            kept = np.where(advice, kept, age_s < max(self.up_period_s, self.down_period_s))
        made = [notes if kept.all() else notes[kept], note(ADVICE, now_s, wanted)]
        if replicas != current:
            kind = ADDED if replicas > current else REMOVED
            made.append(note(kind, now_s, abs(replicas - current)))
        return Wish(replicas, told(*made))

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
