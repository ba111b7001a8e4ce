"""Nobody gives way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.preemption.base import AbstractPreemption, Yield, refuse_wrong


@final
@dataclass(frozen=True)
class NoPreemption(AbstractPreemption):
    """A job that has started keeps its GPUs to its end.

    With `round_s` > 0 passes are made only at multiples of it, and GPUs are held until one.
    A job that loses its nodes to a failure is eligible again after `requeue_delay_s`.
    Source: Slurm documentation, slurm.conf, PreemptMode=OFF; the rounds are Blox's. Neglects:
    nothing; evictions by quota cost what `reclaim` says.
    """

    round_s: float = 0.0
    requeue_delay_s: float = 0.0

    def rule(self) -> Yield:
        """Return a rule by which nobody gives way."""
        refuse_wrong(self)
        return Yield(round_s=self.round_s, requeue_s=self.requeue_delay_s)
