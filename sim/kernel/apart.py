"""The pass of rules that few runs use: Slurm's cycle, conservative plans, preemption.

It is called from Python, a few microseconds dearer than inside the lane, so that a run that does
not need these rules need not wait for them to be compiled.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.ahead import release
from sim.kernel.calendar import bar_now, bound
from sim.kernel.consolidate import pass_after, pass_ahead
from sim.kernel.cycle import cycle, next_cycle_s, plan_nodes
from sim.kernel.dispatch import backfill, idle, pass_front
from sim.kernel.jit import entry, jit
from sim.kernel.job import start
from sim.kernel.limits import next_pass_s
from sim.kernel.order import drop, remove, rows
from sim.kernel.plan import plan_counts
from sim.kernel.preempt import make_way, rebuild
from sim.kernel.reserve import forget
from sim.kernel.spans import find
from sim.kernel.turns import next_turn
from sim.kernel.victims import wake
from sim.state.columns import ASKED, CHANGE, DIRTY, LAST, NOW, PLAN
from sim.state.handle import State


@jit
def pass_taking(s: State) -> int:
    """Start jobs in order, on nodes of jobs behind them if need be; return the first that cannot.

    Who gives way comes back into the queue behind the one that starts.
    """
    queue = s.queue
    while queue.n[2] > 0:
        job = int(queue.job[queue.line[0], 0])
        kind = find(s, job, False)
        if kind < 0:
            kind = make_way(s, job, s.face.t[NOW])
        if kind < 0:
            return job
        if s.qos.way.size > 0:
            remove(queue, s.jobs.key, job)  # who gave way may stand before it
        else:
            drop(queue, 0, 0)
        start(s, job, kind, s.face.t[NOW])
    return -1


@jit
def shut_out(s: State, job: int) -> bool:
    """Return whether a job would not fit even if nobody ran: nodes that are set aside are why.

    `s.nodes.barred` must say which are. Slurm's main loop goes on behind such a job.
    """
    running = rows(s.running)
    for k in range(running.size):
        release(s, running[k], 1)
    kind = find(s, job, False)
    for k in range(running.size - 1, -1, -1):
        release(s, running[k], -1)
    return bool(kind < 0)


@jit
def pass_bound(s: State, now_s: float) -> int:
    """Start jobs in order up to the first that does not fit; return that job, -1 if none.

    As `pass_taking` and `pass_front`, where nodes are set aside: each job is told which. Where
    passes are Slurm's, one that only such nodes keep out is passed over.

    Source: Slurm 22.05, job_scheduler.c 1834-2082: nodes that are reserved stop nobody behind.
    """
    at, first = 0, -1
    waiting = rows(s.queue)
    while at < waiting.size:
        job = waiting[at]
        at += 1
        wake(s, s.jobs.key[job], now_s)
        bar_now(s, job, now_s)
        kind, before = find(s, job, False), s.face.n[CHANGE]
        if kind < 0 and s.gives.tail:
            kind = make_way(s, job, now_s)
        if kind < 0:
            if first < 0:
                first = job
            if s.rule.interval_s > 0.0 and s.calendar.begin_s.size > 0 and shut_out(s, job):
                continue
            break
        remove(s.queue, s.jobs.key, job)
        start(s, job, kind, now_s)
        if s.face.n[CHANGE] != before:  # who gave way may be back in the queue
            waiting, at, first = rows(s.queue), 0, -1
    wake(s, np.inf, now_s)
    s.nodes.barred[:] = False
    return int(first)


@jit
def dispatch_bound(s: State, now_s: float) -> None:
    """Run one scheduling pass where nodes are set aside for a time, or for suspended jobs.

    Behind a blocked job plans are made as Slurm makes them, a planned job keeping its nodes whole;
    by the rule's depth and its number of reservations.
    """
    rule = s.rule
    forget(s)
    if s.gives.rebuild and s.queue.n[2] > 0:
        rebuild(s, now_s)
    first = pass_bound(s, now_s)
    if first >= 0 and rule.interval_s == 0.0 and rule.depth > 0 and s.queue.n[2] > 1:
        plan_nodes(s, now_s, rule.depth + 1, rule.reserves, np.inf)


@jit
def dispatch_apart(s: State, now_s: float) -> None:
    """Run one scheduling pass at this instant, by any rule.

    With more than one reservation: a plan for every job that may reserve, made anew each time.
    """
    rule, gives = s.rule, s.gives
    if bound(s):
        dispatch_bound(s, now_s)
        return
    if gives.rebuild and not idle(s):
        pass_front(s)  # who fits would be elected: most arrivals need no election
    if gives.rebuild and s.queue.n[2] > 0:
        rebuild(s, now_s)
    if s.queue.n[2] == 0 or (idle(s) and not gives.tail):
        return
    s.face.n[LAST] = -1
    head = pass_taking(s) if gives.tail else pass_ahead(s, now_s)
    if head < 0 or rule.interval_s > 0.0 or idle(s) or rule.depth == 0 or s.queue.n[2] == 1:
        return
    if rule.reserves > 1:
        plan_counts(s, now_s)
        return
    backfill(s, head)
    if rule.reserves == 0:
        pass_after(s, now_s)


@entry
def pass_apart(s: State, now_s: float) -> None:
    """Run the pass and the backfill cycle that are due at this instant."""
    s.face.n[ASKED] = 0
    s.face.t[NOW] = now_s
    if s.face.n[DIRTY] == 1 and next_pass_s(s, now_s) == now_s:
        dispatch_apart(s, now_s)
        s.face.n[DIRTY] = 0  # who gave way asks again at the next event: one pass an instant
        s.face.t[PLAN] = next_cycle_s(s, now_s)
        if s.gives.turns:
            next_turn(s, now_s)
    if s.face.t[PLAN] <= now_s:
        cycle(s, now_s)
