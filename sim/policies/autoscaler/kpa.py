"""Knative's own autoscaler: a stable window, and a panic window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.autoscaler.base import F8, AbstractAutoscaler, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.memory import last, last_s, note, of, told
from sim.policies.autoscaler.metrics import Metric, bounded, have, total

PANIC, ADVICE = 21, 22


@final
@dataclass(frozen=True)
class Kpa(AbstractAutoscaler):
    """The mean of a minute over the target; in panic the mean of six seconds, and never fewer.

    want = ceil(mean / (target used_frac)), from floor(ready / down_factor) to ceil(up_factor
    ready). Panic begins when the short mean wants `panic_factor` times what is ready, or at the
    start with more than one; it ends after a whole stable window without. With `down_delay_s` the
    most that was wanted in so long.

    Source: Knative serving pkg/autoscaler/scaling/autoscaler.go, config-autoscaler: 2 s, 60 s,
    10 %, 200 %, 100 x 70 %, 1000 up, 2 down; metrics/collector.go: read each second.
    Neglects: the activator's burst capacity; the grace before zero; the initial scale.
    """

    metric: Metric = "concurrency"
    target: float = 100.0
    used_frac: float = 0.7
    stable_s: float = 60.0
    panic_frac: float = 0.1
    panic_factor: float = 2.0
    up_factor: float = 1000.0
    down_factor: float = 2.0
    down_delay_s: float = 0.0
    every_s: float = 2.0
    scrape_s: float = 1.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        names = ("target", "used_frac", "panic_frac", "panic_factor", "up_factor", "down_factor")
        refuse(wrong(self, shares=("used_frac", "panic_frac"), counts=names))

    def wanted(self, seen: Seen, window_s: float) -> tuple[int, int]:
        """Return what the mean of a window wants, held to the rates and not."""
        ready = max(seen.ready, 1)
        raw = int(np.ceil(total(seen, self.metric, window_s) / (self.target * self.used_frac)))
        low, high = int(ready // self.down_factor), int(np.ceil(ready * self.up_factor))
        return min(max(raw, low), high), raw

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return what the window that counts wants; without a metric what there is."""
        now_s = seen.now_s
        if not np.isfinite(total(seen, self.metric)):
            return Wish(bounded(seen, have(seen)), notes)
        stable, _ = self.wanted(seen, self.stable_s)
        panic, raw = self.wanted(seen, self.stable_s * self.panic_frac)
        since_s, most = last_s(notes, PANIC), last(notes, PANIC, 0.0)
        if len(notes) == 0 and seen.ready > 1:
            since_s, most = now_s, seen.ready
        if raw / max(seen.ready, 1) >= self.panic_factor:
            since_s = now_s
        elif since_s + self.stable_s < now_s:
            since_s, most = -np.inf, 0.0
        want = stable
        if since_s > -np.inf:
            most = max(most, stable, panic)
            want = int(most)
        advice = told(of(notes, ADVICE, now_s - self.down_delay_s), note(ADVICE, now_s, want))
        want = int(advice[:, 2].max()) if self.down_delay_s > 0.0 else want
        return Wish(bounded(seen, want), told(note(PANIC, since_s, most), advice))
