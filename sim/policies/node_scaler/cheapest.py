"""New nodes for those that wait, at the least price."""

from __future__ import annotations

import numpy as np

from sim.policies.node_scaler.base import held_back
from sim.policies.node_scaler.packing import Pieces, largest_first
from sim.policies.node_scaler.unneeded import used_fits_elsewhere
from sim.state.arrays import B1, I8
from sim.state.scaling import FleetSeen


def cheapest(seen: FleetSeen, pieces: Pieces, most: I8) -> I8:
    """Return the nodes to ask for, (p,), `most` of each at most.

    Largest first, each piece joins the first new node that some pool could still hold it on; in the
    end each new node is the cheapest that holds what it was given.

    Source: Karpenter's scheduler: a claim narrows its instance types as pods join it.
    Neglects: that a claim may keep several types for the provider to choose from.
    """
    pools, left = seen.pools, most.astype(np.int64).copy()
    add = np.zeros(len(left), np.int64)
    claims: list[tuple[int, float, B1]] = []  # GPUs, CPUs, pools that hold it
    open_pools = left > 0
    for i in largest_first(pieces):
        need = int(pieces.gpus[i]), float(pieces.cpus[i])
        for at, (gpus, cpus, fits) in enumerate([*claims, (0, 0.0, open_pools)]):
            total = gpus + need[0], cpus + need[1]
            still = fits & pieces.allowed[i] & (pools.gpus >= total[0]) & (pools.cpus >= total[1])
            if still.any():
                claims[at : at + 1] = [(*total, still)]
                break
    for _, _, fits in claims:
        can = np.flatnonzero(fits & (left > 0))
        if len(can):
            pool = can[np.argmin(pools.node_h_usd[can])]
            add[pool], left[pool] = add[pool] + 1, left[pool] - 1
    return add


def saves(seen: FleetSeen, shut: B1) -> tuple[int, int]:
    """Return a node that may go and the cheaper pool that takes its place, -1 where there is none.

    The emptiest first; (-1, -1) if nothing saves money. What runs on a node moves as one piece.

    Source: Karpenter, single-node consolidation: delete, else replace by one that costs less.
    Neglects: in which pools what runs there may run.
    """
    nodes, pools = seen.nodes, seen.pools
    may = held_back(seen, nodes.movable & ~np.isfinite(nodes.idle_since_s))
    gpus = pools.gpus[nodes.pool] - nodes.free_gpus
    cpus = pools.cpus[nodes.pool] - nodes.free_cpus
    none = np.zeros(len(may), np.bool_)
    candidates = [int(i) for i in np.argsort(gpus, kind="stable") if may[i]]
    for node in candidates:
        if used_fits_elsewhere(seen, node, none):
            return node, -1
    free = ~shut & (pools.most > pools.ready + pools.booting)
    for node in candidates:
        price = pools.node_h_usd
        less = free & (price < price[nodes.pool[node]] - 1e-12)
        can = np.flatnonzero(less & (pools.gpus >= gpus[node]) & (pools.cpus >= cpus[node]))
        if len(can):
            return node, int(can[np.argmin(price[can])])
    return -1, -1
