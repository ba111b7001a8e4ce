"""Ray Serve's autoscaling of a replica's ongoing requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.autoscaler.base import F8, AbstractAutoscaler, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.memory import last, note
from sim.policies.autoscaler.metrics import bounded, have, total

COUNTER = 31


@final
@dataclass(frozen=True)
class RayServe(AbstractAutoscaler):
    """ceil(running (1 + factor (ongoing / (target running) - 1))), once it was so for long enough.

    It must lie above what is there for more than `up_delay_s` / `every_s` askings on end, or below
    for `down_delay_s`; one that says otherwise starts the count anew. From 0, at once.

    Source: Ray Serve autoscaling_policy.py, AutoscalingConfig: target 2, 30 s, 600 s, factors 1,
    metrics_interval_s 10.
    Neglects: its loop of 0.1 s, asked every second here: a delay may last 0.9 s longer; a delay of
    its own before 0; max_ongoing_requests, 5 there.
    """

    target: float = 2.0
    look_back_s: float = 30.0
    up_delay_s: float = 30.0
    down_delay_s: float = 600.0
    up_factor: float = 1.0
    down_factor: float = 1.0
    every_s: float = 1.0
    scrape_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self, counts=("target", "up_factor", "down_factor")))

    def wanted(self, seen: Seen, ongoing: float) -> int:
        """Return what the mean of ongoing requests asks for."""
        ratio = ongoing / (self.target * seen.ready)
        factor = self.up_factor if ratio >= 1.0 else self.down_factor
        made = int(np.ceil(seen.ready * (1.0 + factor * (ratio - 1.0)) - 1e-9))
        stuck = np.ceil(seen.ready * ratio - 1e-9) < seen.ready == made
        return bounded(seen, made - stuck)

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return what is there until the delay is over, then what is wanted."""
        ongoing, there = total(seen, "concurrency", self.look_back_s), have(seen)
        if not np.isfinite(ongoing):
            return Wish(bounded(seen, there), notes)
        if seen.ready == 0:
            at_once = max(int(np.ceil(self.up_factor)), there) if ongoing > 0.0 else there
            return Wish(bounded(seen, at_once), notes)
        want, count = self.wanted(seen, ongoing), last(notes, COUNTER, 0.0)
        way = np.sign(want - there)
        count = way if way != np.sign(count) else count + way
        delay_s = self.up_delay_s if way > 0 else self.down_delay_s
        over = way != 0 and abs(count) > delay_s / self.every_s
        made = want if over else bounded(seen, there)
        return Wish(made, note(COUNTER, seen.now_s, 0.0 if over else count))
