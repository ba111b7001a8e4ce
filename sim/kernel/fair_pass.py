"""The pass of fair shares: jobs start queue by queue, then who is below its share takes back."""

from __future__ import annotations

import numpy as np

from sim.kernel.dispatch import idle
from sim.kernel.fair_order import NOBODY, seat_again, seat_all
from sim.kernel.fair_reclaim import allowed, look, may_take, victims
from sim.kernel.fair_share import divide, drop_all_cancelled, tally
from sim.kernel.jit import entry, jit
from sim.kernel.job import start
from sim.kernel.quota import before, hold, take_first
from sim.kernel.reserve import charge, forget, promise
from sim.kernel.victims import evict
from sim.state.arrays import B1, I8
from sim.state.columns import ASKED, CHANGE, DIRTY, LAST, NOW, PLAN, WHOLE
from sim.state.handle import State

NOTHING, SOME, FULL = 0, 1, 2
"""What a round brought: nobody started; somebody did; the ledger has no room for who would."""


@jit
def lead(s: State, queue: int, shut: B1) -> int:
    """Return the form whose first job is the next of a queue; NOBODY if there is none.

    Those in `shut` are passed over.
    """
    q, best = s.quota, NOBODY
    for form in range(q.begin[queue], q.begin[queue + 1]):
        if q.size[form] > 0 and not shut[form]:
            if best < 0 or before(s, q.line[q.place[form]], q.line[q.place[best]]):
                best = form
    return int(best)


@jit
def leads(s: State, shut: B1) -> I8:
    """Return the form of each queue's next job, (queues,)."""
    out = np.empty(s.quota.newest.size, np.int64)
    for queue in range(out.size):
        out[queue] = lead(s, queue, shut)
    return out


@jit
def cramped(s: State) -> bool:
    """Return whether the ledger has no room for the nodes just found."""
    return bool(s.ledger.n[0] + s.pick.n[0] > s.ledger.job.size)


@jit
def begin(s: State, form: int, kind: int, now_s: float) -> int:
    """Start the first job of a form on the nodes just found; return it."""
    job = take_first(s, form)
    s.quota.n[0] -= 1
    hold(s, job, 1 if s.fair_share.fixed[form] else 0, now_s)
    start(s, job, kind, now_s)
    return int(job)


@jit
def hopeful(s: State, form: int) -> bool:
    """Return whether a form of job might start on what is free: a cheap bound."""
    if s.fair_share.found_none[form] == s.face.n[CHANGE] or not allowed(s, form):
        return False
    job = s.quota.line[s.quota.place[form]]
    if s.jobs.milli[job] < WHOLE:
        return True
    for kind in range(s.kinds.size.size):
        if s.kinds.speed[s.jobs.klass[job], kind] > 0.0 and s.kinds.free[kind] >= s.jobs.gpus[job]:
            return True
    return False


@jit
def allocate(s: State, now_s: float) -> int:
    """Start jobs on what is free, each time the next of the queue that is to be served; see SOME.

    Who is over a limit is passed by; behind the first that finds no nodes, as the start rule
    allows: none, up to `depth`, or up to `depth` that do not touch its reservation. Jobs of a form
    that finds no nodes are not asked again before some come free.
    """
    q, rule, face, fair = s.quota, s.rule, s.face, s.fair_share
    shut, seen, head, brought = np.zeros(q.size.size, np.bool_), 0, -1, NOTHING
    if idle(s):
        return NOTHING
    able, left = np.zeros(q.size.size, np.bool_), 0
    for i in range(q.size.size):
        able[i] = q.size[i] > 0 and hopeful(s, i)
        left += 1 if able[i] else 0
    form = leads(s, shut)
    won, best = np.full(q.parent.size, -1, np.int64), np.full(q.parent.size + 1, -1, np.int64)
    queue = seat_all(s, form, won, best, False)
    while queue >= 0 and not idle(s) and (head < 0 or seen < rule.depth):
        if left == 0 and (head >= 0 or rule.reserves == 0):
            break  # of those who are left none would start
        one = form[queue]
        job = int(q.line[q.place[one]])
        shut[one] = True
        if allowed(s, one):
            seen += 1 if head >= 0 else 0
            behind = head >= 0 and rule.reserves == 1
            none = fair.found_none[one] == face.n[CHANGE]
            kind = -1 if none else look(s, job, behind, now_s)
            if kind >= 0:
                if cramped(s):
                    return FULL
                begin(s, one, kind, now_s)
                brought = SOME
                shut[one] = q.size[one] == 0
                if behind:
                    charge(s, job, kind)
            elif head < 0:
                head = job
                if rule.reserves == 1 and rule.depth > 0:
                    promise(s, job)
                else:
                    forget(s)
            if kind < 0 and (none or not behind):
                fair.found_none[one] = face.n[CHANGE]
        if able[one] and shut[one]:
            left -= 1
        form[queue] = lead(s, queue, shut)
        queue = seat_again(s, queue, form, won, best)
    return brought


@jit
def fits_now(s: State, job: int, form: int, now_s: float) -> bool:
    """Return whether only the start rule keeps a job from starting: then it need evict nobody."""
    if s.fair_share.found_none[form] == s.face.n[CHANGE]:
        return False
    return bool(allowed(s, form) and look(s, job, False, now_s) >= 0)


@jit
def take_back(s: State, own: bool, now_s: float) -> int:
    """Let the first job that can evict others and so start, of other queues or (`own`) of its own.

    Return whether one has: see SOME.
    """
    q, left = s.quota, 0
    able, shut = np.zeros(q.size.size, np.bool_), np.zeros(q.size.size, np.bool_)
    for i in range(q.size.size):
        able[i] = q.size[i] > 0 and may_take(s, q.line[q.place[i]], own, now_s)
        left += 1 if able[i] else 0
    if left == 0:
        return NOTHING
    form = leads(s, shut)
    won, best = np.full(q.parent.size, -1, np.int64), np.full(q.parent.size + 1, -1, np.int64)
    queue = seat_all(s, form, won, best, False)
    while left > 0:
        one = form[queue]
        job = int(q.line[q.place[one]])
        n = 0
        if able[one]:
            left -= 1
            n = 0 if fits_now(s, job, one, now_s) else victims(s, job, own, now_s)
        if n > 0:
            if cramped(s):
                return FULL
            for i in range(n):
                q.out_s[q.gone[i]] = now_s
                evict(s, q.gone[i], now_s, True)
            begin(s, one, look(s, job, False, now_s), now_s)
            return SOME
        shut[one] = True
        form[queue] = lead(s, queue, shut)
        queue = seat_again(s, queue, form, won, best)
    return NOTHING


@entry
def pass_shares(s: State, now_s: float) -> None:
    """Run the pass that is due at this instant: allocate, reclaim, preempt, while any starts.

    If the ledger lacks room the pass stays due.

    Source: KAI-Scheduler, pkg/scheduler/actions: allocate, reclaim, preempt.
    """
    s.face.n[ASKED] = 0
    s.face.t[NOW] = now_s
    s.face.n[LAST] = -1
    if s.face.n[DIRTY] == 1:
        drop_all_cancelled(s)
        tally(s)
        divide(s)
        brought = SOME
        while brought == SOME:
            brought = allocate(s, now_s)
            if brought != FULL:
                brought = take_back(s, False, now_s)
            if brought == NOTHING:
                brought = take_back(s, True, now_s)
        s.face.n[DIRTY] = 1 if brought == FULL else 0
    s.face.t[PLAN] = np.inf
