"""The k-ary fat tree: three tiers of one kind of switch, non-blocking."""

from __future__ import annotations

from topologies.fabric import Fabric, family
from topologies.routes.updown import Tiers
from topologies.sound import sound
from topologies.wiring import tiered


@family
def fat_tree(
    k: int, link_Bps: float = 50e9, latency_s: float = 1e-6, gpus_per_node: int = 8
) -> Fabric:
    """Return the fat tree of k pods, from switches of k ports.

    k³/4 nodes, k²/2 leaves, k²/2 spines, k²/4 cores; k³/2 cables between switches and k³/4 to
    nodes. Node i hangs on leaf i // (k/2), its rack; pod p has leaves and spines p k/2 … and
    spine s of every pod reaches cores s k/2 … Two nodes are 2, 4 or 6 hops apart; an even cut
    between pods has k³/8 links each way.

    Raises
    ------
    ValueError : k is odd or below 2, a capacity not above 0.

    Source: Al-Fares, Loukissas, Vahdat, SIGCOMM 2008.
    Neglects: several nodes a port, spare ports.
    """
    odd = [f"k is {k}; must be even: half of a switch's ports go up, half down"] if k % 2 else []
    sound({"k": k, "gpus_per_node": gpus_per_node}, {"link_Bps": link_Bps},
          {"latency_s": latency_s}, odd)  # fmt: skip
    half = k // 2
    tiers = Tiers(
        k**3 // 4,
        half,
        units=half,
        spines=half,
        cores=half,
        leaf_up=half,
        spine_up=half,
    )
    return tiered(
        "fat_tree",
        tiers,
        node_cables=1,
        radix=k,
        node_Bps=link_Bps,
        link_Bps=link_Bps,
        latency_s=latency_s,
        gpus_per_node=gpus_per_node,
        nodes_per_rack=half,
    )
