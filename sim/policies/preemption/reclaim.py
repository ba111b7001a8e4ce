"""Only quotas take back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.preemption.base import AbstractPreemption, Yield, refuse_wrong


@final
@dataclass(frozen=True)
class Reclaim(AbstractPreemption):
    """Nobody gives way to the queue's order, only to a quota; this is what it costs.

    Work is kept in steps of `checkpoint_s` (0 keeps all, inf starts anew), each interruption adds
    `cost_s` of work, and a job is left alone for `min_run_s` after a start. Neglects: grace time.
    Source: Kueue documentation, Preemption (`reclaimWithinCohort`: by quota only); the costs
    are ours.
    """

    min_run_s: float = 0.0
    checkpoint_s: float = float("inf")
    cost_s: float = 0.0

    def rule(self) -> Yield:
        """Return a rule by which nobody gives way by order."""
        refuse_wrong(self)
        return Yield(min_run_s=self.min_run_s, checkpoint_s=self.checkpoint_s, cost_s=self.cost_s)
