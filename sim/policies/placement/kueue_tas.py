"""The lowest domain of a topology that holds a gang, as Kueue chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference, in_domains
from sim.state.topology import HEIGHTS, Climb, must_be

MODES = ("required", "preferred", "unconstrained")


@final
@dataclass(frozen=True)
class KueueTas(AbstractPlacement):
    """The domain of `level` that a gang fills best; where none holds it, by `mode`.

    `required`: it waits. `preferred`: a level higher, and so on. `unconstrained`: by racks, the
    tightest that suffices, else the smallest first (LeastFreeCapacity). In a domain the largest
    parts first, the last the one that is filled best, level by level (BestFit). A job's `segment`
    is the size of its slices, each whole in a rack.

    Domains are the leaves and pods of the fabric, else the racks and pods of the cluster, and the
    cluster. Every node of a gang must have as many GPUs free as the first.

    Source: Kueue, KEP-2724; tas_flavor_snapshot.go, TASProfileMixed.
    Neglects: TASBalancedPlacement, slices of another level than a rack, several pods on one node.
    """

    mode: str = "preferred"
    level: str = "rack"

    def __post_init__(self) -> None:
        """Refuse unknown modes and levels."""
        must_be(mode=(self.mode, MODES), level=(self.level, HEIGHTS))

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels and nodes alike, in domains."""
        del jobs, rng
        loose = self.mode == "unconstrained"
        top = self.level if self.mode == "required" else "cluster"
        return in_domains(
            Climb("cluster" if loose else self.level, top, even=loose), len(free), len(nodes.kind)
        )
