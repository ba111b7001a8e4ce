"""A fabric in tiers as spraying sees it: parallel cables become one link."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from topologies.fabric import Fabric, Ints
from topologies.routes.updown import Tiers


def bundled(fabric: Fabric) -> Fabric:
    """Return the fabric with each group's spines as one, and each part's cores as one.

    What is left is 2 links a lane and node, 2 a leaf and 2 a group of spines, capacities and cables
    summed; `routed(bundled(f), …)` gives at most 6 links a flow with weight 1 (a lane each with
    ways=0). Where cables are dealt evenly, sharing the bundles fairly is sharing the sprayed
    fabric fairly, at a hundredth of the entries.

    Raises ValueError for a fabric that is not in tiers.

    Neglects: cables dealt unevenly; a cable that failed alone (give the bundle the rest).
    """
    plan = fabric.router
    if type(plan) is not Tiers or not plan.spines:
        raise ValueError(f"{fabric.name} has no spines in tiers; only tiers of switches bundle")
    node = plan.nodes * plan.lanes
    leaf = node + plan.leaves * plan.spines
    groups, lanes = plan.groups * plan.parts, plan.lanes
    top = plan.nodes + plan.leaves
    leaves = np.arange(plan.leaves)
    one: Ints = np.concatenate([fabric.a[:node], plan.nodes + leaves])
    two: Ints = np.concatenate([fabric.b[:node], top + plan.group(leaves // lanes, leaves % lanes)])
    sizes = [(node, 1), (plan.leaves, plan.spines)]
    if plan.cores:
        one = np.concatenate([one, top + np.arange(groups)])
        two = np.concatenate([two, top + groups + np.arange(groups) % plan.parts])
        sizes.append((groups, plan.spines * plan.cores))
    first = np.cumsum([0] + [rows * each for rows, each in sizes])
    starts = np.concatenate(
        [at + each * np.arange(rows) for at, (rows, each) in zip(first, sizes, strict=False)]
    )
    spine = top + plan.spines * np.arange(groups)
    core = top + plan.all_spines + plan.spines * plan.cores * np.arange(plan.parts)
    kept = np.concatenate([np.arange(top), spine, core if plan.cores else core[:0]])
    end, ups = leaf + plan.all_spines * plan.cores, plan.spines * plan.spine_up
    return replace(
        fabric,
        kind=fabric.kind[kept],
        places={k: v[kept] for k, v in fabric.places.items() if k != "ports"},
        a=one,
        b=two,
        capacity_Bps=np.add.reduceat(fabric.capacity_Bps[:end], starts),
        back_Bps=np.add.reduceat(fabric.back_Bps[:end], starts),
        latency_s=fabric.latency_s[starts],
        cables=np.add.reduceat(fabric.cables[:end], starts),
        cable=fabric.cable[starts],
        optic=fabric.optic[starts],
        router=replace(plan, spines=1, cores=min(1, plan.cores), spine_up=ups),
        labels=(),
    )
