"""Nodes that have had too little to do for long enough."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.policies.node_scaler.base import held_back
from sim.state.arrays import B1, F8
from sim.state.scaling import FleetSeen

UNNEEDED, ADDED, REMOVED, FAILED = 91, 92, 93, 94


class Idle(NamedTuple):
    """When a node counts as unneeded, and how many go at once."""

    used_frac: float
    after_s: float
    most_empty: int


class Unneeded(NamedTuple):
    """Nodes that may go now, and since when each unneeded one is so."""

    remove: B1  # (n,)
    since: list[tuple[int, float]]  # (node, when_s)


def used_share(seen: FleetSeen) -> F8:
    """Return the share in use of each node's GPUs, of its CPUs where it has no GPU, (n,)."""
    nodes, pools = seen.nodes, seen.pools
    gpus, cpus = pools.gpus[nodes.pool], pools.cpus[nodes.pool]
    by_gpus = 1.0 - nodes.free_gpus / np.maximum(gpus, 1)
    return np.where(gpus > 0, by_gpus, 1.0 - nodes.free_cpus / np.maximum(cpus, 1e-9))


def used_fits_elsewhere(seen: FleetSeen, node: int, gone: B1) -> bool:
    """Return whether all that runs on a node, as one piece, fits on another that stays."""
    nodes, pools = seen.nodes, seen.pools
    gpus = pools.gpus[nodes.pool[node]] - nodes.free_gpus[node]
    cpus = pools.cpus[nodes.pool[node]] - nodes.free_cpus[node]
    other = ~gone & (np.arange(len(gone)) != node)
    return bool(((nodes.free_gpus >= gpus) & (nodes.free_cpus >= cpus) & other).any())


def unneeded(seen: FleetSeen, notes: F8, rule: Idle) -> Unneeded:
    """Return the nodes that may go: empty ones up to `most_empty`, else one that can be emptied.

    Source: Cluster Autoscaler: utilisation of a GPU node is that of its GPUs alone.
    Neglects: that what runs on a node may be spread over several others.
    """
    nodes, now_s = seen.nodes, seen.now_s
    known = {int(node): at_s for what, at_s, node in notes if what == UNNEEDED}
    none = np.zeros(len(nodes.pool), np.bool_)
    empty = np.isfinite(nodes.idle_since_s)
    low = empty | ((used_share(seen) < rule.used_frac) & nodes.movable)
    since, ripe = [], none.copy()
    for i in np.flatnonzero(low):
        if not (empty[i] or used_fits_elsewhere(seen, int(i), none)):
            continue
        at_s = known.get(int(nodes.node[i]), now_s)
        since.append((int(nodes.node[i]), at_s))
        ripe[i] = now_s >= at_s + rule.after_s
    bare = held_back(seen, ripe & empty)
    bare[np.flatnonzero(bare)[rule.most_empty :]] = False
    if bare.any():
        return Unneeded(bare, since)
    full = held_back(seen, ripe & ~empty)
    full[np.flatnonzero(full)[1:]] = False
    return Unneeded(full, since)
