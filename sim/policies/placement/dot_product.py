"""The node whose free room least points where the job does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.placement.scored import AbstractScored, Asked, Scoring, Term, largest


@final
@dataclass(frozen=True)
class DotProduct(AbstractScored):
    """Least product of what is free and what is asked, each as a share of the largest node's.

        score = floor(100 (1 - (cores left / C  cores / C + GPUs left / G  GPUs / G) / 2))

    A share goes to the tightest device that suffices. `cpus` is C and `gpus_per_node` G; null:
    the largest node's.

    Source: Q. Weng et al., Beware of Fragmentation, USENIX ATC 2023, "DotProd", its resources
    merged over devices; after R. Panigrahy et al., Heuristics for Vector Bin Packing, 2011.
    Neglects: memory.
    """

    cpus: float | None = None
    gpus_per_node: int | None = None

    def __post_init__(self) -> None:
        """Refuse a whole that is none."""
        largest(self.cpus, self.gpus_per_node)

    def scoring(self, asked: Asked) -> Scoring:
        """Return the weight of the product."""
        del asked
        return Scoring({Term.DOT: 1}, whole=largest(self.cpus, self.gpus_per_node))
