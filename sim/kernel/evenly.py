"""The links of a job's flows where each switch deals its ports out evenly on the way up.

As `topologies.routes.adaptive` has them in arrays, draw by draw.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.kernel.jit import jit
from sim.kernel.walks import mixed, tiers_over
from sim.state.paths import FLOWS, Paths

TWO_BITS = np.uint64(2)


@jit
def shuffle(p: Paths, switch: int, turn: int, ports: int, salt: int) -> None:
    """Put a switch's ports into the order in which it deals them out in a turn: by a hash."""
    for i in range(ports):
        chance, k = mixed(turn, i, 0, salt), i
        while k > 0 and p.chance[k - 1] > chance:
            p.chance[k], p.order[switch * ports + k] = (
                p.chance[k - 1],
                p.order[switch * ports + k - 1],
            )
            k -= 1
        p.chance[k], p.order[switch * ports + k] = chance, i


@jit
def deal(p: Paths, at: Any, drawn: Any, ports: int, salt: int) -> Any:
    """Return a port for each flow, (flows,), at its switch `at`, -1 where it goes through none.

    In the order of `drawn`, every `ports` flows of a switch get its ports in an order that is drawn
    too; see `topologies.routes.adaptive.balanced`.
    """
    port, order, most = np.full(at.size, -1, np.int64), np.argsort(drawn), 0
    for f in at:
        if f >= 0:
            p.dealt[f] = 0
    for f in order:
        if at[f] >= 0:
            port[f] = p.dealt[at[f]]
            p.dealt[at[f]] += 1
            most = max(most, port[f])
    turns = most // ports + 1
    for f in order:
        if at[f] >= 0:
            switch, rank = at[f], port[f]
            if rank % ports == 0:
                shuffle(p, switch, switch * turns + rank // ports, ports, salt)
            port[f] = p.order[switch * ports + rank % ports]
    return port


@jit
def climb(p: Paths, salt: int) -> Any:
    """Return the cables that a job's flows take at their leaf and spine, (2, pairs flows lanes).

    -1 where they need none. All are told to the switches together, queue pair by queue pair.
    """
    each, units, spines, cores = p.number[1:5]
    leaf_up, spine_up, parts = p.number[5], p.number[6], p.number[8]
    flows, many = int(p.n[FLOWS]), p.pairs * int(p.n[FLOWS]) * p.lanes
    drawn, cable = np.empty(many, np.int64), np.empty((2, many), np.int64)
    leaf, over = np.full(many, -1, np.int64), np.full(many, -1, np.int64)
    for pair in range(p.pairs):
        for flow in range(flows):
            a, b = p.src[flow] // each, p.dst[flow] // each
            for lane in range(p.lanes):
                f = (pair * flows + flow) * p.lanes + lane
                hashed = mixed(p.src[flow], p.dst[flow], lane * p.pairs + pair, salt)
                drawn[f] = np.int64(hashed >> TWO_BITS)
                if a != b:
                    leaf[f] = a * p.lanes + lane
    cable[0] = deal(p, leaf, drawn >> 1, leaf_up, salt)
    for f in range(many):
        flow, lane = f // p.lanes % flows, f % p.lanes
        a, b = p.src[flow] // each, p.dst[flow] // each
        if a // units != b // units and cores > 0:
            spine = (leaf[f] * leaf_up + cable[0, f]) % spines
            over[f] = (a // units * parts + p.table[lane]) * spines + spine
    cable[1] = deal(p, over, drawn >> 2, spine_up, salt)
    return cable


@jit
def climbed(p: Paths, cable: Any, flow: int, lane: int, pair: int) -> int:
    """Put the links of one of them into `path`, in order; return how many there are."""
    f = (pair * int(p.n[FLOWS]) + flow) * p.lanes + lane
    return tiers_over(p, p.src[flow], p.dst[flow], lane, cable[0, f], cable[1, f])
