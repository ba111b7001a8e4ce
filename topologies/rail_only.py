"""Rail-only: each rail a fabric of its own; other rails only over NVLink."""

from __future__ import annotations

from topologies.clos import clos
from topologies.fabric import Fabric, family


@family
def rail_only(
    nodes: int,
    rails: int = 8,
    radix: int = 64,
    tiers: int = 0,
    oversubscription: float = 1.0,
    nodes_per_rack: int = 4,
    link_Bps: float = 50e9,
    latency_s: float = 1e-6,
) -> Fabric:
    """Return a rail-only fabric, one GPU and one port a rail and node.

    One tier holds rails radix GPUs on one leaf a rail, two tiers rails radix²/2: per rail leaves
    G / (R/2) and spines G / R. Numbering as in `rail_optimized`. Two nodes meet on every rail, and
    traffic between rails goes over NVLink inside a node first.

    Raises
    ------
    ValueError : as `clos`.

    Source: Wang et al., Rail-only, arXiv 2307.12169.
    Neglects: what the forwarding node pays for passing traffic on.
    """
    return clos.arrays(
        nodes,
        radix,
        tiers,
        oversubscription,
        rails=rails,
        rails_meet=False,
        nodes_per_rack=nodes_per_rack,
        gpus_per_node=rails,
        link_Bps=link_Bps,
        latency_s=latency_s,
        name="rail_only",
    )
