"""Rail-optimised Clos: GPU r of every node hangs on the leaf of rail r."""

from __future__ import annotations

from topologies.clos import clos
from topologies.fabric import Fabric, family


@family
def rail_optimized(
    nodes: int,
    rails: int = 8,
    radix: int = 64,
    tiers: int = 0,
    oversubscription: float = 1.0,
    nodes_per_leaf: int = 0,
    nodes_per_rack: int = 4,
    link_Bps: float = 50e9,
    latency_s: float = 1e-6,
) -> Fabric:
    """Return a rail-optimised fabric, one GPU and one port a rail and node.

    Scalable units of nodes_per_leaf nodes (radix / 2 by default) have one leaf a rail: rail r of
    node i hangs on leaf i // nodes_per_leaf rails + r. Spines and cores as in `clos`. Within a
    unit and a rail 2 hops, between units 4, between pods 6; between rails over NVLink within the
    node, then on the other's rail.

    DGX SuperPOD: H100 and B200 (and B300 to 256 nodes) are the defaults; B300 XDR radix=144;
    GB200 rails=4, nodes_per_rack=18, a node being a compute tray of 4 GPUs.

    Raises
    ------
    ValueError : as `clos`.

    Source: NVIDIA DGX SuperPOD reference architectures H100, B200, B300, B300 XDR, GB200; the
        counts of leaves, spines, cores and cables of all but GB200 are reproduced.
    Neglects: the node slot that UFM takes; B300 beyond 256 nodes, whose two tiers are no plain
        Clos of 64 ports; GB200's switch table was not found, its counts are the formula's.
    """
    return clos.arrays(
        nodes,
        radix,
        tiers or (2 if nodes <= (nodes_per_leaf or radix // 2) else 0),
        oversubscription,
        rails=rails,
        nodes_per_leaf=nodes_per_leaf,
        nodes_per_rack=nodes_per_rack,
        gpus_per_node=rails,
        link_Bps=link_Bps,
        latency_s=latency_s,
        name="rail_optimized",
    )
