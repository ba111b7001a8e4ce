"""Running jobs move together so that a blocked one fits: it is tried first, then done or left."""

from __future__ import annotations

import numpy as np

from sim.kernel.ahead import release
from sim.kernel.choose import choose
from sim.kernel.devices import stands_free, whole
from sim.kernel.dispatch import pass_front
from sim.kernel.jit import forked, jit
from sim.kernel.job import start, take
from sim.kernel.order import remove, rows
from sim.kernel.pick import part
from sim.kernel.preempt import spared
from sim.kernel.rows import open_row
from sim.kernel.spans import find
from sim.kernel.victims import evict
from sim.state.handle import State
from sim.state.words import JobState

WAITING = int(JobState.WAITING)


@jit
def try_on(s: State, job: int, now_s: float) -> None:
    """Let a job hold the nodes just found, for the time of a trial: rows of the ledger to undo."""
    for i in range(s.pick.n[0]):
        node, gpus = s.pick.node[i], s.pick.gpus[i]
        row = open_row(s, job, node, gpus, now_s)
        if s.devices.on:
            s.ledger.devices[row] = choose(s, job, node, gpus, row)
        take(s, job, node, gpus, row, 1)


@jit
def take_off(s: State, until: int) -> None:
    """Undo the rows of the ledger from `until` on, the last first."""
    led = s.ledger
    while led.n[0] > until:
        r = led.n[0] - 1
        node = int(led.node[r])
        take(s, int(led.job[r]), node, int(led.gpus[r]), r, -1)
        s.nodes.row[node] = led.older[r]
        if led.older[r] >= 0:
            led.newer[led.older[r]] = -1
        if s.slices.on:
            led.slices[r] = 0
        led.n[0] = r


@jit
def stands(s: State, job: int) -> bool:
    """Return whether what a running job held, given back for a trial, is still free for it."""
    jobs, nodes = s.jobs, s.nodes
    for r in range(jobs.row0[job], jobs.row0[job] + jobs.rows[job]):
        node, gpus = int(s.ledger.node[r]), int(s.ledger.gpus[r])
        if nodes.free[node] < whole(s, job, gpus):
            return False
        if s.devices.on and not stands_free(s, job, node, r):
            return False
        if nodes.mcpu_free[node] < part(jobs.mcpu[job], gpus, jobs.gpus[job], jobs.chunks[job]):
            return False
        if nodes.mem_free[node] < part(jobs.mem_bytes[job], gpus, jobs.gpus[job], jobs.chunks[job]):
            return False
    return True


@jit
def must_move(s: State, job: int, gone: np.ndarray, now_s: float) -> np.ndarray:
    """Return which of the jobs given back have lost their place to a job that was just found one.

    They are in the order in which they will be placed anew, first in the queue's order first. The
    others hold their places again.
    """
    moved, n, until = np.empty(gone.size, np.int64), 0, s.ledger.n[0]
    try_on(s, job, now_s)
    for k in range(gone.size - 1, -1, -1):
        if stands(s, gone[k]):
            release(s, gone[k], -1)
        else:
            moved[n] = gone[k]
            n += 1
    take_off(s, until)
    return moved[:n]


@jit
def all_find(s: State, job: int, moved: np.ndarray, now_s: float) -> bool:
    """Return whether a job and then those that move for it all find places; nothing is taken."""
    until = s.ledger.n[0]
    good = find(s, job, False) >= 0
    if good:
        try_on(s, job, now_s)
        for k in range(moved.size):
            if find(s, moved[k], False) < 0:
                good = False
                break
            try_on(s, moved[k], now_s)
    take_off(s, until)
    return bool(good)


@jit
def enough_free(s: State, job: int) -> bool:
    """Return whether as many GPUs are free as a job wants: moving others makes no more."""
    if s.devices.shared:
        return True
    for kind in range(s.kinds.size.size):
        if s.kinds.speed[s.jobs.klass[job], kind] > 0.0 and s.kinds.free[kind] >= s.jobs.gpus[job]:
            return True
    return False


@jit
def candidates(s: State, now_s: float) -> np.ndarray:
    """Return the running jobs that may be moved, (k,): the last in the queue's order first.

    None that started at this very instant: nobody is moved twice in one.
    """
    out, n = np.empty(s.moving.most, np.int64), 0
    running = rows(s.ranked)
    for i in range(running.size - 1, -1, -1):
        if n == out.size:
            break
        began_s = s.ledger.start_s[s.jobs.row0[running[i]]]
        if began_s < now_s and not spared(s, running[i], now_s):
            out[n] = running[i]
            n += 1
    return out[:n]


@jit
def begin(s: State, job: int, now_s: float) -> None:
    """Start a waiting job that has a place."""
    kind = find(s, job, False)
    remove(s.queue, s.jobs.key, job)
    start(s, job, kind, now_s)


@jit
def make_room(s: State, job: int, now_s: float) -> bool:
    """Start a blocked job by moving others, if that can be; return whether it was.

    They are given back one after another. As soon as the job fits, those whose places it took must
    move; if each finds another, all is done as it was tried.

    Source: KAI-Scheduler, actions/consolidation: all victims placed anew in the same solution.
    """
    if not enough_free(s, job):
        return False
    gone = candidates(s, now_s)
    for n in range(1, gone.size + 1):
        for k in range(n):
            release(s, gone[k], 1)
        good = find(s, job, False) >= 0
        if not good:
            for k in range(n):
                release(s, gone[k], -1)
            continue
        moved = must_move(s, job, gone[:n], now_s)
        good = all_find(s, job, moved, now_s)
        for k in range(moved.size):
            release(s, moved[k], -1)
        if good:
            for k in range(moved.size):
                evict(s, moved[k], now_s, True)
            begin(s, job, now_s)
            for k in range(moved.size):
                begin(s, moved[k], now_s)
            return True
    return False


@jit
def pass_moving(s: State, now_s: float) -> int:
    """Start jobs in order, others moving for them if need be; return the first that cannot."""
    job = pass_front(s)
    while job >= 0 and make_room(s, job, now_s):
        job = pass_front(s)
    return int(job)


@jit
def move_behind(s: State, now_s: float) -> None:
    """Let others move for the jobs that may pass the blocked one."""
    waiting = rows(s.queue)
    for i in range(1, min(waiting.size, s.rule.depth + 1)):
        if s.jobs.state[waiting[i]] == WAITING:
            make_room(s, waiting[i], now_s)


@jit
def pass_still(s: State, now_s: float) -> int:
    """Start jobs in order; return the first that cannot."""
    return int(pass_front(s))


@jit
def nobody(s: State, now_s: float) -> None:
    """Move nobody."""


pass_ahead = forked(pass_still, pass_moving, "moving")
"""(s, now_s): start jobs in order, running ones moving for them where the rule says so."""
pass_after = forked(nobody, move_behind, "moving")
"""(s, now_s): the same for those behind the blocked one, where nothing is reserved for it."""
