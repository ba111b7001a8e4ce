"""Two tiers: every leaf is wired to every spine."""

from __future__ import annotations

from topologies.fabric import Fabric, family
from topologies.routes.updown import Tiers
from topologies.sound import sound
from topologies.wiring import tiered


@family
def leaf_spine(
    nodes: int,
    nodes_per_leaf: int,
    spines: int,
    node_Bps: float = 50e9,
    oversubscription: float = 1.0,
    latency_s: float = 1e-6,
    gpus_per_node: int = 8,
) -> Fabric:
    """Return a leaf–spine fabric of `nodes` nodes.

    There are L = ceil(nodes / nodes_per_leaf) leaves; node i hangs on leaf i // nodes_per_leaf,
    which is also its rack. The nodes are numbered 0 … nodes-1, the switches "leaf0" … and
    "spine0" …. The graph has nodes + L + spines vertices and nodes + L spines edges; any two nodes
    of different leaves are 4 hops apart, of one leaf 2.

    An uplink carries nodes_per_leaf node_Bps / (spines oversubscription), so that a full leaf can
    send `1 / oversubscription` of what its nodes can.

    Parameters
    ----------
    node_Bps : bytes a second of a node's link, each way; 50e9 is one 400 Gbit/s port.
    latency_s : of every link, one way.

    Raises
    ------
    ValueError : a count below 1, a capacity or oversubscription not above 0.

    Source: Alizadeh et al., CONGA, SIGCOMM 2014 (leaf–spine as used there).
    Neglects: rails, several links between one leaf and one spine (their sum is one edge here).
    """
    sound(
        one={"nodes": nodes, "nodes_per_leaf": nodes_per_leaf, "spines": spines,
             "gpus_per_node": gpus_per_node},
        above={"node_Bps": node_Bps, "oversubscription": oversubscription},
        least={"latency_s": latency_s},
    )  # fmt: skip
    tiers = Tiers(
        nodes,
        nodes_per_leaf,
        units=-(-nodes // nodes_per_leaf),
        spines=spines,
        leaf_up=spines,
    )
    return tiered(
        "leaf_spine",
        tiers,
        node_cables=1,
        radix=max(nodes_per_leaf + spines, tiers.leaves),
        node_Bps=node_Bps,
        link_Bps=nodes_per_leaf * node_Bps / (spines * oversubscription),
        latency_s=latency_s,
        gpus_per_node=gpus_per_node,
        nodes_per_rack=nodes_per_leaf,
    )
