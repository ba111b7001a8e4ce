"""How compiled code finds the links of flows: numbers of a fabric, and room to add flows up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.state.arrays import F8, I8, U8
from sim.state.handle import Handed

WALKS = {"tiers": 0, "dragonfly": 1, "hyperx": 2, "torus": 3}
TIERS, DRAGONFLY, HYPERX, TORUS = WALKS.values()
TICK, FOUND, FLOWS = 0, 1, 2
PAIRS = 4096
"""Of more pairs of nodes than this an all-to-all's flows are some, evenly chosen, each heavier."""


class Paths(Handed):
    """What `kernel.paths` reads and reckons in; see `paths_of`."""

    walk: int  # which of WALKS
    lanes: int  # a flow is spread evenly over them
    pairs: int  # queue pairs a lane
    even: bool  # each switch sends a flow up its port with the least load
    valiant: bool  # a flow goes over a place drawn at random
    together: int  # nodes of a domain whose flows do not leave it
    number: I8  # of the walk, in its own order
    table: I8  # of the walk
    first: I8  # (edges + 1,) the first cable of each; empty where a link is a cable
    key: I8  # where two vertices are looked up: their key
    at: I8  # and the link between them
    shift: I8  # (1,) bits that a key's hash loses
    path: I8  # (longest,) the links of one flow
    line: I8  # (links,) those that the job uses
    met: I8  # (links,) the last job that used it
    use: F8  # (links,) how much, in GPUs' NICs
    row: I8  # (links,) links of all queue pairs of a flow
    times: I8  # (links,) by how many of them
    src: I8  # (flows,) of the job that is looked at: from which node
    dst: I8  # (flows,) to which
    part: F8  # (flows,) how much, in GPUs' NICs
    dealt: I8  # (switches,) to how many flows each has dealt a port
    load_Bps: F8  # (switches ports,) what each port sends, with the flows dealt to it
    chance: U8  # (switches ports,) hashes: which of several comes first
    nic_Bps: F8  # (1,) of the job's GPUs, the least
    n: I8  # [ticks, links found, flows]


def paths_of(plan: Mapping[str, Any], links: int) -> Paths:
    """Return the numbers of a plan (`AbstractWays.plan`) over so many links, and room.

    There are no more nodes than links, so no more flows of a ring.
    """
    flows, switches, ports = max(PAIRS, links), 0, 0
    if plan["even"]:  # in the order of `kernel.walks.tiers_over`
        _, _, units, spines, _, leaf_up, spine_up, leaves, parts = plan["number"].tolist()
        over = -(-leaves // (units * int(plan["lanes"]))) * parts * spines
        switches, ports = max(leaves, over), max(leaf_up, spine_up)
    zero: dict[str, Any] = {
        name: np.zeros(links, np.int64) for name in ("line", "met", "row", "times")
    }
    numbers = {name: int(plan[name]) for name in ("lanes", "pairs", "together")}
    arrays = {
        name: np.ascontiguousarray(plan[name], np.int64)
        for name in ("number", "table", "first", "key", "at", "shift")
    }
    return Paths(
        walk=WALKS[plan["walk"]], even=bool(plan["even"]), valiant=bool(plan["valiant"]),
        **numbers, **arrays, **zero,
        use=np.zeros(links), path=np.zeros(int(plan["longest"]), np.int64), nic_Bps=np.zeros(1),
        src=np.zeros(flows, np.int64), dst=np.zeros(flows, np.int64), part=np.zeros(flows),
        dealt=np.zeros(switches, np.int64), load_Bps=np.zeros(switches * ports),
        chance=np.zeros(switches * ports, np.uint64), n=np.zeros(3, np.int64),
    )  # fmt: skip
