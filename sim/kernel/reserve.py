"""When the blocked head will fit, and what that leaves to others: EASY's reservation."""

from __future__ import annotations

import numpy as np

from sim.kernel.best import find
from sim.kernel.jit import jit
from sim.kernel.job import take
from sim.kernel.levels import give
from sim.kernel.pick import part, shape
from sim.state.columns import (
    CHANGE,
    HEAD,
    HOLDS,
    NOW,
    PLENTY,
    SHADOW,
    SHADOW_KIND,
    SPARE,
)
from sim.state.handle import State

LENT = -1
"""Marks a node in `s.ahead` whose due GPUs are free for the time of the look ahead."""


@jit
def release(s: State, job: int, sign: int) -> None:
    """Look ahead: the job's nodes as if it had ended (+1); undone by -1. The ledger stays."""
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        take(s, job, int(s.ledger.node[r]), int(s.ledger.gpus[r]), r, -sign)


@jit
def forget(s: State) -> None:
    """Drop the reservation, and the limits it put on nodes."""
    s.face.t[SHADOW] = np.inf
    s.face.n[SHADOW_KIND] = -1
    s.face.n[SPARE] = PLENTY
    s.face.n[HOLDS] = 0
    for k in range(s.kept.n[0]):
        for i in range(3):
            s.nodes.most[s.kept.node[k], i] = PLENTY
    s.kept.n[0] = 0


@jit
def reserve_counts(s: State, job: int) -> None:
    """Reserve by counts: the first expected end after which a kind has GPUs enough for `job`.

    All ends of that instant count, and of kinds that suffice together the fastest is taken, the
    first of equals; what is free beyond the job's need is spare for jobs that outlast it. A kind
    that has GPUs enough now, but scattered, waits for its next end.

    Source: Lifka 1995 (EASY); Mu'alem and Feitelson, IEEE TPDS 12 (2001).
    Neglects: on which nodes the GPUs are, and CPU and memory.
    """
    jobs, kinds, now_s = s.jobs, s.kinds, s.face.t[NOW]
    klass, need = jobs.klass[job], jobs.gpus[job]
    free = kinds.free.copy()
    best, shadow_s = -1, np.inf
    for place in range(s.running.n[0]):
        block = s.running.line[place]
        for i in range(s.running.size[block]):
            other = s.running.job[block, i]
            at_s = max(jobs.expect_s[other], now_s)
            if best >= 0 and at_s > shadow_s:
                s.face.t[SHADOW], s.face.n[SHADOW_KIND] = shadow_s, best
                s.face.n[SPARE] = free[best] - need
                return
            kind = jobs.kind[other]
            free[kind] += jobs.gpus[other]
            speed = kinds.speed[klass, kind]
            if free[kind] >= need and speed > 0.0:
                gain = speed - kinds.speed[klass, best] if best >= 0 else speed
                if gain > 0.0 or (gain == 0.0 and kind < best):
                    best, shadow_s = kind, at_s
    if best >= 0:
        s.face.t[SHADOW], s.face.n[SHADOW_KIND] = shadow_s, best
        s.face.n[SPARE] = free[best] - need


@jit
def keep(s: State, job: int) -> None:
    """Keep the nodes found for `job`: set what they will have left for jobs that outlast it."""
    nodes, jobs = s.nodes, s.jobs
    s.kept.n[0] = s.pick.n[0]
    for i in range(s.pick.n[0]):
        node, gpus = s.pick.node[i], s.pick.gpus[i]
        s.kept.node[i], s.kept.gpus[i] = node, gpus
        mcpu = part(jobs.mcpu[job], gpus, jobs.gpus[job], jobs.chunks[job])
        size = part(jobs.mem_bytes[job], gpus, jobs.gpus[job], jobs.chunks[job])
        nodes.most[node, 0] = nodes.free[node] - gpus
        nodes.most[node, 1] = nodes.mcpu_free[node] - mcpu
        nodes.most[node, 2] = nodes.mem_free[node] - size


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


@jit
def reserve_nodes(s: State, job: int) -> None:
    """Reserve the nodes that placement would choose at the first instant when `job` fits.

    The running jobs are ended one instant of expected ends after another, until the job fits; then
    all is put back. Up to the instant that `first_look` finds this needs no search for nodes; where
    devices are told apart it does not look, as it counts.

    Source: what batsched's easy_bf and Slurm do; Neglects: that running jobs may end earlier.
    """
    running = s.running
    now_s = s.face.t[NOW]
    begun_s, place, i = (now_s, 0, 0) if s.devices.on else first_look(s, job)
    kind, shadow_s, n = -1, begun_s, 0
    gone = np.empty(0, np.int64)
    if place >= 0:
        lend(s, begun_s, False)
        kind = find(s, job, False)
    if kind < 0 <= place < running.n[0]:
        lend(s, begun_s, True)
        gone = np.empty(running.n[2], np.int64)
        while kind < 0 and place < running.n[0]:
            block = running.line[place]
            while i < running.size[block]:
                other = running.job[block, i]
                if n > 0 and s.jobs.expect_s[other] > shadow_s:
                    kind = find(s, job, False)
                    if kind >= 0:
                        break
                shadow_s = max(s.jobs.expect_s[other], now_s)
                release(s, other, 1)
                gone[n] = other
                n += 1
                i += 1
            place, i = place + 1, 0
        if kind < 0:
            kind = find(s, job, False)
    if kind >= 0:
        keep(s, job)
        s.face.t[SHADOW], s.face.n[SHADOW_KIND], s.face.n[SPARE] = shadow_s, kind, PLENTY
    for k in range(n - 1, -1, -1):
        release(s, gone[k], -1)
    unlend(s, begun_s)


@jit
def scattered(s: State, job: int) -> bool:
    """Return whether some kind has GPUs enough for the blocked job, but on too many nodes.

    By counts it then waits for the very next end, which any start can bring nearer.
    """
    for kind in range(s.kinds.size.size):
        if s.kinds.speed[s.jobs.klass[job], kind] > 0.0 and s.kinds.free[kind] >= s.jobs.gpus[job]:
            return True
    return False


@jit
def promise(s: State, job: int) -> None:
    """See to it that the blocked head has the reservation it would get if it were made now.

    One that still holds stays: most events cannot change it (see `doubt`).
    """
    if s.face.n[HEAD] == job and s.face.n[HOLDS] == 1 and s.face.t[SHADOW] > s.face.t[NOW]:
        return
    forget(s)
    useful(s, job)
    if s.rule.by_nodes:
        reserve_nodes(s, job)
    else:
        reserve_counts(s, job)
    s.face.n[HEAD] = job
    s.face.n[HOLDS] = 1 if s.rule.by_nodes or not scattered(s, job) else 0
    s.face.n[CHANGE] += 1
    s.kinds.refused[:] = PLENTY


@jit
def charge(s: State, job: int, kind: int) -> None:
    """A job has just started behind the reservation: if it outlasts it, it used of the rest."""
    if s.jobs.expect_s[job] <= s.face.t[SHADOW] or kind != s.face.n[SHADOW_KIND]:
        return
    if s.kept.n[0] == 0:
        s.face.n[SPARE] -= s.jobs.gpus[job]
        return
    jobs, most = s.jobs, s.nodes.most
    for i in range(s.pick.n[0]):
        node, gpus = s.pick.node[i], s.pick.gpus[i]
        if most[node, 0] < PLENTY:
            most[node, 0] -= gpus
            most[node, 1] -= part(jobs.mcpu[job], gpus, jobs.gpus[job], jobs.chunks[job])
            most[node, 2] -= part(jobs.mem_bytes[job], gpus, jobs.gpus[job], jobs.chunks[job])
