"""Fill nodes that are in use before opening another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference


@final
@dataclass(frozen=True)
class Pack(AbstractPlacement):
    """The fullest node that fits; ties go to the lowest number. Whole nodes stay free.

    Source: Johnson et al., SIAM J. Computing 3 (1974): best fit, in GPUs. Neglects: memory and
    cores left over, neighbours' interference.
    """

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return the levels in rising order."""
        del jobs, rng
        return Preference(free, np.zeros(len(nodes.kind)))
