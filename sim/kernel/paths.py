"""The links of jobs that cross a fabric by paths of their own, found without asking Python.

Compiled where `engine.paths` calls it, which does the same in arrays for all other fabrics.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.kernel.evenly import climb, climbed
from sim.kernel.jit import entry, jit
from sim.kernel.links import ask, lift, use
from sim.kernel.walks import walked
from sim.state.fabric import FIRST, SEARCH, SEEKS, SPARE
from sim.state.handle import State
from sim.state.paths import FLOWS, FOUND, PAIRS, TICK, Paths


@jit
def nodes_of(s: State, job: int) -> int:
    """Put a running job's nodes into `found`, lower ones first, and its GPUs on each into `held`.

    Return how many there are.
    """
    f, k = s.fabric, 0
    f.n[SEARCH] += 1
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        v = int(s.ledger.node[r])
        if f.seen[v] != f.n[SEARCH]:
            f.seen[v], f.held[v], f.found[k] = f.n[SEARCH], 0, v
            k += 1
        f.held[v] += int(s.ledger.gpus[r])
    f.found[:k].sort()
    return k


@jit
def add(p: Paths, link: int, use: float) -> None:
    """Add to what the job that is looked at sends over a link."""
    if p.met[link] != p.n[TICK]:
        p.met[link], p.use[link] = p.n[TICK], 0.0
        p.line[p.n[FOUND]] = link
        p.n[FOUND] += 1
    p.use[link] += use


@jit
def send(p: Paths, src: int, dst: int, part: float) -> None:
    """Note a flow between two nodes: GPUs' NICs that it fills."""
    flow = p.n[FLOWS]
    p.src[flow], p.dst[flow], p.part[flow] = src, dst, part
    p.n[FLOWS] += 1


@jit
def walk(p: Paths, cable: Any, flow: int, lane: int, pair: int, salt: int) -> int:
    """Put the links that a queue pair of a flow takes into `path`; return how many there are."""
    if p.even:
        return climbed(p, cable, flow, lane, pair)
    return walked(p, p.src[flow], p.dst[flow], lane, salt * 4096 + pair)


@jit
def spread(p: Paths, cable: Any, flow: int, salt: int) -> None:
    """Lay a flow over its links, evenly spread over lanes and over each's queue pairs."""
    part = p.part[flow]
    for lane in range(p.lanes):
        if p.pairs == 1:
            for i in range(walk(p, cable, flow, lane, 0, salt)):
                add(p, p.path[i], part * (1.0 / p.lanes))
            continue
        n = 0
        for pair in range(p.pairs):
            for i in range(walk(p, cable, flow, lane, pair, salt)):
                link = p.path[i]
                if p.times[link] == 0:
                    p.row[n] = link
                    n += 1
                p.times[link] += 1
        for i in range(n):
            link = p.row[i]
            add(p, link, part * (p.times[link] / p.pairs / p.lanes))
            p.times[link] = 0


@jit
def ring(s: State, p: Paths, n: int, least: int) -> None:
    """Send from each of n nodes to the next what the GPUs of the node with the fewest send."""
    f = s.fabric
    for i in range(n):
        send(p, f.found[i], f.found[(i + 1) % n], float(least))


@jit
def step_of(k: int, many: int, n: int) -> int:
    """Return the k-th of as many steps from 1 to n - 1, evenly chosen and rounded: linspace's."""
    if many == n - 1:
        return k + 1
    if k > 0 and k == many - 1:
        return n - 1
    return int(np.rint(k * ((n - 2) / max(many - 1, 1)) + 1.0))


@jit
def all_to_all(s: State, p: Paths, n: int, least: int) -> None:
    """Send from each GPU to each other, as `engine.paths.all_to_all`; of many nodes to some."""
    f, total = s.fabric, 0
    for i in range(n):
        total += f.held[f.found[i]]
    many = n - 1 if n * (n - 1) <= PAIRS else max(1, PAIRS // n)
    for i in range(n):
        mine, scale = f.held[f.found[i]], 1.0
        if many < n - 1:  # each node still sends all that it has for others
            sent, last = 0.0, 0
            for k in range(many):
                step = step_of(k, many, n)
                if step != last:
                    sent += mine * f.held[f.found[(i + step) % n]] / (total - least)
                last = step
            scale = mine * (total - mine) / (total - least) / sent
        last = 0
        for k in range(many):
            step = step_of(k, many, n)
            if step != last:
                dst = f.found[(i + step) % n]
                send(p, f.found[i], dst, mine * f.held[dst] / (total - least) * scale)
            last = step


@jit
def crossed(s: State, p: Paths, job: int, salt: int) -> int:
    """Put the links that a running job crosses into `line`, in order; return how many."""
    f, n = s.fabric, nodes_of(s, job)
    least, p.nic_Bps[0] = f.held[f.found[0]], f.gpu_Bps[f.found[0]]
    for v in f.found[:n]:
        least, p.nic_Bps[0] = min(least, f.held[v]), min(p.nic_Bps[0], f.gpu_Bps[v])
    p.n[TICK] += 1
    p.n[FOUND], p.n[FLOWS] = 0, 0
    if f.all_to_all[job]:
        all_to_all(s, p, n, least)
    else:
        ring(s, p, n, least)
    cable = climb(s, p, job, salt + job) if p.even else np.empty((2, 0), np.int64)
    for flow in range(p.n[FLOWS]):
        spread(p, cable, flow, salt + job)
    p.line[: p.n[FOUND]].sort()
    return int(p.n[FOUND])


@entry
def route(s: State, p: Paths, salt: int) -> int:
    """Tell the links of those who have started; return for how many entries there is no room.

    0 once all are told: else it is to be called again, with room.
    """
    f, told, lack = s.fabric, 0, 0
    while told < f.n[SEEKS]:
        job = f.seeks[told]
        k = crossed(s, p, job, salt) if f.spans[job] else 0  # else it has left its nodes again
        if k > f.n[SPARE]:
            lack = k
            break
        f.seeking[job] = False
        told += 1
        if f.spans[job]:
            lift(s, job)
            for i in range(k):
                use(s, job, f.n[FIRST] + p.line[i], p.nic_Bps[0] * p.use[p.line[i]])
            ask(s, job)
    f.n[SEEKS] -= told
    for i in range(f.n[SEEKS]):
        f.seeks[i] = f.seeks[told + i]
    return lack
