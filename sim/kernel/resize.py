"""Elastic jobs: held back, evicted, shrunk and grown, as somebody in Python answered."""

from __future__ import annotations

import numpy as np

from sim.kernel.agenda import book
from sim.kernel.apart import pass_apart
from sim.kernel.choose import choose
from sim.kernel.dispatch import idle
from sim.kernel.gather import gather, give_back, lend, room_on
from sim.kernel.jit import entry, jit
from sim.kernel.job import better, send_back, start, take
from sim.kernel.limits import cut
from sim.kernel.links import linked, unlinked
from sim.kernel.order import drop, insert, remove
from sim.kernel.rate import NODE, pace, pace_beside, settle
from sim.kernel.rows import close_row, open_row
from sim.kernel.size import told_size
from sim.kernel.spans import find
from sim.kernel.usage import use
from sim.state.columns import HOLDS, NOW, TURN, WHOLE
from sim.state.handle import State
from sim.state.words import Cause, Ended, JobState

RUNNING = int(JobState.RUNNING)
WAITING = int(JobState.WAITING)
PREEMPTED = int(Ended.PREEMPTED)
RESIZED = int(Ended.RESIZED)
SIZE = int(Cause.SIZE)


@entry
def present(s: State) -> np.ndarray:
    """Return the jobs that a size may be asked for, (k,): running by row, then waiting in order.

    Of the waiting ones no more than could start, at their least, on an empty cluster, and the first
    that could not. Jobs without GPUs and those that share one are not among them.
    """
    jobs, running, queue = s.jobs, s.running, s.queue
    out, n, room = np.empty(running.n[2] + queue.n[2], np.int64), 0, s.nodes.gpus.sum()
    for place in range(running.n[0]):
        block = running.line[place]
        for i in range(running.size[block]):
            job = running.job[block, i]
            if jobs.gpus[job] > 0 and jobs.milli[job] == WHOLE:
                out[n] = job
                n += 1
    out[:n].sort()
    place = 0
    while place < queue.n[0] and room >= 0:
        block = queue.line[place]
        place += 1
        for i in range(queue.size[block]):
            job = queue.job[block, i]
            if jobs.gpus[job] > 0 and jobs.milli[job] == WHOLE and room >= 0:
                out[n] = job
                n += 1
                room -= s.elastic.least[job]
    return out[:n]


@jit
def rehold(s: State, job: int, gpus: int, now_s: float) -> None:
    """Let a running job hold the chunks that lie in `s.pick` instead of those it has.

    Its rows of the ledger end, as resized, and new ones begin.
    """
    jobs, pick = s.jobs, s.pick
    if s.usage.gpu_s.size > 0:
        use(s, job, -1, now_s)
    unlinked(s, job, now_s)
    for r in range(jobs.row0[job], jobs.row0[job] + jobs.rows[job]):
        close_row(s, r, now_s, RESIZED)
        take(s, job, int(s.ledger.node[r]), int(s.ledger.gpus[r]), r, -1)
    told_size(s, job, gpus)
    jobs.row0[job], jobs.rows[job] = s.ledger.n[0], pick.n[0]
    for i in range(pick.n[0]):
        node, chunk = pick.node[i], pick.gpus[i]
        row = open_row(s, job, node, chunk, now_s)
        if s.devices.on:
            s.ledger.devices[row] = choose(s, job, node, chunk, row)
        take(s, job, node, chunk, row, 1)
    if s.paces.keeps.size > 0:
        settle(s, job, now_s)
        s.paces.factor[NODE, job] = pace_beside(s, job)
        jobs.rate[job] = pace(s, job)
    linked(s, job, now_s)
    if s.usage.gpu_s.size > 0:
        use(s, job, 1, now_s)
    s.elastic.resizes[job] += 1
    s.face.n[HOLDS] = 0


@jit
def shrink(s: State, job: int, gpus: int, now_s: float) -> None:
    """Let a running job give back the last of its GPUs."""
    left, pick = gpus, s.pick
    pick.n[0] = 0
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        if left > 0:
            pick.node[pick.n[0]] = s.ledger.node[r]
            pick.gpus[pick.n[0]] = min(left, int(s.ledger.gpus[r]))
            left -= pick.gpus[pick.n[0]]
            pick.n[0] += 1
    rehold(s, job, gpus, now_s)


@entry
def hold_back(s: State, rows: np.ndarray, gpus: np.ndarray, now_s: float) -> None:
    """Let jobs be no larger than answered: `gpus` of each of `rows`, 0 for who is to wait.

    Running jobs shrink or go back to the queue; waiting ones will start on so many.
    """
    state = s.jobs.state
    for k in range(rows.size):
        job, many = rows[k], gpus[k]
        if state[job] == RUNNING and many == 0:
            settle(s, job, now_s)
            send_back(s, job, 0.0, now_s, PREEMPTED, True)
        elif state[job] == RUNNING and many < s.jobs.gpus[job]:
            shrink(s, job, many, now_s)
        elif state[job] == WAITING and many > 0:
            told_size(s, job, many)
    better(s)


@entry
def set_aside(s: State, rows: np.ndarray) -> np.ndarray:
    """Take those of the jobs that wait off the queue, and return them, (k,), for `let_go`."""
    n, waits = 0, np.empty(rows.size, np.int64)
    for job in rows:
        if s.jobs.state[job] == WAITING:
            remove(s.queue, s.jobs.key, job)
            waits[n] = job
            n += 1
    return waits[:n]


@entry
def let_go(s: State, waits: np.ndarray) -> None:
    """Put the jobs that were set aside back into the queue."""
    for job in waits:
        insert(s.queue, s.jobs.key, job)


@jit
def in_pieces(s: State, job: int) -> int:
    """Return the fastest kind that has at least the least of an elastic job free, -1 if none has.

    What was found, as much as it would have, lies in `s.pick`; that is its size from now on.
    """
    jobs, kinds, room = s.jobs, s.kinds, s.pick.node.size
    node, chunk = np.empty(room, np.int64), np.empty(room, np.int64)
    for i in range(kinds.size.size):
        kind = kinds.order[jobs.klass[job], i]
        if kinds.speed[jobs.klass[job], kind] <= 0.0:
            break
        if kinds.free[kind] < s.elastic.least[job]:
            continue
        n, many = gather(s, job, kind, jobs.gpus[job], node, chunk, 0)
        give_back(s, job, node, chunk, n)
        if many >= s.elastic.least[job]:
            told_size(s, job, many)
            s.pick.node[:n], s.pick.gpus[:n], s.pick.n[0] = node[:n], chunk[:n], n
            return int(kind)
    return -1


@entry
def front(s: State, now_s: float) -> np.ndarray:
    """Start jobs in order up to the first that does not fit, elastic ones on what is free.

    Return those that started on fewer GPUs than they would have, (k,).
    """
    queue, n, fewer = s.queue, 0, np.empty(s.queue.n[2], np.int64)
    s.face.t[NOW] = now_s
    while queue.n[2] > 0 and not idle(s):
        job = int(queue.job[queue.line[0], 0])
        had, kind = s.jobs.gpus[job], find(s, job, False)
        if kind < 0 and s.elastic.least[job] < s.elastic.most[job]:
            kind = in_pieces(s, job)
        if kind < 0:
            break
        drop(queue, 0, 0)
        start(s, job, kind, now_s)
        if s.jobs.gpus[job] < had:
            fewer[n] = job
            n += 1
    return fewer[:n]


@entry
def grow(s: State, rows: np.ndarray, gpus: np.ndarray, now_s: float) -> None:
    """Let running jobs take up to `gpus` GPUs, in turn, as far as GPUs of their kind are free.

    First on the nodes they have, then where `gather` finds more.
    """
    jobs, room = s.jobs, s.pick.node.size
    node, chunk = np.empty(room, np.int64), np.empty(room, np.int64)
    for k in range(rows.size):
        job, kind, n = rows[k], jobs.kind[rows[k]], jobs.rows[rows[k]]
        if jobs.state[job] != RUNNING or s.ledger.start_s[jobs.row0[job]] == now_s:
            continue  # it gave way in the pass, or has started anew in it
        had = jobs.gpus[job]
        need, more = gpus[k] - had, 0
        if s.kinds.free[kind] == 0:
            continue
        for i in range(n):
            r = jobs.row0[job] + i
            extra = min(need - more, room_on(s, job, int(s.ledger.node[r])))
            node[i], chunk[i] = s.ledger.node[r], extra
            if extra > 0:
                lend(s, job, node[i], extra)
                more += extra
        n, others = gather(s, job, kind, need - more, node, chunk, n)
        give_back(s, job, node, chunk, n)
        if more + others == 0:
            continue
        for i in range(n):
            held = int(s.ledger.gpus[jobs.row0[job] + i]) if i < jobs.rows[job] else 0
            s.pick.node[i], s.pick.gpus[i] = node[i], held + chunk[i]
        s.pick.n[0] = n
        rehold(s, job, had + more + others, now_s)


@entry
def repace(s: State, rows: np.ndarray, speed: np.ndarray, cost_s: float, now_s: float) -> None:
    """Let jobs whose size has changed go at `speed`, relative to the size their work is told for.

    A running one holds its GPUs for `cost_s` before it goes on: so much work more, at its new rate.
    Its walltime follows its speed.
    """
    jobs, factor = s.jobs, s.paces.factor
    for k in range(rows.size):
        job = rows[k]
        factor[SIZE, job] = speed[k]
        jobs.walltime_s[job] = s.elastic.walltime_s[job] / speed[k]
        if jobs.state[job] != RUNNING:
            continue
        s.face.n[HOLDS] = 0
        settle(s, job, now_s)
        remove(s.running, jobs.expect_s, job)
        old, new = jobs.rate[job], pace(s, job)
        jobs.rate[job] = new
        jobs.left_s[job] += cost_s * new
        jobs.lost_s[job] += cost_s * new
        jobs.expect_s[job] = now_s + cost_s + (jobs.expect_s[job] - now_s) * old / new
        insert(s.running, jobs.expect_s, job)
        jobs.epoch[job] += 1
        ends_s = now_s + jobs.left_s[job] / new
        book(s, job, cut(s, job, ends_s) if s.limits.kills else ends_s)


@entry
def pass_sized(s: State, now_s: float, due_s: float, held: bool) -> None:
    """Run the pass that is due, and have one more at `due_s` at the latest.

    Not where nothing runs and nobody is `held` back: then time alone changes nothing.
    """
    pass_apart(s, now_s)
    if s.running.n[2] > 0 or held:
        s.face.t[TURN] = min(s.face.t[TURN], due_s)


@entry
def as_told(s: State) -> None:
    """Put back how many GPUs and what walltime each job asked for, at the end of a run."""
    for job in range(s.elastic.told.size):
        if s.elastic.least[job] < s.elastic.most[job]:
            told_size(s, job, s.elastic.told[job])
            s.jobs.walltime_s[job] = s.elastic.walltime_s[job]
