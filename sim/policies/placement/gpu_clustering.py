"""Jobs of as many GPUs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.placement.scored import AbstractScored, Asked, Scoring, Term, largest


@final
@dataclass(frozen=True)
class GpuClustering(AbstractScored):
    """Nodes that hold only jobs of as many GPUs as this one, shares being a class of their own.

        floor(25 GPUs held / G) + 75 where only such jobs run, 50 where others do too, 25 where
        none does, 0 where only others do

    G is `gpus_per_node`; null: the largest node's. A job without GPUs is alike everywhere.

    Source: Q. Weng et al., Beware of Fragmentation, USENIX ATC 2023, "GpuClustering"; after W. Xiao
    et al., Gandiva, OSDI 2018. Neglects: cores and memory, beyond their having room.
    """

    gpus_per_node: int | None = None

    def __post_init__(self) -> None:
        """Refuse a whole that is none."""
        largest(None, self.gpus_per_node)

    def scoring(self, asked: Asked) -> Scoring:
        """Return the weight of clustering."""
        del asked
        return Scoring({Term.CLUSTERING: 1}, whole=largest(None, self.gpus_per_node))
