"""The links of a job's flows where each switch sends a flow up its port with the least load.

As `topologies.routes.adaptive` has them in arrays, draw by draw. Loads are whole B/s: sums of them
are the same in any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.kernel.jit import jit
from sim.kernel.walks import mixed, tiers_over
from sim.state.fabric import FIRST
from sim.state.handle import State
from sim.state.paths import FLOWS, Paths

TWO_BITS = np.uint64(2)


@jit
def shuffle(p: Paths, switch: int, turn: int, ports: int, salt: int) -> None:
    """Draw which of a switch's ports come first in a turn, where they send the same: by a hash."""
    for port in range(ports):
        p.chance[switch * ports + port] = mixed(turn, port, 0, salt)


@jit
def sent_over(s: State, job: int, link: int) -> float:
    """Return what others than a job send over a link in the mean, if nothing slows them.

    What a link cannot carry of what it was built for counts as sent.
    """
    f, v = s.fabric, s.fabric.n[FIRST] + link
    load_Bps, e = np.rint(f.built_Bps[v] - f.capacity_Bps[v]), f.newest[v]
    while e >= 0:
        if f.job[e] != job:
            load_Bps += np.rint(f.use_Bps[e] * f.duty[f.job[e]])
        e = f.older[e]
    return float(load_Bps)


@jit
def look(s: State, p: Paths, job: int, tier: int, switch: int) -> None:
    """Note what each port of a switch sends: of a link's cables, dealt round and round, its part.

    number: as `walks.tiers_over` has it.
    """
    nodes, spines, cores, leaves = p.number[0], p.number[3], p.number[4], p.number[7]
    ports, wide, turn = p.number[4 + tier], spines, switch
    first = nodes * p.lanes + switch * spines
    if tier == 2:
        first = nodes * p.lanes + leaves * spines + switch * cores
        wide, turn = cores, switch // (p.number[8] * spines)
    for port in range(ports):
        at = switch * ports + port
        if port < wide:
            cables = ports // wide + (1 if port < ports % wide else 0)
            link = 2 * (first + (turn * ports + port) % wide)
            p.load_Bps[at] = sent_over(s, job, link) / cables
        else:
            p.load_Bps[at] = p.load_Bps[at - wide]


@jit
def least(p: Paths, switch: int, ports: int) -> int:
    """Return the port of a switch with the least load, of several the one whose chance is least."""
    best = first = switch * ports
    for at in range(first + 1, first + ports):
        less = p.load_Bps[at] < p.load_Bps[best]
        if less or (p.load_Bps[at] == p.load_Bps[best] and p.chance[at] < p.chance[best]):
            best = at
    return int(best - first)


@jit
def deal(s: State, p: Paths, job: int, at: Any, drawn: Any, Bps: Any, tier: int, salt: int) -> Any:
    """Return a port for each flow, (flows,), at its switch `at`, -1 where it goes through none.

    In the order of `drawn` each takes the port with the least load; of several the first in an
    order that is drawn too, anew every `ports` flows; see `topologies.routes.adaptive.fewest`.
    """
    ports = p.number[4 + tier]
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
            if rank == 0:
                look(s, p, job, tier, switch)
            if rank % ports == 0:
                shuffle(p, switch, switch * turns + rank // ports, ports, salt)
            port[f] = least(p, switch, ports)
            p.load_Bps[switch * ports + port[f]] += Bps[f]
    return port


@jit
def climb(s: State, p: Paths, job: int, salt: int) -> Any:
    """Return the cables that a job's flows take at their leaf and spine, (2, pairs flows lanes).

    -1 where they need none. All are told to the switches together, queue pair by queue pair.
    """
    each, units, spines, cores = p.number[1:5]
    leaf_up, parts = p.number[5], p.number[8]
    flows, many = int(p.n[FLOWS]), p.pairs * int(p.n[FLOWS]) * p.lanes
    drawn, Bps, cable = np.empty(many, np.int64), np.empty(many), np.empty((2, many), np.int64)
    leaf, over = np.full(many, -1, np.int64), np.full(many, -1, np.int64)
    duty, nic_Bps = s.fabric.duty[job], p.nic_Bps[0]
    for pair in range(p.pairs):
        for flow in range(flows):
            a, b = p.src[flow] // each, p.dst[flow] // each
            sends_Bps = np.rint(nic_Bps * p.part[flow] * duty / p.lanes / p.pairs)
            for lane in range(p.lanes):
                f = (pair * flows + flow) * p.lanes + lane
                hashed = mixed(p.src[flow], p.dst[flow], lane * p.pairs + pair, salt)
                drawn[f], Bps[f] = np.int64(hashed >> TWO_BITS), sends_Bps
                if a != b:
                    leaf[f] = a * p.lanes + lane
    cable[0] = deal(s, p, job, leaf, drawn >> 1, Bps, 1, salt)
    for f in range(many):
        flow, lane = f // p.lanes % flows, f % p.lanes
        a, b = p.src[flow] // each, p.dst[flow] // each
        if a // units != b // units and cores > 0:
            spine = (leaf[f] * leaf_up + cable[0, f]) % spines
            over[f] = (a // units * parts + p.table[lane]) * spines + spine
    cable[1] = deal(s, p, job, over, drawn >> 2, Bps, 2, salt)
    return cable


@jit
def climbed(p: Paths, cable: Any, flow: int, lane: int, pair: int) -> int:
    """Put the links of one of them into `path`, in order; return how many there are."""
    f = (pair * int(p.n[FLOWS]) + flow) * p.lanes + lane
    return tiers_over(p, p.src[flow], p.dst[flow], lane, cable[0, f], cable[1, f])
