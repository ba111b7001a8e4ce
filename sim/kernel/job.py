"""What can happen to a job: enter, start, stop, finish, go back, give up, change its rate."""

from __future__ import annotations

import numpy as np

from sim.kernel.choose import choose
from sim.kernel.devices import hold
from sim.kernel.jit import entry, jit
from sim.kernel.later import hold as hold_back
from sim.kernel.later import note
from sim.kernel.levels import give
from sim.kernel.limits import limit_s, outlived, round_after
from sim.kernel.links import linked, unlinked
from sim.kernel.order import insert, remove
from sim.kernel.pick import lasts_s, part
from sim.kernel.quota import let_go, unblock, wait
from sim.kernel.rate import NODE, book_end, pace, pace_beside, set_rate, settle, slow
from sim.kernel.rows import close_row, open_row
from sim.kernel.sharing import joined, parted
from sim.kernel.usage import use
from sim.state.columns import (
    AWAITED,
    CHANGE,
    DIRTY,
    EVENTS,
    HEAD,
    HOLDS,
    LAST,
    LEFT,
    PEAK,
    PLAN_DUE,
    PLENTY,
    SHADOW,
    ZERO_WAITING,
)
from sim.state.handle import State
from sim.state.words import Ended, JobState

__all__ = ["round_after", "set_rate", "settle", "slow"]  # of `rate`, with the other verbs of a job

UNBORN = int(JobState.UNBORN)
WAITING = int(JobState.WAITING)
RUNNING = int(JobState.RUNNING)
CANCELLED = int(JobState.CANCELLED)
TIMEOUT = int(JobState.TIMEOUT)
DONE = int(Ended.DONE)


@jit
def touch(s: State) -> None:
    """Note that something happened: a pass is due, and a plan where there is a cycle."""
    s.face.n[DIRTY] = 1
    s.face.n[PLAN_DUE] = 1


@jit
def better(s: State) -> None:
    """Note that something came free: who was refused before may be asked again."""
    s.face.n[CHANGE] += 1
    s.kinds.refused[:] = PLENTY
    touch(s)


@jit
def take(s: State, job: int, node: int, gpus: int, row: int, sign: int) -> None:
    """Take (+1) a chunk's GPUs, CPU and memory from a node, or give them back (-1).

    Where devices are told apart, its row of the ledger says which.
    """
    jobs = s.jobs
    mcpu = part(jobs.mcpu[job], gpus, jobs.gpus[job], jobs.chunks[job])
    size = part(jobs.mem_bytes[job], gpus, jobs.gpus[job], jobs.chunks[job])
    gpus = hold(s, job, node, gpus, row, sign)
    give(s, node, -sign * gpus, -sign * mcpu, -sign * size)


@jit
def enter(s: State, job: int) -> None:
    """A job joins the queue, or those that wait for quota first."""
    key, last = s.jobs.key, s.face.n[LAST]
    s.jobs.state[job] = WAITING
    if s.quota.rule > 0:
        wait(s, job)
    else:
        insert(s.queue, key, job)
    if last >= 0 and (key[job] < key[last] or (key[job] == key[last] and job < last)):
        s.face.n[LAST] = -1
    if s.jobs.gpus[job] == 0:
        s.face.n[ZERO_WAITING] += 1
    s.face.n[PEAK] = max(s.face.n[PEAK], s.queue.n[2] + s.quota.n[0])
    touch(s)


@jit
def leave(s: State, job: int) -> None:
    """A waiting job that is off the queue already waits no more."""
    if s.jobs.gpus[job] == 0:
        s.face.n[ZERO_WAITING] -= 1


@jit
def doubt(s: State, node: int, taken: int) -> None:
    """Let the reservation lapse if it could have had this node, now that something changed there.

    What ends before the promised instant changes nothing at it, and nothing earlier can come of it:
    what was not enough then is not enough before. So only ends and starts of jobs that outlast the
    promise are asked about, and of those only where the head could use the node at that instant,
    before a start took its GPUs (`taken`) or after an end gave them back.
    """
    head = s.face.n[HEAD]
    if s.face.n[HOLDS] == 0:
        return
    kind = s.nodes.kind[node]
    if s.kinds.speed[s.jobs.klass[head], kind] <= 0.0:
        return
    free = s.nodes.free[node] + taken
    row = s.nodes.row[node]
    while row >= 0:
        if s.jobs.expect_s[int(s.ledger.job[row])] <= s.face.t[SHADOW]:
            free += int(s.ledger.gpus[row])
        row = s.ledger.older[row]
    if free >= s.kinds.useful[kind]:
        s.face.n[HOLDS] = 0


@jit
def over(s: State, job: int) -> None:
    """One job less is to come; wake who waits for it, or for the last of all."""
    s.face.n[LEFT] -= 1
    s.face.n[EVENTS] += 1
    if s.jobs.watched[job] or s.face.n[LEFT] == 0:
        s.face.n[AWAITED] = 1
    if s.waits.need.size > 0:
        note(s, job, s.jobs.end_s[job])


@jit
def start(s: State, job: int, kind: int, now_s: float) -> None:
    """Start a job on the nodes that `pick` found; its place in the queue is the caller's affair."""
    jobs = s.jobs
    leave(s, job)
    jobs.row0[job], jobs.rows[job] = s.ledger.n[0], s.pick.n[0]
    for i in range(s.pick.n[0]):
        node, gpus = s.pick.node[i], s.pick.gpus[i]
        row = open_row(s, job, node, gpus, now_s)
        if s.devices.on:
            s.ledger.devices[row] = choose(s, job, node, gpus, row)
        take(s, job, node, gpus, row, 1)
    jobs.state[job], jobs.kind[job] = RUNNING, kind
    if s.paces.keeps.size > 0:
        s.paces.factor[NODE, job] = pace_beside(s, job)
    jobs.rate[job] = pace(s, job)
    jobs.asof_s[job] = now_s
    if np.isnan(jobs.start_s[job]):
        jobs.start_s[job] = now_s
        if jobs.watched[job]:
            s.face.n[AWAITED] = 1
        if s.waits.need.size > 0:
            note(s, -1 - job, now_s)
    jobs.epoch[job] += 1
    jobs.expect_s[job] = now_s + lasts_s(s, job, kind)
    insert(s.running, jobs.expect_s, job)
    if s.usage.gpu_s.size > 0:
        use(s, job, 1, now_s)
    if s.gives.tail or s.gives.rebuild or s.moving.on:
        insert(s.ranked, jobs.key, job)
    if s.limits.kills:
        jobs.limit_s[job] = limit_s(s, jobs.expect_s[job])
    joined(s, job, now_s)
    linked(s, job, now_s)
    book_end(s, job, now_s)
    if jobs.expect_s[job] > s.face.t[SHADOW]:
        for i in range(s.pick.n[0]):
            doubt(s, s.pick.node[i], s.pick.gpus[i])
    s.face.n[EVENTS] += 1
    s.face.n[PLAN_DUE] = 1


@jit
def stop(s: State, job: int, now_s: float, why: int, holds: bool = True) -> None:
    """Take a running job off its nodes and settle its work; `holds`: it has not given them back."""
    jobs = s.jobs
    settle(s, job, now_s)
    remove(s.running, jobs.expect_s, job)
    if s.usage.gpu_s.size > 0:
        use(s, job, -1, now_s)
    if s.gives.tail or s.gives.rebuild or s.moving.on:
        remove(s.ranked, jobs.key, job)
    for r in range(jobs.row0[job], jobs.row0[job] + jobs.rows[job]):
        close_row(s, r, now_s, why)
        if holds:
            take(s, job, int(s.ledger.node[r]), int(s.ledger.gpus[r]), r, -1)
        if jobs.expect_s[job] >= s.face.t[SHADOW]:
            doubt(s, int(s.ledger.node[r]), 0)
    jobs.epoch[job] += 1
    if s.quota.rule > 0:
        let_go(s, job)
    parted(s, job, now_s)
    unlinked(s, job, now_s)
    better(s)


@jit
def finish(s: State, job: int, now_s: float) -> None:
    """A job has done its work: it ends as its trace says; or its time is up."""
    late = outlived(s, job)
    stop(s, job, now_s, DONE)
    if late:
        s.jobs.state[job] = TIMEOUT
    else:
        s.jobs.left_s[job] = 0.0
        s.jobs.state[job] = s.jobs.outcome[job]
    s.jobs.end_s[job] = now_s
    over(s, job)


@jit
def done_s(s: State, job: int) -> float:
    """Return the work that a job has done and not lost, as of when it was settled."""
    return max(s.jobs.work_s[job] - s.jobs.left_s[job], 0.0)


@jit
def send_back(s: State, job: int, lost: float, now_s: float, why: int, holds: bool) -> None:
    """Stop a running job and let it wait again, with `lost` seconds of work more to do."""
    stop(s, job, now_s, why, holds)
    s.jobs.left_s[job] += lost
    s.jobs.lost_s[job] += lost
    s.jobs.restarts[job] += 1
    if s.jobs.watched[job]:
        s.face.n[AWAITED] = 1  # a replica has lost its GPUs
    if s.gives.requeue_s > 0.0:
        s.jobs.state[job] = UNBORN
        hold_back(s, job, now_s + s.gives.requeue_s)
    else:
        enter(s, job)


@jit
def requeue(s: State, job: int, lost_s: float, now_s: float, why: int) -> float:
    """Send a running job back to the queue; return the work it lost, at most `lost_s` seconds."""
    settle(s, job, now_s)
    lost = min(lost_s, done_s(s, job))
    send_back(s, job, lost, now_s, why, True)
    return lost


@entry
def give_up(s: State, job: int, now_s: float) -> bool:
    """A job that has not started by now is cancelled by its user; return whether it was."""
    if not np.isnan(s.jobs.start_s[job]):
        return False
    if s.jobs.state[job] == WAITING:
        if s.quota.rule > 0 and s.quota.flavor[job] < 0:
            s.quota.n[0] -= 1  # it stays in its heap until it surfaces
            unblock(s, s.quota.queue[s.quota.form[job]])
        else:
            remove(s.queue, s.jobs.key, job)
            if s.quota.rule > 0:
                let_go(s, job)
        s.face.n[LAST] = -1
        leave(s, job)
    elif s.jobs.state[job] != UNBORN:
        return False
    s.jobs.state[job] = CANCELLED
    s.jobs.end_s[job] = now_s
    over(s, job)
    touch(s)
    return True
