"""Kubernetes' HorizontalPodAutoscaler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, final

from sim.policies.autoscaler.base import F8, Seen, Wish
from sim.policies.autoscaler.behaviour import AbstractBehaviour
from sim.policies.autoscaler.metrics import Metric, bounded, have, total

Kind = Literal["each", "value", "average_value"]


def milli(value: float) -> int:
    """Return a metric as Kubernetes keeps it: whole thousandths."""
    return math.floor(value * 1000 + 1e-6)


def each(seen: Seen, sum_milli: int, target_milli: int, tolerance: float) -> int:
    """Return the replicas by a metric that each of them reports (Pods).

    ratio = mean / target. Who is ready but not measured counts as the target if there seems too
    little to do, as nothing if too much; who is not ready as nothing if too much, else not at all.
    If that turns the answer round, nothing changes.
    """
    current, ready = have(seen), seen.ready
    measured = min(int(seen.scrapes.ready[-1]), ready)
    if measured == 0:
        return current
    ratio = sum_milli // int(seen.scrapes.ready[-1]) / target_milli
    missing, unready = ready - measured, seen.starting if ratio > 1.0 else 0
    if missing == 0 and unready == 0:
        return current if abs(1.0 - ratio) <= tolerance else math.ceil(ratio * ready)
    held = sum_milli // int(seen.scrapes.ready[-1]) * measured
    held += missing * target_milli if ratio < 1.0 else 0
    count = measured + missing + unready
    again = held // count / target_milli
    if abs(1.0 - again) <= tolerance or (ratio - 1.0) * (again - 1.0) < 0.0:
        return current
    made = math.ceil(again * count)
    return current if (again - 1.0) * (made - current) < 0.0 else made


def whole(seen: Seen, sum_milli: int, target_milli: int, tolerance: float, kind: Kind) -> int:
    """Return the replicas by one metric of the service (Object, External)."""
    current = have(seen)
    ratio = sum_milli / target_milli / (current if kind == "average_value" else 1)
    if abs(1.0 - ratio) <= tolerance:
        return current
    return math.ceil(sum_milli / target_milli if kind == "average_value" else ratio * seen.ready)


@final
@dataclass(frozen=True)
class Hpa(AbstractBehaviour):
    """As many replicas as bring the metric to its target: ceil(ready metric / target).

    Nothing changes while metric / target is within `tolerance_frac` of 1. `kind`: each replica's
    own metric against the target; the service's `value`; or it shared out, `average_value`.

    Source: Kubernetes replica_calculator.go and autoscaling/v2: 15 s, 0.1, down window 300 s.
    Neglects: replicas whose containers run but are not ready, taken as not measured in Kubernetes;
    several metrics at once; the adapter's own delay beside the lag of the scrapes.
    """

    metric: Metric = "concurrency"
    target: float = 25.0
    kind: Kind = "each"
    window_s: float = 0.0
    tolerance_frac: float = 0.1

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return the replicas after windows and rates; without a metric what there is."""
        value = total(seen, self.metric, self.window_s)
        if have(seen) == 0 or not math.isfinite(value):
            return self.behave(seen, bounded(seen, have(seen)), notes)
        told = milli(value), milli(self.target)
        if self.kind == "each":
            made = each(seen, *told, self.tolerance_frac)
        else:
            made = whole(seen, *told, self.tolerance_frac, self.kind)
        return self.behave(seen, bounded(seen, made), notes)
