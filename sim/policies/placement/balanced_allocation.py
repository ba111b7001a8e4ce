"""The node whose resources would be most evenly full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.placement.scored import AbstractScored, Asked, Scoring, Term, weights_or_fault


@final
@dataclass(frozen=True)
class BalancedAllocation(AbstractScored):
    """The node whose resources would be most evenly full.

        score = floor(100 (1 - standard deviation of (used + asked) / capacity))

    over the resources whose weight is not 0, by default cores and memory alone as there. Those that
    the node has count, GPUs only for jobs that ask for some. Ties go to the lowest number.

    Source: kube-scheduler, noderesources/balanced_allocation.go.
    Neglects: its other plugins; the 100 millicores and 200 MB that it reckons for a job that asks
    for none; that releases from 1.34 on score by how much the job improves the balance.
    """

    cpu_weight: int = 1
    mem_weight: int = 1
    gpu_weight: int = 0

    def __post_init__(self) -> None:
        """Refuse weights that are none."""
        weights_or_fault(
            "balanced_allocation", cpu=self.cpu_weight, mem=self.mem_weight, gpu=self.gpu_weight
        )

    def scoring(self, asked: Asked) -> Scoring:
        """Return the weights of the resources."""
        del asked
        return Scoring({Term.BALANCE: 1}, (self.cpu_weight, self.mem_weight, self.gpu_weight))
