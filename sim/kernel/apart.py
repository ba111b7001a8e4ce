"""The pass of rules that few runs use: Slurm's cycle, conservative plans, preemption.

It is called from Python, a few microseconds dearer than inside the lane, so that a run that does
not need these rules need not wait for them to be compiled.
"""

from __future__ import annotations

from sim.kernel.consolidate import pass_after, pass_ahead
from sim.kernel.cycle import cycle, next_cycle_s
from sim.kernel.dispatch import backfill, idle, pass_front
from sim.kernel.jit import entry, jit
from sim.kernel.job import next_pass_s, start
from sim.kernel.order import drop
from sim.kernel.plan import plan_counts
from sim.kernel.preempt import make_way, next_turn, rebuild
from sim.kernel.spans import find
from sim.state.columns import ASKED, DIRTY, LAST, NOW, PLAN
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
        drop(queue, 0, 0)
        start(s, job, kind, s.face.t[NOW])
    return -1


@jit
def dispatch_apart(s: State, now_s: float) -> None:
    """Run one scheduling pass at this instant, by any rule.

    With more than one reservation: a plan for every job that may reserve, made anew each time.
    """
    rule, gives = s.rule, s.gives
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
