"""Pools that had nothing to give are left alone for a while, longer each time."""

from __future__ import annotations

import numpy as np

from sim.state.arrays import B1, F8
from sim.state.scaling import FleetSeen

LENGTH, UNTIL = 81, 82
"""Of a pool: the length of its last back-off, and its end; `value` is the pool, `when_s` these."""


def backed_off(
    seen: FleetSeen, notes: F8, first_s: float, most_s: float, forget_s: float
) -> tuple[B1, F8]:
    """Return which pools are left alone, (p,), and the notes of it, (rows, 3).

    A failure starts a back-off of `first_s`, twice the last one if that ended less than `forget_s`
    ago, `most_s` at most.

    Source: Cluster Autoscaler's exponential back-off: 5 min, 30 min, forgotten after 3 h.
    Neglects: chance in its length.
    """
    pools = len(seen.pools.gpus)
    length, until = np.zeros(pools), np.full(pools, -np.inf)
    for what, when_s, pool in notes:
        if what == LENGTH:
            length[int(pool)] = when_s
        elif what == UNTIL:
            until[int(pool)] = when_s
    length[seen.now_s > until + forget_s] = 0.0
    hit = seen.failed > 0
    length[hit] = np.minimum(np.where(length > 0.0, 2.0 * length, first_s), most_s)[hit]
    until[hit] = seen.now_s + length[hit]
    rows = [(LENGTH, length[p], p) for p in range(pools) if length[p] > 0.0]
    rows += [(UNTIL, until[p], p) for p in range(pools) if length[p] > 0.0]
    return until > seen.now_s, np.array(rows, np.float64).reshape(-1, 3)
