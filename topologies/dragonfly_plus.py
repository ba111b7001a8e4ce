"""Dragonfly+ (Megafly): groups of leaves and spines, global links between spines."""

from __future__ import annotations

import numpy as np

from topologies.fabric import Fabric, family
from topologies.routes.direct import DragonflyPlus
from topologies.sound import few_edges, sound
from topologies.wiring import Block, fabric


@family
def dragonfly_plus(
    groups: int,
    radix: int = 64,
    parallel: int = 1,
    link_Bps: float = 50e9,
    latency_s: float = 1e-6,
    gpus_per_node: int = 8,
) -> Fabric:
    """Return g groups of R/2 leaves × R/2 spines, R = radix, with R/2 nodes on a leaf.

    g R²/4 nodes, g R switches; g R²/4 local cables and parallel g (g - 1) / 2 global ones,
    `parallel` between each two groups; node i hangs on leaf i // (R/2), its rack; its group is its
    pod. Link j of group x to group y leaves at spine ((y - x - 1 mod g) parallel + j) // (R/2). Two
    nodes of different groups are 5 hops apart; halves are joined by ⌊g/2⌋ ⌈g/2⌉ parallel links.

    Raises
    ------
    ValueError : radix odd, or more global links than a group has ports.

    Source: Shpiner et al., Dragonfly+, HiPINEB 2017; Flajslik et al., Megafly, 2018.
    Neglects: adaptive choice between minimal and detour.
    """
    half, wanted, found = radix // 2, (groups - 1) * parallel, []
    if radix > 0 and (radix % 2 or wanted > half**2):
        found = [
            f"radix is {radix}; must be even with (groups - 1) parallel = "
            f"{wanted} at most radix² / 4 = {radix**2 // 4}: lower groups"
        ]
    nodes, leaves = groups * half**2, groups * half
    sound({"groups": groups, "radix": radix, "parallel": parallel, "nodes": max(1, nodes),
           "gpus_per_node": gpus_per_node},
          {"link_Bps": link_Bps}, {"latency_s": latency_s}, found)  # fmt: skip
    few_edges("dragonfly_plus", 2 * nodes + groups**2 * parallel, "lower the nodes or parallel")
    node, leaf = np.arange(nodes), np.arange(leaves)
    spine0 = nodes + leaves
    x, y = np.triu_indices(groups, 1)
    x, y = np.repeat(x, parallel), np.repeat(y, parallel)
    j = np.tile(np.arange(parallel), len(x) // parallel)
    out = x * half + ((y - x - 1) % groups * parallel + j) // half
    back = y * half + ((x - y - 1) % groups * parallel + j) // half
    keys, cables = np.unique(out * leaves + back, return_counts=True)
    one = np.ones(nodes, np.int64)
    local = leaf // half * half
    blocks: list[Block] = [
        (node, nodes + node // half, one, link_Bps, latency_s, "fibre"),
        (
            np.repeat(nodes + leaf, half),
            (spine0 + local[:, None] + np.arange(half)).ravel(),
            one,
            link_Bps,
            latency_s,
            "fibre",
        ),
        (spine0 + keys // leaves, spine0 + keys % leaves, cables, link_Bps, latency_s, "fibre"),
    ]
    return fabric(
        "dragonfly_plus",
        [("node", nodes), ("leaf", leaves), ("spine", leaves)],
        {
            "tier": np.repeat([0, 1, 2], [nodes, leaves, leaves]),
            "rack": np.concatenate([node // half, leaf, np.full(leaves, -1)]),
            "pod": np.concatenate([node // half**2, leaf // half, leaf // half]),
            "feed": np.concatenate([node // half % 2, leaf % 2, leaf % 2]),
            "gpus": np.repeat([gpus_per_node, -1, -1], [nodes, leaves, leaves]),
            "ports": np.repeat([-1, radix, radix], [nodes, leaves, leaves]),
        },
        blocks,
        DragonflyPlus(groups=groups, half=half, parallel=parallel),
    )
