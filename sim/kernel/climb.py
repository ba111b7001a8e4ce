"""Find nodes for a gang in the lowest domain that holds it: a leaf, else a pod, else all.

Which domains may be asked, which of them is liked, and how a gang lies in it are numbers in
`s.topology.climb`.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.carried import crossing
from sim.kernel.jit import jit
from sim.kernel.pick import note
from sim.state.handle import State
from sim.state.topology import EVEN, LAST_TIGHT, START, TOP


@jit
def domain_over(s: State, height: int, leaf: int) -> int:
    """Return the domain at a height over a leaf; the leaf itself at height 0."""
    return int(leaf if height == 0 else s.topology.above[height - 1, leaf])


@jit
def summed(s: State, leaves: np.ndarray) -> np.ndarray:
    """Return (1 + heights, leaves) what the leaves of each domain have in all."""
    heights = s.topology.above.shape[0]
    out = np.zeros((1 + heights, leaves.size), np.int64)
    for leaf in range(leaves.size):
        for h in range(1 + heights):
            out[h, domain_over(s, h, leaf)] += leaves[leaf]
    return out


@jit
def load_of(s: State, height: int, domain: int) -> float:
    """Return what crosses the uplinks of the leaves of a domain now, B/s; 0 without a fabric."""
    total, t = 0.0, s.topology
    if t.link.size == 0:
        return total
    for leaf in range(t.first.size - 1):
        if domain_over(s, height, leaf) == domain:
            for i in range(t.first[leaf], t.first[leaf + 1]):
                total += crossing(s, t.link[i])
    return total


@jit
def tightest(s: State, room: np.ndarray, free: np.ndarray, height: int, need: int) -> int:
    """Return the domain that suffices with least load, then room, then free GPUs; -1 if none.

    The first of equals.
    """
    best, least = -1, 0.0
    for d in range(room.size):
        if room[d] < need:
            continue
        load = load_of(s, height, d)
        if best < 0 or (load, room[d], free[d]) < (least, room[best], free[best]):
            best, least = d, load
    return best


@jit
def next_domain(s: State, room: np.ndarray, free: np.ndarray, height: int, need: int) -> int:
    """Return the domain to go on with: the largest, or, for the last, the tightest; -1 if none."""
    if s.topology.climb[EVEN] == 1 or s.topology.climb[LAST_TIGHT] == 1:
        best = tightest(s, room, free, height, need)
        if best >= 0:
            return best
    best, least, sign = -1, 0.0, 1 if s.topology.climb[EVEN] == 1 else -1
    for d in range(room.size):
        if room[d] == 0:
            continue
        load = load_of(s, height, d)
        if best < 0 or (load, sign * room[d], free[d]) < (least, sign * room[best], free[best]):
            best, least = d, load
    return best


@jit
def dealt(
    s: State, room: np.ndarray, free: np.ndarray, height: int, domain: int, need: int
) -> np.ndarray:
    """Return (leaves,) how much of `need` each leaf takes of a domain at a height.

    Level by level downwards, over all that lies below the domains taken so far.
    """
    leaves = room.shape[1]
    taken = np.zeros(leaves, np.int64)
    taken[domain] = need
    while height > 0:
        above, h = height, 0 if s.topology.climb[EVEN] == 1 else height - 1
        height = h
        below = np.zeros(leaves, np.int64)
        for leaf in range(leaves):
            if taken[domain_over(s, above, leaf)] > 0:
                below[domain_over(s, h, leaf)] = room[h, domain_over(s, h, leaf)]
        taken[:] = 0
        left = need
        while left > 0:
            best = next_domain(s, below, free[h], h, left)
            taken[best] = min(below[best], left)
            left -= taken[best]
            below[best] = 0
    return taken


@jit
def climbed(s: State, job: int, nodes: np.ndarray, need: int, gpus: int) -> bool:
    """Find `need` of the open nodes in the lowest domain that holds them, slices whole in a leaf.

    In a leaf, nodes with the fewest free GPUs first, then by number.

    Source: Kueue, tas_flavor_snapshot.go (BestFit, LeastFreeCapacity); KAI-Scheduler, topology;
    Volcano, network-topology-aware.
    Neglects: several parts of a gang on one node.
    """
    leaf, part = s.topology.leaf, max(s.topology.segment[job], 1)
    if need % part > 0:
        return False
    size = np.zeros(s.topology.above.shape[1], np.int64)
    spare = size.copy()
    for node in nodes:
        size[leaf[node]] += 1
        spare[leaf[node]] += s.nodes.free[node]
    room, free, parts = summed(s, size // part), summed(s, spare), need // part
    for h in range(s.topology.climb[START], s.topology.climb[TOP] + 1):
        best = tightest(s, room[h], free[h], h, parts)
        if best >= 0:
            taken = part * dealt(s, room, free, h, best, parts)
            for level in range(s.kinds.size.max() + 1):
                for node in nodes:
                    if s.nodes.free[node] == level and taken[leaf[node]] > 0:
                        note(s, node, gpus)
                        taken[leaf[node]] -= 1
            return True
    return False
