"""When the blocked head will fit, and what that leaves to others: EASY's reservation."""

from __future__ import annotations

import numpy as np

from sim.kernel.ahead import first_look, gives_back, lend, release, unlend, useful
from sim.kernel.jit import jit
from sim.kernel.pick import part
from sim.kernel.spans import find
from sim.kernel.switches import steady
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
            free[kind] += gives_back(s, other)
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
    holds = (s.rule.by_nodes or not scattered(s, job)) and steady(s, job)
    s.face.n[HOLDS] = 1 if holds else 0
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
