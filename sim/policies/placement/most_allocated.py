"""The node that would be fullest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.placement.scored import AbstractScored, Asked, Scoring, Term, weights_or_fault


@final
@dataclass(frozen=True)
class MostAllocated(AbstractScored):
    """The node that would be fullest: Kubernetes' bin packing.

        score = floor(sum of w floor(100 (used + asked) / capacity) / sum of w)

    Of the resources with a weight those that the node has count, GPUs only for jobs that ask for
    some. Ties go to the lowest number.

    Source: kube-scheduler, noderesources/most_allocated.go (`scoringStrategy: MostAllocated`).
    Neglects: its other plugins; the 100 millicores and 200 MB that it reckons for a job that asks
    for none; that of equals it takes any.
    """

    cpu_weight: int = 1
    mem_weight: int = 1
    gpu_weight: int = 5

    def __post_init__(self) -> None:
        """Refuse weights that are none."""
        weights_or_fault(
            "most_allocated", cpu=self.cpu_weight, mem=self.mem_weight, gpu=self.gpu_weight
        )

    def scoring(self, asked: Asked) -> Scoring:
        """Return the weights of the resources."""
        del asked
        return Scoring({Term.MOST: 1}, (self.cpu_weight, self.mem_weight, self.gpu_weight))
