"""Looking ahead: nodes as they will be when running jobs have ended, and back again."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.kernel.job import take
from sim.kernel.levels import give
from sim.kernel.pick import part, shape
from sim.state.columns import DOWN, NOW, PLENTY
from sim.state.handle import State

LENT = -1
"""Marks a node in `s.ahead` whose due GPUs are free for the time of the look ahead."""


@jit
def release(s: State, job: int, sign: int) -> None:
    """Look ahead: the job's nodes as if it had ended (+1); undone by -1. The ledger stays."""
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        take(s, job, int(s.ledger.node[r]), int(s.ledger.gpus[r]), r, -sign)


@jit
def gives_back(s: State, job: int) -> int:
    """Return the GPUs that come free when a running job ends: none of withdrawn nodes."""
    if s.face.n[DOWN] == 0:
        return int(s.jobs.gpus[job])
    gpus = 0
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        if s.nodes.up[int(s.ledger.node[r])]:
            gpus += int(s.ledger.gpus[r])
    return gpus


@jit
def useful(s: State, job: int) -> None:
    """Note from how many free GPUs on a node matters to the job's reservation, a kind each.

    By counts every node matters: 0.
    """
    for kind in range(s.kinds.size.size):
        least = 0
        if s.rule.by_nodes and not s.taste.scatter and not s.devices.shared:
            least, _, rest = shape(s, job, kind)
            if rest > 0:
                least = rest
        s.kinds.useful[kind] = least


@jit
def back(s: State, node: int, until_s: float, sign: int) -> None:
    """Look ahead: free (+1) what jobs that are to end by `until_s` hold of a node; undone by -1."""
    jobs, gpus, mcpu, size = s.jobs, 0, 0, 0
    row = s.nodes.row[node]
    while row >= 0:
        job, here = int(s.ledger.job[row]), int(s.ledger.gpus[row])
        if jobs.expect_s[job] <= until_s:
            gpus += here
            mcpu += part(jobs.mcpu[job], here, jobs.gpus[job], jobs.chunks[job])
            size += part(jobs.mem_bytes[job], here, jobs.gpus[job], jobs.chunks[job])
        row = s.ledger.older[row]
    give(s, node, sign * gpus, sign * mcpu, sign * size)


@jit
def lend(s: State, until_s: float, all_nodes: bool) -> None:
    """Free what comes back by `until_s` on the nodes in `s.ahead` that will have enough to matter.

    No other can be picked; with `all_nodes` on the others too.
    """
    free, kind, due, least = s.nodes.free, s.nodes.kind, s.ahead.gpus, s.kinds.useful
    for i in range(s.ahead.n[0]):
        node = s.ahead.node[i]
        if due[node] > 0 and (all_nodes or free[node] + due[node] - 1 >= least[kind[node]]):
            back(s, node, until_s, 1)
            due[node] = LENT


@jit
def unlend(s: State, until_s: float) -> None:
    """Take back what was lent, and forget what is due."""
    for i in range(s.ahead.n[0]):
        node = s.ahead.node[i]
        if s.ahead.gpus[node] == LENT:
            back(s, node, until_s, -1)
        s.ahead.gpus[node] = 0
    s.ahead.n[0] = 0


@jit
def first_look(s: State, job: int) -> tuple[float, int, int]:
    """Return the first instant at which nodes enough have the GPUs that `job` wants on each.

    With it, where in `running` the jobs that end later begin: place in line and in block; a place
    of -1 if the counts never suffice. It can be too early, as CPU, memory and the rest of a gang of
    whole nodes are not asked about, never too late. What is due by then lies in `s.ahead`: the
    nodes in `node`, and by node one more than the GPUs in `gpus`.
    """
    running, jobs, now_s = s.running, s.jobs, s.face.t[NOW]
    line, sizes, held, end_s = running.line, running.size, running.job, running.key
    row0, rows = jobs.row0, jobs.rows
    at_node, at_gpus, kind_of, free, up = (
        s.ledger.node, s.ledger.gpus, s.nodes.kind, s.nodes.free, s.nodes.up
    )  # fmt: skip
    touched, due = s.ahead.node, s.ahead.gpus
    kinds = s.kinds.size.size
    least, lack = np.zeros(kinds, np.int64), np.zeros(kinds, np.int64)
    enough = s.taste.scatter
    for kind in range(kinds):
        least[kind], lack[kind], _ = shape(s, job, kind)
        if s.kinds.speed[jobs.klass[job], kind] <= 0.0 or least[kind] > s.kinds.size[kind]:
            lack[kind] = PLENTY
            continue
        for f in range(least[kind], s.kinds.size[kind] + 1):
            lack[kind] -= s.kinds.many[kind, f]
        enough = enough or lack[kind] <= 0
    n, shadow_s = 0, -np.inf
    for place in range(running.n[0]):
        block = line[place]
        for i in range(sizes[block]):
            other = held[block, i]
            at_s = max(end_s[block, i], now_s)
            if enough and at_s > shadow_s and n > 0:
                s.ahead.n[0] = n
                return shadow_s, place, i
            shadow_s = at_s
            for r in range(row0[other], row0[other] + rows[other]):
                node, gpus = at_node[r], at_gpus[r]
                if due[node] == 0:
                    touched[n] = node
                    due[node] = 1
                    n += 1
                kind, was = kind_of[node], free[node] + due[node] - 1
                due[node] += gpus
                if up[node] and was < least[kind] and was + gpus >= least[kind]:
                    lack[kind] -= 1
                    enough = enough or lack[kind] <= 0
    s.ahead.n[0] = n
    return shadow_s, running.n[0] if enough and n > 0 else -1, 0
