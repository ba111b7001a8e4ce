"""Fabrics as a configuration says them: without their nodes, whose number the cluster knows."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

from topologies.fabric import Fabric
from topologies.leaf_spine import leaf_spine
from topologies.tree import Tree, tree


class Design(abc.ABC):
    """A family of fabrics with all its parameters but the nodes."""

    @abc.abstractmethod
    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""

    def tree(self, nodes: int, gpus_per_node: int) -> Tree:
        """Return it as a tree of domains; ValueError says why there can be none."""
        return tree(self.arrays(nodes, gpus_per_node))

    def issues(self, nodes: int, gpus_per_node: int) -> list[str]:
        """Return why such a fabric cannot join so many nodes; nothing if it can."""
        try:
            self.tree(nodes, gpus_per_node)
        except ValueError as error:
            return [f"fabric: {error}"]
        return []


@final
@dataclass(frozen=True)
class LeafSpine(Design):
    """Two tiers, as `leaf_spine`: leaves of `nodes_per_leaf` nodes, each wired to every spine."""

    nodes_per_leaf: int = 32
    spines: int = 16
    node_Bps: float = 400e9
    oversubscription: float = 1.0

    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""
        return leaf_spine.arrays(
            nodes,
            self.nodes_per_leaf,
            self.spines,
            self.node_Bps,
            self.oversubscription,
            gpus_per_node=gpus_per_node,
        )
