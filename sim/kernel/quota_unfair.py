"""Fair sharing of what is borrowed: dominant shares decide who gives way."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.kernel.quota import use
from sim.kernel.quota_fair import borrows, share, use_at
from sim.kernel.quota_level import fits, over
from sim.kernel.quota_reclaim import (
    first_able,
    goes_sooner,
    meet,
    next_able,
    next_to_go,
    spare,
)
from sim.state.handle import State
from sim.state.quota import FINAL, NEVER

UNKNOWN = -1.0


@jit
def share_now(s: State, node: int) -> float:
    """Return a node's share, as it was found when its use last changed."""
    if s.quota.share[node] == UNKNOWN:
        s.quota.share[node] = share(s, node)
    return float(s.quota.share[node])


@jit
def ask_anew(s: State, queue: int) -> None:
    """Forget the shares that a change of a queue's use may have changed."""
    node = queue
    while node >= 0:
        s.quota.share[node] = UNKNOWN
        node = s.quota.parent[node]


@jit
def head_of(s: State, queue: int) -> int:
    """Return where in `heap` the candidate of a queue stands that goes first."""
    q = s.quota
    first = q.at[queue]
    for i in range(first + 1, q.end[queue]):
        if goes_sooner(s, q.heap[i], q.heap[first]):
            first = i
    return int(first)


@jit
def goes_before(s: State, queue: int, other: int) -> bool:
    """Return whether the first candidate of a queue goes before another queue's."""
    heap = s.quota.heap
    return bool(goes_sooner(s, heap[head_of(s, queue)], heap[head_of(s, other)]))


@jit
def target(s: State, queue: int) -> int:
    """Return the queue to take from next: down from the root, the greatest share; -1 if none is.

    `at` and `end` say where each queue's candidates stand in `heap`. Queues and cohorts marked in
    `out` are passed over; those that borrow nothing, or have no candidate left, are marked.

    Source: Kueue, pkg/scheduler/preemption/fairsharing/ordering.go.
    """
    q = s.quota
    node, queues = q.root[queue], q.newest.size
    if node == queue:
        return queue if q.at[queue] < q.end[queue] else -1
    while True:
        best, most, part, greatest = -1, -1.0, -1, -1.0
        for i in range(q.kids_at[node], q.kids_at[node + 1]):
            child = q.kids[i]
            if q.out[child]:
                continue
            if child < queues:
                if q.at[child] == q.end[child] or (child != queue and not borrows(s, child)):
                    q.out[child] = True
                    continue
                mine = share_now(s, child)
                if mine > most or (mine == most and goes_before(s, child, best)):
                    best, most = child, mine
            elif not borrows(s, child) and not leads_to(s, queue, child):
                q.out[child] = True
            elif share_now(s, child) >= greatest:
                part, greatest = child, share_now(s, child)
        if part < 0 and best < 0:
            q.out[node] = True
            if q.parent[node] < 0:
                return -1
            node = q.root[queue]
        elif part >= 0 and greatest >= most:
            node = part
        else:
            return int(best)


@jit
def leads_to(s: State, queue: int, node: int) -> bool:
    """Return whether a cohort lies over a queue."""
    at = s.quota.parent[queue]
    while at >= 0 and at != node:
        at = s.quota.parent[at]
    return bool(at == node)


@jit
def under(s: State, queue: int, top: int) -> int:
    """Return the queue or cohort over it that lies just below `top`."""
    node = queue
    while s.quota.parent[node] != top:
        node = s.quota.parent[node]
    return int(node)


@jit
def safe(s: State, queue: int) -> bool:
    """Return whether every part of the tree has less than the taker's part beside it, job counted.

    Then no strategy lets anybody go: a share only falls as jobs go, and they are compared so.
    """
    q, node = s.quota, queue
    while q.parent[node] >= 0:
        up, mine = q.parent[node], share_now(s, node)
        for i in range(q.kids_at[up], q.kids_at[up + 1]):
            if q.kids[i] != node and share_now(s, q.kids[i]) >= mine:
                return False
        node = up
    return True


@jit
def listed(s: State, job: int, flavor: int, needs: int, now_s: float) -> int:
    """List the first candidate of each kin of each queue in `heap`; return how many there are.

    The others of a kin follow it in their order.
    """
    q, n = s.quota, 0
    queue = q.queue[q.form[job]]
    begin = q.tree_at[q.root[queue]]
    for i in range(begin, begin + q.tree_queues[q.root[queue]]):
        other_queue = q.tree[i]
        mine = other_queue == queue
        policy = q.within[queue] if mine else q.reclaim[queue]
        q.at[other_queue], q.spared[other_queue] = n, -1
        if mine or over(s, other_queue, flavor, needs):
            kin = first_able(s, other_queue, job, flavor, needs, policy)
            while kin >= 0:
                other = next_to_go(s, q.first_kin[kin, flavor], job, policy, now_s)
                if other >= 0:
                    q.heap[n], q.rank[other] = other, 1 if mine else 0
                    n += 1
                kin = next_able(s, q.next_live[kin, flavor], job, flavor, needs, policy)
        q.end[other_queue] = n
    return n


@jit
def skip_to(s: State, queue: int, chosen: int, job: int, now_s: float) -> None:
    """Let a queue's candidates begin behind one of them."""
    q = s.quota
    taker = q.queue[q.form[job]]
    policy = q.within[taker] if queue == taker else q.reclaim[taker]
    i = q.at[queue]
    while i < q.end[queue]:
        other = q.heap[i]
        rank = q.rank[other]
        while other >= 0 and (other == chosen or goes_sooner(s, other, chosen)):
            other = next_to_go(s, q.next_kin[other], job, policy, now_s)
            if other >= 0:
                q.rank[other] = rank
        if other >= 0:
            q.heap[i] = other
            i += 1
        else:
            q.end[queue] -= 1
            q.heap[i] = q.heap[q.end[queue]]


@jit
def taken(s: State, job: int, queue: int, owns: bool, now_s: float) -> int:
    """Return the first candidate of a queue that the first strategy lets go; -1 if it spares all.

    Those before it are spared; the first of them is noted for the second strategy. Jobs alike
    would leave the same share, so that one of each kin is asked.
    """
    q = s.quota
    taker = q.queue[q.form[job]]
    all_go, mine, theirs, node = queue == taker or owns, 0.0, 0.0, queue
    if not all_go:
        top = meet(s, taker, queue)
        node = under(s, queue, top)
        mine, theirs = share_now(s, under(s, taker, top)), share_now(s, node)
    first, best = -1, -1
    for i in range(q.at[queue], q.end[queue]):
        other = q.heap[i]
        if first < 0 or goes_sooner(s, other, q.heap[first]):
            first = i
        if best >= 0 and not goes_sooner(s, other, q.heap[best]):
            continue
        goes = all_go or mine < theirs or (q.first == FINAL and mine == theirs)
        if goes and not all_go and q.first == FINAL:
            use(s, other, -1)
            goes = mine <= share(s, node)
            use(s, other, 1)
        if goes:
            best = i
    if first != best and q.spared[queue] < 0:
        q.spared[queue] = q.heap[first]
    if best < 0:
        q.end[queue] = q.at[queue]
        return -1
    chosen = int(q.heap[best])
    skip_to(s, queue, chosen, job, now_s)
    return chosen


@jit
def fair(s: State, job: int, flavor: int, needs: int, now_s: float) -> int:
    """Return how many jobs, listed in `gone`, must go for a job to get quota by fair shares.

    Of the queue with the greatest share, those go whose strategy allows it: FINAL, while the
    taker's share with its job is at most the victim's without the one that goes; INITIAL, while it
    is less than the victim's with it. Within its own quota a taker need not compare.

    Source: Kueue, pkg/scheduler/preemption/preemption.go, `fairPreemptions`.
    """
    q, n = s.quota, 0
    form = q.form[job]
    queue = q.queue[form]
    begin, end = q.tree_at[q.root[queue]], q.tree_at[q.root[queue] + 1]
    queues = begin + q.tree_queues[q.root[queue]]
    for i in range(begin, end):
        q.share[q.tree[i]], q.out[q.tree[i]] = UNKNOWN, False
    use_at(s, job, flavor, 1)
    owns, found = not over(s, queue, flavor, needs), False
    if not owns and q.within[queue] == NEVER and safe(s, queue):
        use_at(s, job, flavor, -1)
        return 0
    if listed(s, job, flavor, needs, now_s) == 0:
        use_at(s, job, flavor, -1)
        return 0
    while not found:
        other_queue = target(s, queue)
        if other_queue < 0:
            break
        other = taken(s, job, other_queue, owns, now_s)
        if other >= 0:
            use(s, other, -1)
            ask_anew(s, other_queue)
            q.gone[n] = other
            n += 1
            found = room(s, job, form, flavor)
    if not found and q.second != 0:
        for i in range(begin, queues):
            one = q.tree[i]
            q.end[one] = q.at[one]
            if q.spared[one] >= 0:
                q.heap[q.at[one]] = q.spared[one]
                q.end[one] += 1
        for i in range(begin, end):
            q.out[q.tree[i]] = False
        while not found:
            other_queue = target(s, queue)
            if other_queue < 0:
                break
            top = meet(s, queue, other_queue) if other_queue != queue else -1
            other = q.heap[q.at[other_queue]]
            q.end[other_queue] = q.at[other_queue]
            if top < 0 or share_now(s, under(s, queue, top)) < share_now(
                s, under(s, other_queue, top)
            ):
                use(s, other, -1)
                ask_anew(s, other_queue)
                q.gone[n] = other
                n += 1
                found = room(s, job, form, flavor)
    use_at(s, job, flavor, -1)
    if found:
        n = spare(s, form, flavor, True, n)
    for i in range(n):
        use(s, q.gone[i], 1)
    return n if found else 0


@jit
def room(s: State, job: int, form: int, flavor: int) -> bool:
    """Return whether a job fits whose use is counted already."""
    use_at(s, job, flavor, -1)
    found = fits(s, form, flavor, True)
    use_at(s, job, flavor, 1)
    return found
