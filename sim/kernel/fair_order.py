"""Which queue is served next, and from which is taken back: by what each holds of its share."""

from __future__ import annotations

from sim.kernel.fair_share import LITTLE, held
from sim.kernel.jit import jit
from sim.state.arrays import I8
from sim.state.fair_share import QUOTA_FIRST
from sim.state.handle import State

DEAR = 1000.0
"""How much more each unit counts that is held by a queue which is due nothing."""
NOBODY = -1
"""The form of no job."""


@jit
def owned(s: State, node: int, r: int) -> float:
    """Return what nobody else may take back from a node: its share or quota, as far as its limit.

    Where shares do not begin with quotas, its share.
    """
    fair = s.fair_share
    if fair.division != QUOTA_FIRST:
        return float(fair.share[node, r])
    return min(max(float(s.quota.nominal[node, r]), fair.share[node, r]), fair.limit[node, r])


@jit
def wish(s: State, form: int, r: int) -> int:
    """Return what a form of job asks for; nothing of nobody."""
    return int(s.quota.ask[form, r]) if form >= 0 else 0


@jit
def saturation(s: State, node: int, form: int) -> float:
    """Return the greatest part of what it owns that a node holds, with a job of a form."""
    most = 0.0
    for r in range(3):
        if not s.fair_share.counted[r]:
            continue
        has, own = float(held(s, node, r) + wish(s, form, r)), owned(s, node, r)
        if has == 0.0:
            continue
        if own > 0.0:
            most = max(most, has / own)
        elif s.fair_share.quota_first:
            most = max(most, has / s.fair_share.unit[r] * DEAR)
        else:
            most = max(most, 1.0)
    return most


@jit
def within_quota(s: State, node: int, form: int) -> bool:
    """Return whether a node holds no more than its quota of anything, with a job of a form."""
    for r in range(3):
        if s.fair_share.counted[r]:
            if held(s, node, r) + wish(s, form, r) > s.quota.nominal[node, r]:
                return False
    return True


@jit
def beyond_all(s: State, node: int) -> bool:
    """Return whether a node holds more than its share of everything that is counted."""
    for r in range(3):
        if s.fair_share.counted[r] and held(s, node, r) <= s.fair_share.share[node, r] + LITTLE:
            return False
    return True


@jit
def owns_less(s: State, a: int, b: int) -> int:
    """Return 1 if a owns no more than b of anything and less of something, -1 the other way."""
    less, more = False, False
    for r in range(3):
        if s.fair_share.counted[r]:
            less = less or owned(s, a, r) < owned(s, b, r)
            more = more or owned(s, a, r) > owned(s, b, r)
    return int(less and not more) - int(more and not less)


@jit
def owes(s: State, node: int, form: int) -> bool:
    """Return whether a node would hold with a job of what it owns nothing of."""
    for r in range(3):
        if s.fair_share.counted[r] and owned(s, node, r) == 0.0:
            if held(s, node, r) + wish(s, form, r) > 0:
                return True
    return False


@jit
def sooner(s: State, a: int, form_a: int, b: int, form_b: int) -> bool:
    """Return whether one of two siblings is served before the other, each with its next job.

    Where quotas go first: who is not beyond its share; who stays within its quota with its job;
    greater priority; who owns some of what it asks; less saturated with its job, and without it;
    who owns less. Else: greater priority, less saturated without it. At last who was told first.

    Source: KAI-Scheduler, plugins/proportion/queue_order; Volcano, proportion's queue order.
    """
    fair = s.fair_share
    if fair.quota_first:
        x, y = beyond_all(s, a), beyond_all(s, b)
        if x != y:
            return bool(y)
        x, y = within_quota(s, a, form_a), within_quota(s, b, form_b)
        if x != y:
            return bool(x)
    if fair.priority[a] != fair.priority[b]:
        return bool(fair.priority[a] > fair.priority[b])
    if fair.quota_first:
        x, y = owes(s, a, form_a), owes(s, b, form_b)
        if x != y:
            return bool(y)
        left, right = saturation(s, a, form_a), saturation(s, b, form_b)
        if left != right:
            return bool(left < right)
    left, right = saturation(s, a, NOBODY), saturation(s, b, NOBODY)
    if left != right:
        return bool(left < right)
    if fair.quota_first and owns_less(s, a, b) != 0:
        return bool(owns_less(s, a, b) > 0)
    return a < b


@jit
def seat(s: State, top: int, form: I8, won: I8, best: I8, last: bool) -> None:
    """Note in `best` the child of a node that is served next, or `last`, and in `won` its queue."""
    q = s.quota
    nodes, found = q.parent.size, -1
    for node in range(nodes):
        if q.parent[node] != top or won[node] < 0:
            continue
        if found < 0:
            found = node
            continue
        a = NOBODY if last else form[won[node]]
        b = NOBODY if last else form[won[found]]
        if sooner(s, node, a, found, b) != last:
            found = node
    best[top if top >= 0 else nodes] = found
    if top >= 0:
        won[top] = won[found] if found >= 0 else -1


@jit
def seat_all(s: State, form: I8, won: I8, best: I8, last: bool) -> int:
    """Hold a tournament up the tree, each node with the job of its best queue; return who won it.

    That is the queue that is served next, or `last`, of those with a form; -1 if none has one.
    `form` is that of each queue's next job, (queues,), NOBODY where the job does not count.
    """
    nodes, queues = s.quota.parent.size, form.size
    for queue in range(queues):
        won[queue] = queue if form[queue] >= 0 else -1
    for node in range(nodes - 1, queues - 1, -1):
        seat(s, node, form, won, best, last)
    seat(s, -1, form, won, best, last)
    return int(won[best[nodes]]) if best[nodes] >= 0 else -1


@jit
def seat_again(s: State, queue: int, form: I8, won: I8, best: I8) -> int:
    """Hold it anew after a queue's next job, or what it holds, has changed; return who won it."""
    won[queue] = queue if form[queue] >= 0 else -1
    node, nodes = queue, s.quota.parent.size
    while node >= 0:
        node = s.quota.parent[node]
        seat(s, node, form, won, best, False)
    return int(won[best[nodes]]) if best[nodes] >= 0 else -1
