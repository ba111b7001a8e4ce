"""The domain that a gang fills best, as KAI-Scheduler chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference, in_domains
from sim.state.topology import HEIGHTS, Climb, must_be


@final
@dataclass(frozen=True)
class KaiTopology(AbstractPlacement):
    """The domain with the highest ratio of asked to free, from `preferred` up to `required`.

    In it parts with the most free come first. One that no domain up to `required` holds waits.

    Domains are the leaves and pods of the fabric, else the racks and pods of the cluster, and the
    cluster. Every node of a gang must have as many GPUs free as the first.

    Source: KAI-Scheduler, topology plugin.
    Neglects: elastic gangs, a topology for each part of a gang; `segment` is kept in a rack.
    """

    preferred: str = "rack"
    required: str = "cluster"

    def __post_init__(self) -> None:
        """Refuse unknown levels, and a required one below the preferred."""
        low = HEIGHTS.index(self.preferred) if self.preferred in HEIGHTS else 0
        must_be(preferred=(self.preferred, HEIGHTS), required=(self.required, HEIGHTS[low:]))

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels and nodes alike, in domains."""
        del jobs, rng
        return in_domains(
            Climb(self.preferred, self.required, last_tight=False), len(free), len(nodes.kind)
        )
