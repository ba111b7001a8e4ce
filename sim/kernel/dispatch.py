"""One scheduling pass: jobs start in order; behind a blocked one, as the rule allows."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.kernel.job import start
from sim.kernel.order import close_block
from sim.kernel.pick import pick
from sim.kernel.plan import plan_counts
from sim.kernel.reserve import charge, forget, promise
from sim.state.columns import CHANGE, DIRTY, NOW, ZERO_WAITING
from sim.state.handle import State


@jit
def most_free(s: State) -> int:
    """Return the most GPUs free on nodes of one kind: no wider gang can start now."""
    most = 0
    for kind in range(s.kinds.free.size):
        most = max(most, s.kinds.free[kind])
    return int(most)


@jit
def idle(s: State) -> bool:
    """Return whether no GPU is free, and none of the waiting jobs could do without."""
    return bool(s.face.n[ZERO_WAITING] == 0 and most_free(s) == 0)


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
            kind = pick(s, job, False)
            if kind < 0:
                blocked = job
                break
            start(s, job, kind, s.face.t[NOW])
            i += 1
        for k in range(i, n):
            queue.job[block, k - i] = queue.job[block, k]
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
    another: time and other starts only take from it.
    """
    queue, jobs, seen, place = s.queue, s.jobs, 0, 0
    over, room, change = False, most_free(s), s.face.n[CHANGE]
    zero = s.face.n[ZERO_WAITING] > 0
    while place < queue.n[0] and not over:
        block = queue.line[place]
        n, keep, i = queue.size[block], 0, 0
        if place == 0:
            keep, i = 1, 1  # the head itself
        while i < n:
            if seen == s.rule.depth or (room == 0 and not zero):
                over = True
                break
            seen += 1
            job = queue.job[block, i]
            i += 1
            if jobs.tried[job] != change:
                kind = pick(s, job, True) if jobs.gpus[job] <= room else -1
                if kind >= 0:
                    start(s, job, kind, s.face.t[NOW])
                    charge(s, job, kind)
                    room, zero = most_free(s), s.face.n[ZERO_WAITING] > 0
                    continue
                jobs.tried[job] = change
            queue.job[block, keep] = job
            keep += 1
        if keep < i:
            for k in range(i, n):
                queue.job[block, k - i + keep] = queue.job[block, k]
            queue.size[block] = n - i + keep
            queue.n[2] -= i - keep
        if queue.size[block] == 0:
            close_block(queue, place)
        else:
            place += 1


@jit
def dispatch(s: State, now_s: float) -> None:
    """Run one scheduling pass at this instant.

    No reservation: whatever fits may pass the blocked job. One: EASY. More: a plan for every job
    that may reserve, made anew each time (conservative).
    """
    s.face.n[DIRTY] = 0
    s.face.t[NOW] = now_s
    if s.queue.n[2] == 0 or idle(s):
        return
    head = pass_front(s)
    rule = s.rule
    if head < 0 or rule.depth == 0 or rule.interval_s > 0.0 or idle(s) or s.queue.n[2] == 1:
        return
    if rule.reserves > 1:
        plan_counts(s, now_s)
        return
    if rule.reserves == 1:
        promise(s, head)
    else:
        forget(s)
    pass_behind(s)
