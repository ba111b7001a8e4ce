"""Fabrics as a configuration says them: without their nodes, whose number the cluster knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from topologies.clos import clos
from topologies.design import Design
from topologies.dragonfly_plus import dragonfly_plus
from topologies.fabric import Fabric
from topologies.hyperx import hyperx
from topologies.leaf_spine import leaf_spine
from topologies.multi_plane import multi_plane
from topologies.nvlink import nvlink_arrays
from topologies.rail_only import rail_only
from topologies.rail_optimized import rail_optimized
from topologies.sized import grid, groups_of, holding, least_arity
from topologies.sound import sound
from topologies.torus import torus

MOST_DIMENSIONS = 8
"""Of a HyperX: 2 switches along each are 256 already."""


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


@final
@dataclass(frozen=True)
class RailOptimized(Design):
    """As `rail_optimized`: a leaf a rail and unit, rails meet at the spines; maybe NVLink domains.

    rails : 0 is one a GPU.   nodes_per_leaf : 0 is half of a switch's ports.
    nvlink_gpus : of one NVLink domain over several nodes; 0: nodes are not joined so.
    """

    rails: int = 0
    radix: int = 64
    tiers: int = 0
    oversubscription: float = 1.0
    nodes_per_leaf: int = 0
    nodes_per_rack: int = 4
    link_Bps: float = 50e9
    latency_s: float = 1e-6
    nvlink_gpus: int = 0
    nvlink_Bps: float = 900e9

    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""
        made = rail_optimized.arrays(
            nodes,
            self.rails or gpus_per_node,
            self.radix,
            self.tiers,
            self.oversubscription,
            self.nodes_per_leaf,
            self.nodes_per_rack,
            self.link_Bps,
            self.latency_s,
        )
        made = holding(made, gpus_per_node)
        return nvlink_arrays(made, self.nvlink_gpus, self.nvlink_Bps) if self.nvlink_gpus else made

    def together(self, gpus_per_node: int) -> int:
        """Return how many GPUs NVLink joins: those of a node, or of a domain of several."""
        return self.nvlink_gpus or gpus_per_node


@final
@dataclass(frozen=True)
class RailOnly(Design):
    """As `rail_only`: each rail a fabric of its own. rails : 0 is one a GPU."""

    rails: int = 0
    radix: int = 64
    tiers: int = 0
    oversubscription: float = 1.0
    nodes_per_rack: int = 4
    link_Bps: float = 50e9
    latency_s: float = 1e-6

    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""
        made = rail_only.arrays(
            nodes,
            self.rails or gpus_per_node,
            self.radix,
            self.tiers,
            self.oversubscription,
            self.nodes_per_rack,
            self.link_Bps,
            self.latency_s,
        )
        return holding(made, gpus_per_node)


@final
@dataclass(frozen=True)
class MultiPlane(Design):
    """As `multi_plane`: a NIC a GPU, as many slow ports, each on a plane of its own."""

    planes: int = 8
    radix: int = 512
    tiers: int = 0
    oversubscription: float = 1.0
    nodes_per_rack: int = 4
    nic_Bps: float = 100e9
    latency_s: float = 1e-6

    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""
        return multi_plane.arrays(
            nodes,
            self.planes,
            self.radix,
            self.tiers,
            self.oversubscription,
            gpus_per_node,
            self.nodes_per_rack,
            self.nic_Bps,
            self.latency_s,
        )


@final
@dataclass(frozen=True)
class Clos(Design):
    """As `clos`, a cable a GPU to the leaf of its node; oversubscribed at leaves and spines."""

    radix: int = 64
    tiers: int = 0
    leaf_oversubscription: float = 1.0
    spine_oversubscription: float = 1.0
    nodes_per_leaf: int = 0
    nodes_per_rack: int = 4
    link_Bps: float = 50e9
    latency_s: float = 1e-6

    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""
        return clos.arrays(
            nodes,
            self.radix,
            self.tiers,
            self.leaf_oversubscription,
            self.spine_oversubscription,
            cables_per_lane=gpus_per_node,
            nodes_per_leaf=self.nodes_per_leaf,
            nodes_per_rack=self.nodes_per_rack,
            gpus_per_node=gpus_per_node,
            link_Bps=self.link_Bps,
            latency_s=self.latency_s,
        )


@final
@dataclass(frozen=True)
class FatTree(Design):
    """The k-ary fat tree, one link a node, as far as nodes fill it. k : 0 is the least of all."""

    k: int = 0
    link_Bps: float = 50e9
    latency_s: float = 1e-6

    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""
        k = self.k or least_arity(nodes)
        if k < 2 or k % 2 or nodes > k**3 // 4:
            raise ValueError(
                f"k is {k}, a fat tree of {max(k, 0) ** 3 // 4} nodes; must be even and hold "
                f"{nodes}: set k to {least_arity(nodes)}, or to 0"
            )
        return clos.arrays(
            nodes,
            k,
            3,
            nodes_per_rack=k // 2,
            gpus_per_node=gpus_per_node,
            link_Bps=self.link_Bps,
            latency_s=self.latency_s,
            name="fat_tree",
        )


@final
@dataclass(frozen=True)
class DragonflyPlus(Design):
    """As `dragonfly_plus`: groups of (radix / 2)² nodes, `parallel` links between each two.

    parallel : 0 is as many as the ports of a group hold, the same for all.
    """

    radix: int = 16
    parallel: int = 0
    link_Bps: float = 50e9
    latency_s: float = 1e-6
    routing: str = field(default="ecmp", kw_only=True)

    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""
        sound({}, {"link_Bps": self.link_Bps},
              {"latency_s": self.latency_s, "parallel": self.parallel},
              [] if self.radix > 1 else [f"radix is {self.radix}; must be at least 2, and even"]
        )  # fmt: skip
        ports = (self.radix // 2) ** 2  # of a group, to others
        groups = groups_of(nodes, ports, "group", "radix")
        parallel = self.parallel or max(1, ports // max(1, groups - 1))
        return dragonfly_plus.arrays(
            groups, self.radix, parallel, self.link_Bps, self.latency_s, gpus_per_node
        )


@final
@dataclass(frozen=True)
class Torus(Design):
    """As `torus`, as near to a cube as nodes allow. cube : edge of an optically switched one."""

    dimensions: int = 3
    cube: int = 0
    link_Bps: float = 50e9
    latency_s: float = 5e-7
    routing: str = field(default="ecmp", kw_only=True)

    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""
        sound({"nodes": nodes}, {"link_Bps": self.link_Bps},
              {"latency_s": self.latency_s, "cube": self.cube},
              [] if self.dimensions in (2, 3) else
              [f"dimensions is {self.dimensions}; must be 2 or 3"])  # fmt: skip
        dims = grid(nodes, self.dimensions, max(1, self.cube))
        return torus.arrays(
            dims,
            self.cube,
            link_Bps=self.link_Bps,
            latency_s=self.latency_s,
            gpus_per_node=gpus_per_node,
        )


@final
@dataclass(frozen=True)
class HyperX(Design):
    """As `hyperx`: switches of `nodes_per_switch` nodes on a grid, as even as it can be."""

    nodes_per_switch: int = 8
    dimensions: int = 2
    radix: int = 64
    link_Bps: float = 50e9
    latency_s: float = 1e-6
    routing: str = field(default="ecmp", kw_only=True)

    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""
        sound({"nodes": nodes, "nodes_per_switch": self.nodes_per_switch, "radix": self.radix},
              {"link_Bps": self.link_Bps}, {"latency_s": self.latency_s},
              [] if 0 < self.dimensions <= MOST_DIMENSIONS else
              [f"dimensions is {self.dimensions}; must be 1 to {MOST_DIMENSIONS}"])  # fmt: skip
        size = self.nodes_per_switch
        dims = grid(groups_of(nodes, size, "switch", "nodes_per_switch"), self.dimensions)
        return hyperx.arrays(dims, size, self.radix, self.link_Bps, self.latency_s, gpus_per_node)
