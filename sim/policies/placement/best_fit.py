"""The node with the least left over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference


@final
@dataclass(frozen=True)
class BestFit(AbstractPlacement):
    """Like pack in GPUs; among nodes alike, the one with the least memory, then the fewest cores.

    Differs from pack only where nodes with the same GPUs have unequal memory or cores.
    """

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return the levels in rising order, small nodes first."""
        del jobs, rng
        small = np.lexsort((nodes.mcpu, nodes.mem_bytes))
        rank = np.empty(len(small))
        rank[small] = np.arange(len(small))
        return Preference(free, rank)
