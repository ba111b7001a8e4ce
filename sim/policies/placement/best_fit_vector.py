"""The node with the least left over, of cores and GPUs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.placement.scored import AbstractScored, Asked, Scoring, Term, largest


@final
@dataclass(frozen=True)
class BestFitVector(AbstractScored):
    """Least of cores and GPUs left over, each as a share of the largest node's.

        score = floor(100 (1 - (cores left - asked) / 2C - (GPUs left - asked) / 2G))

    A share goes to the tightest device that suffices. `cpus` is C and `gpus_per_node` G; null:
    the largest node's.

    Source: Q. Weng et al., Beware of Fragmentation, USENIX ATC 2023, "BestFit".
    Neglects: memory; that its code spreads the scores over 0 to 100, which keeps their order.
    """

    cpus: float | None = None
    gpus_per_node: int | None = None

    def __post_init__(self) -> None:
        """Refuse a whole that is none."""
        largest(self.cpus, self.gpus_per_node)

    def scoring(self, asked: Asked) -> Scoring:
        """Return the weight of what is left."""
        del asked
        return Scoring({Term.LEFT: 1}, whole=largest(self.cpus, self.gpus_per_node))
