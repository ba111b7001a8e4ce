"""When the blocked head will fit, and what that leaves to others: EASY's reservation."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.kernel.job import take
from sim.kernel.pick import part, pick
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


@jit
def release(s: State, job: int, sign: int) -> None:
    """Look ahead: the job's nodes as if it had ended (+1); undone by -1. The ledger stays."""
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        take(s, job, int(s.ledger.node[r]), int(s.ledger.gpus[r]), -sign)


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

    All ends of that instant count; what is free beyond the job's need is spare for jobs that
    outlast it. A kind that has GPUs enough now, but scattered, waits for its next end.

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
                if best < 0 or speed > kinds.speed[klass, best]:
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
def reserve_nodes(s: State, job: int) -> None:
    """Reserve the nodes that placement would choose at the first instant when `job` fits.

    The running jobs are ended one instant of expected ends after another, until the job fits; then
    all is put back.

    Source: what batsched's easy_bf and Slurm do; Neglects: that running jobs may end earlier.
    """
    jobs, now_s = s.jobs, s.face.t[NOW]
    gone = np.empty(s.running.n[2], np.int64)
    n, kind, shadow_s = 0, -1, np.inf
    for place in range(s.running.n[0]):
        block = s.running.line[place]
        for i in range(s.running.size[block]):
            other = s.running.job[block, i]
            at_s = max(jobs.expect_s[other], now_s)
            if n > 0 and at_s > shadow_s:
                kind = pick(s, job, False)
                if kind >= 0:
                    break
            shadow_s = at_s
            release(s, other, 1)
            gone[n] = other
            n += 1
        if kind >= 0:
            break
    if kind < 0 and n > 0:
        kind = pick(s, job, False)
    if kind >= 0:
        keep(s, job)
        s.face.t[SHADOW], s.face.n[SHADOW_KIND], s.face.n[SPARE] = shadow_s, kind, PLENTY
    for i in range(n - 1, -1, -1):
        release(s, gone[i], -1)


@jit
def useful(s: State, job: int) -> None:
    """Note from how many free GPUs on a node matters to the job's reservation, a kind each.

    By counts every node matters: 0.
    """
    gpus = s.jobs.gpus[job]
    for kind in range(s.kinds.size.size):
        least = 0
        if s.rule.by_nodes and not s.taste.scatter:
            chunk = s.jobs.chunk_gpus[job]
            least = chunk if chunk >= 0 else min(gpus, s.kinds.size[kind])
            if least > 0 and gpus % least > 0:
                least = gpus % least
        s.kinds.useful[kind] = least


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
    if s.rule.by_nodes:
        reserve_nodes(s, job)
    else:
        reserve_counts(s, job)
    useful(s, job)
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
