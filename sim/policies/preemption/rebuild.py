"""The running set is made anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.preemption.base import AbstractPreemption, Yield, refuse_wrong


@final
@dataclass(frozen=True)
class Rebuild(AbstractPreemption):
    """At each pass GPUs go to all jobs in the queue's order, waiting or running, while they last.

    Whoever gets none waits. With `backfill=none` the first that gets none ends it, else it is
    skipped. Knobs as in `Tail`; without `hold` a job that ends within a round gives its GPUs back
    at once, though none starts on them before the next.

    Source: the preemptive schedules of Tiresias' simulator (Gu et al., NSDI 2019).
    Neglects: CPU and memory in the election.
    """

    min_run_s: float = 0.0
    checkpoint_s: float = 0.0
    cost_s: float = 0.0
    round_s: float = 0.0
    hold: bool = True
    requeue_delay_s: float = 0.0

    def rule(self) -> Yield:
        """Return a rule by which the running set is made anew."""
        refuse_wrong(self)
        return Yield(
            rebuild=True, min_run_s=self.min_run_s, checkpoint_s=self.checkpoint_s,
            cost_s=self.cost_s, round_s=self.round_s, hold=self.hold,
            requeue_s=self.requeue_delay_s,
        )  # fmt: skip
