"""Nodes that cost less: empty ones go, others when what runs there has room elsewhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.policies.node_scaler.base import held_back, nothing
from sim.policies.node_scaler.cheapest import saves
from sim.policies.node_scaler.unneeded import used_fits_elsewhere
from sim.state.arrays import B1, F8, I8
from sim.state.scaling import FleetSeen

REPLACES = 95
"""`value` is a node that is to go when the one asked for in its place, at `when_s`, is ready."""


class Thrift(NamedTuple):
    """When an empty node goes, whether others are emptied, and what share of nodes at once."""

    after_s: float
    underutilized: bool
    budget_frac: float


class Saving(NamedTuple):
    """What to ask for, what to give back, and notes of nodes that wait for their replacement."""

    add: I8  # (p,)
    remove: B1  # (n,)
    notes: F8  # (rows, 3)


def replaced(seen: FleetSeen, notes: F8) -> int:
    """Return the row of the node whose replacement is there, so that its work fits; else -1."""
    for node in notes[notes[:, 0] == REPLACES, 2].astype(np.int64).tolist():
        at = np.flatnonzero((seen.nodes.node == node) & seen.nodes.movable)
        none = np.zeros(len(seen.nodes.node), np.bool_)
        if len(at) and used_fits_elsewhere(seen, int(at[0]), none):
            return int(at[0])
    return -1


def consolidated(seen: FleetSeen, shut: B1, taken: B1, notes: F8, rule: Thrift) -> Saving:
    """Return what makes the nodes cost less: one thing after another, nothing while one is due.

    Those that have been empty for long enough and are not `taken` by who waits, (n,); else one
    whose work fits elsewhere; else a cheaper node for what runs on one, which goes when that is
    ready: its work moves, and does not wait for it.

    Source: Karpenter, disruption: empty nodes first, then single ones; replacements are waited for.
    Neglects: that nobody new is placed on a node that is to be replaced; a second node emptied
    while one is on its way out.
    """
    add, remove = nothing(seen)
    mine = notes[notes[:, 0] == REPLACES]
    leaving = seen.leaving is not None and bool(seen.leaving.any())
    if seen.pools.booting.any() or leaving:
        return Saving(add, remove, mine)
    many = int(np.ceil(rule.budget_frac * len(remove)))
    old = replaced(seen, notes)
    if old >= 0 and many > 0:
        remove[old] = True
        return Saving(add, held_back(seen, remove), mine[:0])
    idle = seen.now_s - seen.nodes.idle_since_s >= rule.after_s
    remove = held_back(seen, idle & ~taken)
    remove[np.flatnonzero(remove)[many:]] = False
    if remove.any() or not rule.underutilized or many == 0:
        return Saving(add, remove, mine[:0])
    node, pool = saves(seen, shut)
    if node < 0:
        return Saving(add, remove, mine[:0])
    if pool < 0:
        remove[node] = True
        return Saving(add, remove, mine[:0])
    add[pool] = 1
    row = np.array([[REPLACES, seen.now_s, float(seen.nodes.node[node])]])
    return Saving(add, remove, row)
