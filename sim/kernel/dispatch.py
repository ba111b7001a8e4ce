"""One scheduling pass: jobs start in order; behind a blocked one, as the rule allows."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.kernel.job import start
from sim.kernel.order import close_block
from sim.kernel.reserve import charge, forget, promise
from sim.kernel.spans import find
from sim.kernel.switches import steady
from sim.state.columns import (
    CHANGE,
    DIRTY,
    HOLDS,
    LAST,
    LOOKED,
    NOW,
    PLENTY,
    SHADOW,
    ZERO_WAITING,
)
from sim.state.handle import State


@jit
def most_free(s: State) -> int:
    """Return the most GPUs free on nodes of one kind: no wider gang can start now.

    No limit where jobs may share GPUs.
    """
    if s.devices.shared:
        return PLENTY
    most = 0
    for kind in range(s.kinds.free.size):
        most = max(most, s.kinds.free[kind])
    return int(most)


@jit
def top_level(s: State) -> int:
    """Return the most GPUs free on any one node; no limit where jobs may share GPUs."""
    if s.devices.shared:
        return PLENTY
    top = 0
    for kind in range(s.kinds.size.size):
        f = s.kinds.size[kind]
        while f > top and s.kinds.many[kind, f] == 0:
            f -= 1
        top = max(top, f)
    return int(top)


@jit
def idle(s: State) -> bool:
    """Return whether no GPU is free, and none of the waiting jobs could do without."""
    return bool(s.face.n[ZERO_WAITING] == 0 and most_free(s) == 0)


@jit
def asked_all(s: State, now_s: float) -> bool:
    """Return whether a pass would ask whom the last one asked, in vain, under the same conditions.

    Nothing has come free since, whoever has joined stands behind the last one asked, and the
    reservation still holds. With a long queue most arrivals are of this kind.
    """
    if s.face.n[LAST] < 0 or s.face.n[LOOKED] != s.face.n[CHANGE]:
        return False
    return s.rule.reserves == 0 or (s.face.n[HOLDS] == 1 and s.face.t[SHADOW] > now_s)


@jit
def pass_front(s: State) -> int:
    """Start jobs in order up to the first that does not fit; return that job, -1 if none."""
    queue = s.queue
    while queue.n[0] > 0:
        block = queue.line[0]
        n, i = queue.size[block], 0
        blocked = -1
        while i < n:
            job = queue.job[block, i]
            kind = find(s, job, False)
            if kind < 0:
                blocked = job
                break
            start(s, job, kind, s.face.t[NOW])
            i += 1
        for k in range(i, n):
            queue.job[block, k - i] = queue.job[block, k]
            queue.key[block, k - i] = queue.key[block, k]
        queue.size[block] = n - i
        queue.n[2] -= i
        if n == i:
            close_block(queue, 0)
        if blocked >= 0:
            return int(blocked)
    return -1


@jit
def pass_behind(s: State) -> None:
    """Start up to `depth` jobs behind the blocked head that do not touch its reservation.

    A job refused before is not asked again until something has come free or the reservation is
    another: time and other starts only take from it. Nor is one asked that `find` would refuse at
    its first look, a piece as large as one refused already. The columns are taken by name once: a
    long queue is looked at hundreds of thousands of times.
    """
    queue, jobs, seen, place, last, started = s.queue, s.jobs, 0, 0, -1, False
    line, sizes, waiting, key = queue.line, queue.size, queue.job, queue.key
    gpus, chunks, klass, walltime_s, tried = (
        jobs.gpus, jobs.chunk_gpus, jobs.klass, jobs.walltime_s, jobs.tried
    )  # fmt: skip
    refused, speed, size = s.kinds.refused, s.kinds.speed, s.kinds.size[0]
    alone = s.kinds.size.size == 1 and not s.taste.scatter
    now_s, shadow_s, depth = s.face.t[NOW], s.face.t[SHADOW], s.rule.depth
    over, room, top, change = False, most_free(s), top_level(s), s.face.n[CHANGE]
    zero, least = s.face.n[ZERO_WAITING] > 0, refused[0]
    while place < queue.n[0] and not over:
        block = line[place]
        n, keep, i = sizes[block], 0, 0
        if place == 0:
            keep, i = 1, 1  # the head itself
        while i < n:
            if seen == depth or (room == 0 and not zero):
                over = True
                break
            seen += 1
            job = last = waiting[block, i]
            i += 1
            need = gpus[job]
            ask = need <= room
            if ask and alone:
                chunk = chunks[job]
                if chunk < 0:
                    chunk = min(need, size)
                ask = chunk <= top
                if ask and chunk >= least:
                    rate = speed[klass[job], 0]
                    lasts_s = walltime_s[job] if rate == 1.0 else walltime_s[job] / rate
                    ask = now_s + lasts_s <= shadow_s
            if ask and tried[job] != change:
                kind = find(s, job, True)
                if kind >= 0:
                    start(s, job, kind, now_s)
                    charge(s, job, kind)
                    started = True
                    room, top, zero = most_free(s), top_level(s), s.face.n[ZERO_WAITING] > 0
                    continue
                if steady(s, job):
                    tried[job] = change
                least = refused[0]
            if keep < i - 1:
                waiting[block, keep] = job
                key[block, keep] = key[block, i - 1]
            keep += 1
        if keep < i:
            for k in range(i, n):
                waiting[block, k - i + keep] = waiting[block, k]
                key[block, k - i + keep] = key[block, k]
            sizes[block] = n - i + keep
            queue.n[2] -= i - keep
        if sizes[block] == 0:
            close_block(queue, place)
        else:
            place += 1
    if seen == depth and not started:
        s.face.n[LAST], s.face.n[LOOKED] = last, change


@jit
def backfill(s: State, head: int) -> None:
    """Let jobs pass the blocked head; with a reservation, as it allows."""
    if s.rule.reserves == 1:
        promise(s, head)
    else:
        forget(s)
    pass_behind(s)


@jit
def dispatch(s: State, now_s: float) -> None:
    """Run one scheduling pass at this instant.

    No reservation: whatever fits may pass the blocked job. One: EASY. More: see `apart`.
    """
    s.face.n[DIRTY] = 0
    s.face.t[NOW] = now_s
    if s.queue.n[2] == 0 or idle(s) or asked_all(s, now_s):
        return
    s.face.n[LAST] = -1
    head = pass_front(s)
    rule = s.rule
    if head < 0 or rule.interval_s > 0.0 or idle(s):
        return
    if rule.depth == 0:
        s.face.n[LAST], s.face.n[LOOKED] = head, s.face.n[CHANGE]
    if rule.depth == 0 or s.queue.n[2] == 1:
        return
    backfill(s, head)
