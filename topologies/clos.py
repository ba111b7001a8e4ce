"""Folded Clos of one to three tiers from switches of one radix, with oversubscription."""

from __future__ import annotations

from topologies.fabric import Fabric, family
from topologies.routes.updown import Tiers
from topologies.sound import sound
from topologies.wiring import even, split, tiered


@family
def clos(
    nodes: int,
    radix: int = 64,
    tiers: int = 0,
    leaf_oversubscription: float = 1.0,
    spine_oversubscription: float = 1.0,
    rails: int = 1,
    planes: int = 1,
    rails_meet: bool = True,
    cables_per_lane: int = 1,
    nodes_per_leaf: int = 0,
    nodes_per_rack: int = 4,
    gpus_per_node: int = 8,
    link_Bps: float = 50e9,
    latency_s: float = 1e-6,
    name: str = "clos",
) -> Fabric:
    """Return a folded Clos; rails, planes and rail-only fabrics are kinds of it.

    A node has rails planes lanes, each to a leaf of its own: lane l of node i hangs on leaf
    i // d lanes + l, where d nodes share a leaf (`nodes_per_leaf`, else as many as fit). A leaf
    has d cables_per_lane ports down and U = d cables_per_lane / leaf_oversubscription up.

    One tier: one leaf a lane. Two: S spines, the least that have the ports and on which U falls
    evenly. Three: pods of as many leaves as a spine has ports down; U spines a pod and part; spine
    s of each pod reaches the cores of section s, ceil(pods up / radix) of them, its cables dealt
    round and round. `tiers=0` takes the least that hold all. Planes never meet above the node, nor
    do rails unless `rails_meet`. Non-blocking from R ports: leaves G / (R/2), spines G / R in two
    tiers, G / (R/2) and cores G / R in three, where G counts cables to nodes.

    Raises
    ------
    ValueError : a count below 1, more nodes than ports, a pod that does not divide, a ratio that
        no whole number of ports has.

    Source: Clos 1953; Leiserson 1985; counts as in NVIDIA's DGX SuperPOD tables.
    Neglects: switches of different radix in one fabric, ports kept free for management.
    """
    sound(
        one={"nodes": nodes, "radix": radix, "rails": rails, "planes": planes,
             "cables_per_lane": cables_per_lane, "nodes_per_rack": nodes_per_rack,
             "gpus_per_node": gpus_per_node},
        above={"leaf_oversubscription": leaf_oversubscription,
               "spine_oversubscription": spine_oversubscription, "link_Bps": link_Bps},
        least={"latency_s": latency_s, "nodes_per_leaf": nodes_per_leaf},
        more=[] if tiers in range(4) else [
            f"tiers is {tiers}; must be 1, 2 or 3, or 0: the least that hold all"],
    )  # fmt: skip
    lanes = rails * planes
    parts = (1 if rails_meet else rails) * planes
    one_tier = tiers == 1 or (tiers == 0 and parts == lanes and nodes * cables_per_lane <= radix)
    down, up = (
        (radix, 0) if one_tier else split(radix, leaf_oversubscription, "leaf_oversubscription")
    )
    per_leaf = nodes_per_leaf or down // cables_per_lane
    if per_leaf * cables_per_lane > down or per_leaf < 1:
        raise ValueError(
            f"nodes_per_leaf is {per_leaf} of {cables_per_lane} cables; must fit in {down} of a "
            f"leaf's {radix} ports: lower nodes_per_leaf or raise radix"
        )
    units = -(-nodes // per_leaf)
    ups = per_leaf * cables_per_lane / leaf_oversubscription
    if not one_tier and ups != int(ups):
        raise ValueError(
            f"{per_leaf * cables_per_lane} ports down at oversubscription {leaf_oversubscription} "
            f"give {ups:g} up; must be whole: change nodes_per_leaf or the ratio"
        )
    up = int(ups) if not one_tier else 0
    in_part = lanes // parts  # leaves of a part in a unit
    if one_tier:
        if units > 1:
            raise ValueError(
                f"{nodes} nodes need {units} leaves a lane, but tiers is 1; must be at most "
                f"{per_leaf} nodes: raise tiers to 2"
            )
        plan = Tiers(nodes, per_leaf, lanes, planes, parts)
    elif tiers != 3 and units * in_part <= radix:
        spines = even(-(-units * in_part * up // radix), up)
        plan = Tiers(nodes, per_leaf, lanes, planes, parts, units, spines, leaf_up=up)
    elif tiers == 2:
        raise ValueError(
            f"{units * in_part} leaves share spines of {radix} ports, but tiers is 2; must be at "
            f"most {radix // in_part * per_leaf} nodes: raise tiers to 3 or radix"
        )
    else:
        below, above = split(radix, spine_oversubscription, "spine_oversubscription")
        if below % in_part:
            raise ValueError(
                f"a spine's {below} ports down do not divide into units of {in_part} leaves; must "
                f"be a multiple of {in_part}: change rails or radix"
            )
        together = below // in_part
        groups = -(-units // together)
        if groups > radix:
            raise ValueError(
                f"{nodes} nodes need {groups} pods, but a core has {radix} ports; must be at "
                f"most {radix * together * per_leaf} nodes: raise radix"
            )
        cores = -(-groups * above // radix)
        plan = Tiers(
            nodes, per_leaf, lanes, planes, parts, together, up, cores, leaf_up=up, spine_up=above
        )
    return tiered(
        name,
        plan,
        node_cables=cables_per_lane,
        radix=radix,
        node_Bps=link_Bps,
        link_Bps=link_Bps,
        latency_s=latency_s,
        gpus_per_node=gpus_per_node,
        nodes_per_rack=nodes_per_rack,
    )
