"""A fabric in tiers as a tree of domains: what jobs share above their own NICs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from topologies.bundled import bundled
from topologies.fabric import Fabric, Floats, Ints
from topologies.routes.updown import Tiers


class Tree(NamedTuple):
    """Nodes, then leaves, then pods, (vertices,) each; what is above the last has no bounds.

    The lanes of a node (rails, planes) are one, for they are used alike.
    """

    parent: Ints  # the domain above; -1 at the top, where all meet
    capacity_Bps: Floats  # of what leads out of it, the lesser way


def tree(fabric: Fabric) -> Tree:
    """Return the tree that even spraying makes of a fabric in tiers.

    Vertices 0 … nodes - 1 are the nodes; then come the units of nodes that share leaves, each under
    its pod (a group of spines) if there are cores. One tier has one unit, with nothing above it.

    Raises ValueError for a fabric that is not in tiers.

    Neglects: lanes that are used unevenly; cables dealt unevenly, as `bundled` does.
    """
    plan = fabric.router
    if type(plan) is not Tiers:
        raise ValueError(f"{fabric.name} is not in tiers alone, so it is no tree; see `ways`")
    node, unit = np.arange(plan.nodes), np.arange(plan.unit_count)
    units = plan.nodes + node // plan.nodes_per_leaf
    ways = np.minimum(fabric.capacity_Bps, fabric.back_Bps)
    first = ways[: plan.nodes * plan.lanes].reshape(-1, plan.lanes).sum(1)
    if not plan.spines or plan.unit_count == 1:
        none = np.full(plan.unit_count, -1)
        return Tree(np.concatenate([units, none]), np.concatenate([first, 0.0 * unit]))
    merged = bundled(fabric)
    ways = np.minimum(merged.capacity_Bps, merged.back_Bps)[plan.nodes * plan.lanes :]
    second = ways[: plan.leaves].reshape(-1, plan.lanes).sum(1)
    if not plan.cores or plan.groups == 1:
        none = np.full(plan.unit_count, -1)
        return Tree(np.concatenate([units, none]), np.concatenate([first, second]))
    pods = plan.nodes + plan.unit_count + unit // plan.units
    third = ways[plan.leaves :].reshape(plan.groups, plan.parts).sum(1)
    none = np.full(plan.groups, -1)
    return Tree(np.concatenate([units, pods, none]), np.concatenate([first, second, third]))
