"""The first node that fits, by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference


@final
@dataclass(frozen=True)
class FirstFit(AbstractPlacement):
    """Nodes in order of their numbers, however full.

    Source: Johnson et al., SIAM J. Computing 3 (1974): first fit; Tiresias' yarn placement.
    Neglects: what is left over.
    """

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels alike."""
        del jobs, rng
        return Preference(np.zeros(len(free)), np.zeros(len(nodes.kind)))
