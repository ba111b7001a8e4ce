"""The node that kube-scheduler takes as it comes: emptiest, and most evenly full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.placement.scored import AbstractScored, Asked, Scoring, Term


@final
@dataclass(frozen=True)
class KubeDefault(AbstractScored):
    """The greatest sum of LeastAllocated and BalancedAllocation over cores and memory.

    Each in 0 ... 100 with a weight of 1, as in kube-scheduler's default profile: it spreads, and
    GPUs do not count. Ties go to the lowest number.

    Source: kube-scheduler, apis/config/v1/default_plugins.go (NodeResourcesFit 1,
    NodeResourcesBalancedAllocation 1) and defaults.go (cpu 1, memory 1).
    Neglects: taints, affinity, topology spread, image locality, which weigh in besides; that of
    equals it takes any, and of many nodes looks at some; and what its two parts neglect.
    """

    def scoring(self, asked: Asked) -> Scoring:
        """Return the weights of the two scores, and of the resources."""
        del asked
        return Scoring({Term.LEAST: 1, Term.BALANCE: 1}, (1, 1, 0))
