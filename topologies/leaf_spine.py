"""Two tiers: every leaf is wired to every spine."""

from __future__ import annotations

import networkx as nx


def leaf_spine(
    nodes: int,
    nodes_per_leaf: int,
    spines: int,
    node_Bps: float = 50e9,
    oversubscription: float = 1.0,
    latency_s: float = 1e-6,
) -> nx.Graph:
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
    for name, value in (("nodes", nodes), ("nodes_per_leaf", nodes_per_leaf), ("spines", spines)):
        if value < 1:
            raise ValueError(f"{name} is {value}; must be at least 1")
    if not (node_Bps > 0.0 and oversubscription > 0.0 and latency_s >= 0.0):
        raise ValueError(
            f"node_Bps is {node_Bps}, oversubscription {oversubscription}, latency_s {latency_s}; "
            "the first two must be above 0, the last at least 0"
        )
    graph = nx.Graph(name="leaf_spine")
    leaves = -(-nodes // nodes_per_leaf)
    uplink_Bps = nodes_per_leaf * node_Bps / (spines * oversubscription)
    for node in range(nodes):
        graph.add_node(node, kind="node", tier=0, rack=node // nodes_per_leaf)
    for leaf in range(leaves):
        graph.add_node(f"leaf{leaf}", kind="leaf", tier=1, rack=leaf)
    for spine in range(spines):
        graph.add_node(f"spine{spine}", kind="spine", tier=2)
    for node in range(nodes):
        uplink = f"leaf{node // nodes_per_leaf}"
        graph.add_edge(node, uplink, capacity_Bps=node_Bps, latency_s=latency_s)
    for number in range(leaves):
        for spine in range(spines):
            graph.add_edge(
                f"leaf{number}", f"spine{spine}", capacity_Bps=uplink_Bps, latency_s=latency_s
            )
    return graph
