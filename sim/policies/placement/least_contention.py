"""Leaves whose uplinks carry least now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference, in_domains
from sim.state.topology import Climb


@final
@dataclass(frozen=True)
class LeastContention(AbstractPlacement):
    """The lowest domain that holds a gang; of these, and in it, those whose uplinks carry least.

    What is carried is the mean load of leaves' uplinks, B/s; with none the tightest domain.

    Domains are the leaves and pods of the fabric, else the racks and pods of the cluster, and the
    cluster. Every node of a gang must have as many GPUs free as the first.

    Source: a greedy rule of our own: least loaded first.
    Neglects: what the gang itself will send, links above leaves, the load after others end; which
    of a leaf's uplinks are full, where paths are drawn.
    """

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels and nodes alike, in domains."""
        del jobs, rng
        return in_domains(Climb(least_load=True), len(free), len(nodes.kind))
