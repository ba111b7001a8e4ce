"""The fewest links between the nodes of a gang."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference, in_domains
from sim.state.topology import Climb


@final
@dataclass(frozen=True)
class FewestHops(AbstractPlacement):
    """The lowest domain that holds a gang, in it the largest parts first: few pairs lie far apart.

    Under one switch over all leaves no choice has a lower mean distance of two nodes, 2 links in a
    leaf and 4 beyond: largest first makes the sum of squares of the parts greatest. On a fabric of
    rails a leaf is a unit of nodes that share the leaves of all rails: a gang in one crosses no
    spine on any rail, which is what rail alignment asks for.

    Domains are the leaves and pods of the fabric, else the racks and pods of the cluster, and the
    cluster. Every node of a gang must have as many GPUs free as the first.

    Source: Marshall, Olkin and Arnold, Inequalities: what is greedy majorizes all else.
    Neglects: that in three tiers a higher domain may have the lower mean.
    """

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels and nodes alike, in domains."""
        del jobs, rng
        return in_domains(Climb(), len(free), len(nodes.kind))
