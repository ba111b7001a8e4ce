"""The HyperNode of the lowest tier that holds a gang, as Volcano chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference, in_domains
from sim.state.topology import HEIGHTS, Climb, must_be


@final
@dataclass(frozen=True)
class VolcanoTopology(AbstractPlacement):
    """The HyperNode of the lowest tier that holds a gang, of these the one that it fills best.

    Tiers are 1, racks, 2, pods, and 3, the cluster. `hard`: none above `highest_tier_allowed`; a
    gang that none holds waits. `soft`: any. In it HyperNodes with the most free come first.

    Domains are the leaves and pods of the fabric, else the racks and pods of the cluster, and the
    cluster. Every node of a gang must have as many GPUs free as the first.

    Source: Volcano, network-topology-aware (mode, highestTierAllowed).
    Neglects: sub-gangs with tiers of their own, and what other plugins add to a node's score.
    """

    mode: str = "soft"
    highest_tier_allowed: int = 3

    def __post_init__(self) -> None:
        """Refuse unknown modes and tiers."""
        tiers = range(1, len(HEIGHTS) + 1)
        must_be(mode=(self.mode, ("hard", "soft")),
                highest_tier_allowed=(self.highest_tier_allowed, tiers))  # fmt: skip

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels and nodes alike, in domains."""
        del jobs, rng
        top = HEIGHTS[self.highest_tier_allowed - 1] if self.mode == "hard" else HEIGHTS[-1]
        return in_domains(Climb(HEIGHTS[0], top, last_tight=False), len(free), len(nodes.kind))
