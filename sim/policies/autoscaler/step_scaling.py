"""AWS step scaling: the further over the threshold, the larger the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from sim.policies.autoscaler.base import F8, AbstractAutoscaler, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.memory import last, last_s, note, told
from sim.policies.autoscaler.metrics import Metric, bounded, have
from sim.policies.autoscaler.target_tracking import points

OUT, IN = 51, 52
Steps = Sequence[Sequence[float]]


def adjustment(steps: Steps, breach: float) -> float:
    """Return the adjustment of the last step whose bound the breach has reached; 0 before."""
    reached = [amount for bound, amount in sorted(map(tuple, steps)) if breach >= bound]
    return reached[-1] if reached else 0.0


@final
@dataclass(frozen=True)
class StepScaling(AbstractAutoscaler):
    """Steps [bound, adjustment] over `out_threshold`, and under `in_threshold`, by the breach.

    breach = |metric - threshold|. `unit`: so many replicas, or a share of what is there, rounded
    away from 0 below 1, else towards it. In a cooldown out, what was added counts.

    Source: AWS Application Auto Scaling, step scaling: ChangeInCapacity, PercentChangeInCapacity;
    cooldown 300 s.
    Neglects: ExactCapacity; MinAdjustmentMagnitude.
    """

    metric: Metric = "concurrency"
    out_threshold: float = 25.0
    out_steps: Steps = ((0.0, 1.0), (12.5, 2.0), (25.0, 4.0))
    in_threshold: float = 15.0
    in_steps: Steps = ((0.0, 1.0),)
    unit: Literal["replicas", "share"] = "replicas"
    period_s: float = 60.0
    out_points: int = 3
    in_points: int = 15
    cooldown_s: float = 300.0
    every_s: float = 60.0
    scrape_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        found = wrong(self, counts=("period_s", "out_points", "in_points"))
        if not self.in_threshold < self.out_threshold:
            found.append(f"autoscaler.in_threshold: is {self.in_threshold}; must be below "
                         f"out_threshold, {self.out_threshold}")  # fmt: skip
        for name in ("out_steps", "in_steps"):
            pairs = all(len(step) == 2 for step in getattr(self, name))
            if not pairs or len(getattr(self, name)) == 0:
                found.append(
                    f"autoscaler.{name}: must be pairs [bound, adjustment], such as [0, 1]"
                )
        refuse(found)

    def amount(self, there: int, steps: Steps, breach: float) -> int:
        """Return the replicas of a step."""
        raw = adjustment(steps, breach) * (there if self.unit == "share" else 1)
        return int(np.ceil(raw) if raw < 1.0 else np.floor(raw + 1e-9))

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return what there is, and the step of an alarm that is on."""
        now_s, there, made = seen.now_s, have(seen), have(seen)
        of = points(seen, self.metric, self.period_s, max(self.out_points, self.in_points))
        out, calm = of[-self.out_points :], of[-self.in_points :]
        out_s, added, in_s = last_s(notes, OUT), last(notes, OUT, 0.0), last_s(notes, IN)
        if len(out) == self.out_points and (out >= self.out_threshold).all():
            fresh = now_s >= out_s + self.cooldown_s
            more = self.amount(there, self.out_steps, of[-1] - self.out_threshold)
            more -= 0 if fresh else int(added)  # what the last step added counts
            if more > 0:
                made, out_s, added = there + more, now_s, more + (0.0 if fresh else added)
        elif len(calm) == self.in_points and (calm <= self.in_threshold).all():
            ready = now_s >= max(in_s, out_s) + self.cooldown_s
            less = self.amount(there, self.in_steps, self.in_threshold - of[-1])
            made, in_s = (there - less, now_s) if ready else (there, in_s)
        return Wish(bounded(seen, made), told(note(OUT, out_s, added), note(IN, in_s, 0.0)))
