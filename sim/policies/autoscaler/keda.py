"""KEDA: nothing when nothing is asked, else Kubernetes' own autoscaler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.autoscaler.base import F8, Seen, Wish
from sim.policies.autoscaler.behaviour import AbstractBehaviour
from sim.policies.autoscaler.hpa import milli, whole
from sim.policies.autoscaler.memory import last_s, note, of, told
from sim.policies.autoscaler.metrics import Metric, bounded, have, total

ACTIVE, POLLED = 11, 12


@final
@dataclass(frozen=True)
class Keda(AbstractBehaviour):
    """From 0 to 1 at the first poll that finds the metric above `activation`; back to 0 after
    `cooldown_s` without such a poll, if the service may have 0; between 1 and the most, Kubernetes'
    autoscaler on the metric shared out (`average_value`).

    Source: KEDA 2.21, ScaledObject: polling 30 s, cooldown 300 s; External metric, AverageValue.
    Neglects: fallback replicas, formulas over several metrics, pausing.
    """

    metric: Metric = "concurrency"
    target: float = 25.0
    activation: float = 0.0
    polling_s: float = 30.0
    cooldown_s: float = 300.0
    tolerance_frac: float = 0.1

    def start(self, seen: Seen) -> int:
        """Return the least, even 0."""
        return seen.least

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return 0, 1, or what the autoscaler behind it says."""
        now_s, current = seen.now_s, have(seen)
        value = total(seen, self.metric)
        polls = now_s >= last_s(notes, POLLED) + self.polling_s * (1.0 - 1e-9)
        polled_s = now_s if polls else last_s(notes, POLLED)
        active_s = max(last_s(notes, ACTIVE), 0.0)
        if polls and value > self.activation:  # NaN is not
            active_s = now_s
        kept = told(note(POLLED, polled_s, 0.0), note(ACTIVE, active_s, 0.0))
        if current == 0:
            least = max(seen.least, 1)
            return Wish(least if active_s == now_s else 0, kept)
        idle = seen.least == 0 and now_s - active_s >= self.cooldown_s and polls
        if idle:
            return Wish(0, kept)
        made = current
        if np.isfinite(value):
            told_milli = milli(value), milli(self.target)
            made = whole(seen, *told_milli, self.tolerance_frac, "average_value")
        ones = seen._replace(least=max(seen.least, 1))
        rest = notes[~np.isin(notes[:, 0], (ACTIVE, POLLED))] if len(of(notes, POLLED)) else notes
        wish = self.behave(ones, bounded(ones, made), rest)
        return Wish(wish.replicas, told(wish.notes, kept))
