"""Who is below its share takes back: whom it evicts, tried on the nodes first."""

from __future__ import annotations

import numpy as np

from sim.kernel.ahead import release
from sim.kernel.calendar import bar_now, bound
from sim.kernel.fair_order import NOBODY, owned, seat_all, wish
from sim.kernel.fair_share import LITTLE, held
from sim.kernel.jit import jit
from sim.kernel.preempt import spared
from sim.kernel.quota import before, use
from sim.kernel.spans import find
from sim.state.arrays import I8
from sim.state.handle import State
from sim.state.quota import LOWER


@jit
def allowed(s: State, form: int) -> bool:
    """Return whether limits let a job of a form start: its queue's and those of all over it.

    Jobs that are never evicted stay within quotas; where shares bound, all stay within these.
    """
    q, fair = s.quota, s.fair_share
    node = q.queue[form]
    while node >= 0:
        for r in range(3):
            ask = wish(s, form, r)
            if ask == 0:
                continue
            has = float(held(s, node, r) + ask)
            if has > fair.most[node, r] + LITTLE:
                return False
            if fair.bounded and has > fair.share[node, r] + LITTLE:
                return False
            if fair.fixed[form] and q.used[node, 3 + r] + ask > q.nominal[node, 3 + r]:
                return False
        node = q.parent[node]
    return True


@jit
def look(s: State, job: int, behind: bool, now_s: float) -> int:
    """Return the kind on which a job finds nodes now, -1 if on none; they lie in `s.pick`."""
    if bound(s):
        bar_now(s, job, now_s)
    kind = find(s, job, behind)
    if bound(s):
        s.nodes.barred[:] = False
    return int(kind)


@jit
def within_share(s: State, node: int, form: int) -> bool:
    """Return whether a node holds no more than its share of anything, with a job of a form."""
    for r in range(3):
        if s.fair_share.counted[r]:
            if held(s, node, r) + wish(s, form, r) > s.fair_share.share[node, r] + LITTLE:
                return False
    return True


@jit
def part_below(s: State, queue: int, other: int) -> int:
    """Return the node over `other`, or itself, that is a sibling of one over `queue`."""
    parent, node = s.quota.parent, other
    while True:
        up, at = parent[node], queue
        while at >= 0 and parent[at] != up:
            at = parent[at]
        if at >= 0:
            return int(node)
        node = up


@jit
def must_give(s: State, queue: int, form: int, other: int) -> bool:
    """Return whether a queue may take back from another: where their parts of the tree meet.

    The other's part holds more than it owns, or more than its quota while the taker's part stays
    within its own with the job.

    Source: KAI-Scheduler, plugins/proportion/reclaimable/strategies; Volcano, proportion and
    capacity, ReclaimableFn.
    """
    q = s.quota
    theirs = part_below(s, queue, other)
    mine = part_below(s, other, queue)
    for r in range(3):
        if s.fair_share.counted[r] and held(s, theirs, r) > owned(s, theirs, r) + LITTLE:
            return True
    if not s.fair_share.quota_first:
        return False
    for r in range(3):
        if s.fair_share.counted[r]:
            if held(s, mine, r) + wish(s, form, r) > q.nominal[mine, r]:
                return False
    for r in range(3):
        if s.fair_share.counted[r] and held(s, theirs, r) > q.nominal[theirs, r]:
            return True
    return False


@jit
def keeps_order(s: State, form: int, n: int) -> bool:
    """Return whether the parts of the tree over a taker end less saturated than those that gave.

    Only one beyond its share is asked: held / share, the taker's times a multiplier, must be less.
    """
    q, fair = s.quota, s.fair_share
    if not fair.quota_first:
        return True
    for i in range(n):
        queue, other = q.queue[form], q.queue[q.form[q.gone[i]]]
        if queue == other:
            continue
        mine, theirs = part_below(s, other, queue), part_below(s, queue, other)
        for r in range(3):
            if not fair.counted[r] or fair.share[theirs, r] == 0.0:
                continue
            has, due = float(held(s, mine, r) + wish(s, form, r)), fair.share[mine, r]
            if has > due + LITTLE:
                ratio = np.inf if due == 0.0 else has / due * fair.multiplier
                if ratio >= held(s, theirs, r) / fair.share[theirs, r]:
                    return False
    return True


@jit
def useful(s: State, other: int, form: int) -> bool:
    """Return whether a job holds anything that a form asks for."""
    for r in range(3):
        if wish(s, form, r) > 0 and wish(s, s.quota.form[other], r) > 0:
            return True
    return False


@jit
def goes_first(s: State, queue: int, job: int, form: int, own: bool, now_s: float) -> int:
    """Return the job of a queue that would be evicted next: lowest priority, last in order; or -1.

    None that may not be evicted, has just started, or in the taker's queue (`own`) is no lower.
    """
    q, jobs, best = s.quota, s.jobs, -1
    other = q.newest[queue]
    while other >= 0:
        open_ = q.rank[other] < 1 and not s.fair_share.fixed[q.form[other]]
        if open_ and q.since_s[other] < now_s and not spared(s, other, now_s):
            if (not own or jobs.priority[other] < jobs.priority[job]) and useful(s, other, form):
                if (
                    best < 0
                    or jobs.priority[other] < jobs.priority[best]
                    or (jobs.priority[other] == jobs.priority[best] and before(s, best, other))
                ):
                    best = other
        other = q.older[other]
    return int(best)


@jit
def next_victim(s: State, job: int, own: bool, next_: I8, now_s: float) -> int:
    """Return the job that is evicted next for another; -1 if there is none.

    `next_` holds each queue's candidate, -2 where it must be looked for. It is taken from the queue
    that would be served last.
    """
    q = s.quota
    form = q.form[job]
    queue = q.queue[form]
    if own:
        return goes_first(s, queue, job, form, True, now_s)
    asked = np.full(next_.size, NOBODY, np.int64)
    for other in range(next_.size):
        if other == queue or not s.fair_share.gives[other] or next_[other] == -1:
            continue
        if not must_give(s, queue, form, other):
            continue
        if next_[other] == -2:
            next_[other] = goes_first(s, other, job, form, False, now_s)
        if next_[other] >= 0:
            asked[other] = q.form[next_[other]]
    nodes = q.parent.size
    won, best = np.full(nodes, -1, np.int64), np.full(nodes + 1, -1, np.int64)
    from_ = seat_all(s, asked, won, best, True)
    if from_ < 0:
        return -1
    victim = int(next_[from_])
    next_[from_] = -2
    return victim


@jit
def victims(s: State, job: int, own: bool, now_s: float) -> int:
    """Return how many jobs, listed in `gone`, must go for a job to start; 0 if none would do.

    They go one by one until it finds nodes; then those it does not need stay. All is as it was.
    """
    q, n, found = s.quota, 0, False
    form = q.form[job]
    next_ = np.full(q.newest.size, -2, np.int64)
    while not found:
        victim = next_victim(s, job, own, next_, now_s)
        if victim < 0:
            break
        q.rank[victim] = 1
        use(s, victim, -1)
        release(s, victim, 1)
        q.gone[n] = victim
        n += 1
        if not keeps_order(s, form, n):
            break
        found = allowed(s, form) and look(s, job, False, now_s) >= 0
    many = n
    for i in range(n - 2 if found else -1, -1, -1):
        release(s, q.gone[i], -1)
        use(s, q.gone[i], 1)
        if allowed(s, form) and look(s, job, False, now_s) >= 0:
            q.rank[q.gone[i]] = 0
            n -= 1
            q.gone[i], q.gone[n] = q.gone[n], q.gone[i]
        else:
            release(s, q.gone[i], 1)
            use(s, q.gone[i], -1)
    for i in range(n):
        release(s, q.gone[i], -1)
        use(s, q.gone[i], 1)
    for i in range(many):
        q.rank[q.gone[i]] = 0
    return n if found else 0


@jit
def may_take(s: State, job: int, own: bool, now_s: float) -> bool:
    """Return whether a job may evict others at this instant.

    Of other queues only while its own stays within its share; one that gave way evicts nobody.
    """
    q = s.quota
    form = q.form[job]
    if q.out_s[job] == now_s:
        return False
    if own:
        return bool(q.within[q.queue[form]] == LOWER)
    return bool(s.fair_share.takes and within_share(s, q.queue[form], form))
