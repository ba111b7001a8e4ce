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
    Source: Johnson et al., SIAM J. Computing 3 (1974): best fit, in GPUs. Neglects: free memory and
    cores; a node counts by what it has.
    """

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return the levels in rising order, small nodes first."""
        del jobs, rng
        small = np.lexsort((nodes.mcpu, nodes.mem_bytes))
        rank = np.empty(len(small))
        rank[small] = np.arange(len(small))
        return Preference(free, rank)
