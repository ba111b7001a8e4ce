"""Running jobs move together, so that a blocked one fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.errors import ScenarioError
from sim.policies.preemption.base import AbstractPreemption, Yield, refuse_wrong


@final
@dataclass(frozen=True)
class Consolidate(AbstractPreemption):
    """Up to `most_moved` running jobs are moved elsewhere if a blocked job then fits, else none.

    They are taken from the end of the queue's order, one after another, until the blocked job fits
    and every one of them has a place in the same solution. Nobody waits for it: who moves goes on
    at once, from its last checkpoint (`checkpoint_s`: 0 keeps all, inf starts anew), with `cost_s`
    of work more. It is tried for the job that is blocked first, and, where the start rule makes no
    reservation, for those that it lets pass.

    Source: KAI-Scheduler, actions/consolidation (max-consolidation-preemptees 16).
    Neglects: jobs that may not be moved, and the seconds in which both places are held.
    """

    most_moved: int = 16
    min_run_s: float = 0.0
    checkpoint_s: float = 0.0
    cost_s: float = 0.0
    round_s: float = 0.0

    def rule(self) -> Yield:
        """Return a rule by which running jobs move."""
        refuse_wrong(self)
        if self.most_moved < 1:
            raise ScenarioError(
                [f"preemption.most_moved: is {self.most_moved!r}; must be a whole number >= 1"]
            )
        return Yield(
            most_moved=self.most_moved, min_run_s=self.min_run_s,
            checkpoint_s=self.checkpoint_s, cost_s=self.cost_s, round_s=self.round_s,
        )  # fmt: skip
