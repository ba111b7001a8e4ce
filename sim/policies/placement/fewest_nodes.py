"""As few nodes as possible, whatever GPUs are free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference


@final
@dataclass(frozen=True)
class FewestNodes(AbstractPlacement):
    """A gang without a shape takes the largest free pieces, and the best fit for the rest.

    Unlike the others it does not insist on whole nodes for gangs wider than one.
    Source: ours, a rule of thumb: fewer nodes, less traffic. Neglects: where nodes lie in
    the fabric.
    """

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return the levels in rising order, scattered gangs allowed."""
        del jobs, rng
        return Preference(free, np.zeros(len(nodes.kind)), scatter=True)
