"""HyperX: switches on a grid, all to all along each dimension."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from topologies.fabric import Fabric, family
from topologies.routes.direct import HyperX
from topologies.sound import few_edges, sound
from topologies.wiring import Block, fabric


@family
def hyperx(
    dims: Sequence[int],
    nodes_per_switch: int,
    radix: int = 64,
    link_Bps: float = 50e9,
    latency_s: float = 1e-6,
    gpus_per_node: int = 8,
) -> Fabric:
    """Return HyperX of Π S switches and T nodes on each, T = nodes_per_switch.

    Node i hangs on "router{i // T}", its rack; router number = row-major in dims. Π S Σ (S - 1) / 2
    edges between routers; a router has T + Σ (S - 1) ports; diameter L + 2 hops between nodes; a
    cut of an even dimension in halves has (S/2)² Π S / S links.

    Raises
    ------
    ValueError : no dimension, a size below 1, more ports than radix.

    Source: Ahn et al., HyperX, SC 2009.
    Neglects: different numbers of parallel links by dimension.
    """
    dims = tuple(dims)
    sizes = {f"dims[{i}]": k for i, k in enumerate(dims)}
    ports, switches = nodes_per_switch + sum(k - 1 for k in dims), prod(dims)
    nodes, found = switches * nodes_per_switch, []
    if ports > radix:
        found = [
            f"radix is {radix}, but a router needs {ports} ports; must be at least as many: lower "
            "nodes_per_switch or raise radix"
        ]
    sound({"dimensions": len(dims), "nodes_per_switch": nodes_per_switch, **sizes,
           "nodes": max(1, nodes), "gpus_per_node": gpus_per_node},
          {"link_Bps": link_Bps}, {"latency_s": latency_s}, found)  # fmt: skip
    few_edges("hyperx", nodes + switches * (ports - nodes_per_switch) // 2, "lower the nodes")
    node, router = np.arange(nodes), np.arange(switches)
    at = np.array(np.unravel_index(router, dims))
    ends = []
    for d, k in enumerate(dims):
        for step in range(1, k):
            low = np.flatnonzero(at[d] + step < k)
            ends.append(np.stack([low, low + step * int(np.prod(dims[d + 1 :]))], axis=1))
    wires = np.concatenate(ends) if ends else np.empty((0, 2), np.int64)
    wires = nodes + wires[np.lexsort((wires[:, 1], wires[:, 0]))]
    one = np.ones(max(nodes, len(wires)), np.int64)
    blocks: list[Block] = [
        (node, nodes + node // nodes_per_switch, one[:nodes], link_Bps, latency_s, "fibre"),
        (wires[:, 0], wires[:, 1], one[: len(wires)], link_Bps, latency_s, "fibre"),
    ]
    rack = np.concatenate([node // nodes_per_switch, router])
    return fabric(
        "hyperx",
        [("node", nodes), ("router", switches)],
        {
            "tier": np.repeat([0, 1], [nodes, switches]),
            "rack": rack,
            "feed": rack % 2,
            "gpus": np.repeat([gpus_per_node, -1], [nodes, switches]),
            "ports": np.repeat([-1, radix], [nodes, switches]),
        },
        blocks,
        HyperX(dims=dims, nodes_per_switch=nodes_per_switch),
    )
