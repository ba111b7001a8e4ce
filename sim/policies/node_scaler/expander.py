"""Which pool of nodes grows for those that fit nowhere."""

from __future__ import annotations

import numpy as np

from sim.policies.node_scaler.base import nothing, room
from sim.policies.node_scaler.packing import free_of, new_nodes, pieces_of, place, take
from sim.state.arrays import B1, I8
from sim.state.scaling import FleetSeen


def expand(seen: FleetSeen, expander: str, closed: B1) -> I8:
    """Return the nodes to ask for, (p,): of one pool, those of `closed` left out.

    least_waste: the least share of new CPUs left idle; least_waste_gpus the same of GPUs;
    most_pieces: takes the most; price: the least price for a piece taken. Ties: the first pool.

    Source: Cluster Autoscaler's expanders; least-waste there counts CPU and memory, no GPU.
    Neglects: memory; chance among equals.
    """
    add, _ = nothing(seen)
    pieces = pieces_of(seen)
    left = take(pieces, ~place(pieces, free_of(seen)))
    best, score, pools = -1, np.inf, seen.pools
    for pool in range(len(add)):
        most = 0 if closed[pool] else int(room(seen)[pool])
        count, taken = new_nodes(seen, left, pool, most) if most else (0, np.zeros(0, np.bool_))
        if count == 0:
            continue
        asked_cpus, asked_gpus = float(left.cpus[taken].sum()), float(left.gpus[taken].sum())
        worth = {
            "least_waste": 1.0 - asked_cpus / max(count * float(pools.cpus[pool]), 1e-9),
            "least_waste_gpus": 1.0 - asked_gpus / max(count * float(pools.gpus[pool]), 1e-9),
            "most_pieces": -float(taken.sum()),
            "price": count * float(pools.node_h_usd[pool]) / float(taken.sum()),
        }[expander]
        if worth < score - 1e-12:
            best, score = pool, worth
            add[:] = 0
            add[best] = count
    return add
