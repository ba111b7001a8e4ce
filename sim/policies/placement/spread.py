"""Even out the load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference


@final
@dataclass(frozen=True)
class Spread(AbstractPlacement):
    """The emptiest node that fits; ties go to the lowest number. Few whole nodes stay free.

    Source: Johnson, JCSS 8 (1974): worst fit, in GPUs. Neglects: memory and cores left over, gangs
    to come that need whole nodes.
    """

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return the levels in falling order."""
        del jobs, rng
        return Preference(-free, np.zeros(len(nodes.kind)))
