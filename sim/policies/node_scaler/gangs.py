"""Whole gangs that fit on nothing, and the new nodes for them."""

from __future__ import annotations

import numpy as np

from sim.policies.node_scaler.base import nothing
from sim.policies.node_scaler.packing import Free, free_of, new_nodes, pieces_of, place, take
from sim.state.arrays import B1, F8, I8
from sim.state.scaling import FleetSeen


def copied(free: Free) -> Free:
    """Return the same, to be taken from."""
    return Free(free.pool, free.gpus.copy(), free.cpus.copy())


def with_new(seen: FleetSeen, free: Free, pool: int, count: int) -> Free:
    """Return the nodes with new ones of a pool behind them."""
    new = np.full(count, pool, np.int64)
    pools = seen.pools
    return Free(
        np.concatenate([free.pool, new]),
        np.concatenate([free.gpus, pools.gpus[new]]),
        np.concatenate([free.cpus, pools.cpus[new]]),
    )


def taken_from(seen: FleetSeen, free: Free) -> B1:
    """Return which nodes that are up have been taken from, (n,): pieces have a place there."""
    up = len(seen.nodes.pool)
    made: B1 = free.gpus[:up] < seen.nodes.free_gpus
    return made | (free.cpus[:up] < seen.nodes.free_cpus)


def for_gangs(seen: FleetSeen, may: B1, most: I8, price: F8) -> tuple[I8, B1]:
    """Return the nodes to ask for, (p,), so that each gang has all its nodes, in queue order.

    And which nodes that are up have something these gangs are to take, (n,).

    `may` (w,) are the gangs for which nodes are asked; what the others could take at once they
    do. Each gets the pool where its new nodes cost the least by `price` (p,), beside what is free;
    none where no pool has enough, `most` (p,) at most. What is left on new nodes is for the next.
    """
    add, _ = nothing(seen)
    pieces, free = pieces_of(seen), free_of(seen)
    for job in range(len(may)):
        own = take(pieces, pieces.job == job)
        then = copied(free)
        done = place(own, then)
        if done.all():
            free = then
            continue
        if not may[job]:
            continue
        rest, costs = take(own, ~done), []
        for pool in np.flatnonzero(most > add).tolist():
            count, taken = new_nodes(seen, rest, pool, int(most[pool] - add[pool]))
            if taken.all():
                costs.append((count * float(price[pool]), pool, count))
        if costs:
            _, pool, count = min(costs)
            add[pool] += count
            free = with_new(seen, then, pool, count)
            place(rest, free)
    return add, taken_from(seen, free)
