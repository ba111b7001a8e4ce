"""The last in order gives way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.preemption.base import AbstractPreemption, Yield, refuse_wrong


@final
@dataclass(frozen=True)
class Tail(AbstractPreemption):
    """A blocked job takes the nodes of running jobs behind it in the queue's order, last first.

    The queue decides what "behind" is: `queue=priority` is preemption by priority, `queue=las` by
    attained service. No more give way than it needs, and none if all would not suffice. With
    `strictly`, jobs of equal key do not; `min_run_s` leaves a job alone after its start.

    An interrupted job keeps its work in steps of `checkpoint_s` (0 keeps all, inf starts anew) and
    does `cost_s` of work more. With `round_s` > 0 passes are made only at multiples of it, and GPUs
    are held until one. `in_vain` is Blox's own way: jobs give way even where the taker then still
    does not fit.

    Source: Slurm's preempt/qos and kube-scheduler (lowest priority first); Blox (EuroSys 2024).
    Neglects: grace time, and that a job may leave only some of its nodes.
    """

    strictly: bool = True
    min_run_s: float = 0.0
    checkpoint_s: float = 0.0
    cost_s: float = 0.0
    round_s: float = 0.0
    in_vain: bool = False

    def rule(self) -> Yield:
        """Return a rule by which the tail gives way."""
        refuse_wrong(self)
        return Yield(
            tail=True, strictly=self.strictly, in_vain=self.in_vain, min_run_s=self.min_run_s,
            checkpoint_s=self.checkpoint_s, cost_s=self.cost_s, round_s=self.round_s,
        )  # fmt: skip
