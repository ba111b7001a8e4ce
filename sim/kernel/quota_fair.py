"""Fair sharing of what is borrowed: dominant shares decide who goes first and who gives way."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.kernel.quota import before, use
from sim.kernel.quota_level import fits, over
from sim.kernel.quota_reclaim import goes_sooner, meet, open_to, spare
from sim.state.arrays import B1, I8
from sim.state.handle import State
from sim.state.quota import FINAL, NEVER

WEIGHTLESS = 1e10
"""Beyond any share of a weight above 0: where the shares of those of weight 0 begin."""


@jit
def share(s: State, node: int) -> float:
    """Return a node's dominant share of what it borrows; 0 if it borrows nothing, or is a root.

    max over resources of 1000 x sum over flavors of max(0, used - subtree) / lendable, over the
    weight. Who has weight 0 comes after all others.

    Source: Kueue, pkg/cache/scheduler/fair_sharing.go; Ghodsi et al., NSDI 2011.
    """
    q, most = s.quota, 0.0
    if q.parent[node] < 0:
        return 0.0
    for r in range(3):
        borrowed = 0
        for cell in range(r, q.used.shape[1], 3):
            borrowed += max(0, q.used[node, cell] - q.subtree[node, cell])
        if borrowed > 0 and q.lendable[node, r] > 0.0:
            most = max(most, borrowed * 1000.0 / q.lendable[node, r])
    if most == 0.0:
        return 0.0
    return float(most / q.weight[node] if q.weight[node] > 0.0 else WEIGHTLESS + most)


@jit
def borrows(s: State, node: int) -> bool:
    """Return whether a node uses more than its quota of anything."""
    for flavor in range(s.quota.used.shape[1] // 3):
        if s.quota.parent[node] >= 0 and over(s, node, flavor, 7):
            return True
    return False


@jit
def wants(s: State, form: int) -> int:
    """Return the resources that a form asks for, as bits."""
    bits = 0
    for r in range(3):
        if s.quota.ask[form, r] > 0:
            bits |= 1 << r
    return bits


@jit
def fairest(s: State, root: int, job: I8, flavor: I8, open_: B1) -> int:
    """Return the queue whose head goes next: the winner of a tournament up the tree; -1 if none.

    `job`, `flavor` and `open_` are by queue. At each cohort the child goes first whose part does
    not borrow with its job, of what it asks; then the least share; then the queue's order.

    Source: Kueue, pkg/scheduler/fair_sharing_iterator.go.
    """
    q = s.quota
    nodes, queues = q.parent.size, q.newest.size
    won = np.full(nodes, -1, np.int64)
    for node in range(nodes - 1, -1, -1):
        if q.root[node] != root:
            continue
        if node < queues and open_[node]:
            won[node] = node
    better = np.zeros(nodes)
    lends = np.zeros(nodes, np.bool_)
    for child in range(nodes):  # queues first, then cohorts from the leaves
        node = child if child < queues else nodes - 1 - (child - queues)
        if won[node] < 0 or q.parent[node] < 0:
            continue
        queue = won[node]
        use_at(s, job[queue], flavor[queue], 1)
        mine = share(s, node)
        lent = over(s, node, flavor[queue], wants(s, q.form[job[queue]]))
        use_at(s, job[queue], flavor[queue], -1)
        up = q.parent[node]
        if won[up] >= 0:
            if lent != lends[up]:
                wins = not lent
            elif mine != better[up]:
                wins = mine < better[up]
            else:
                wins = before(s, job[queue], job[won[up]])
            if not wins:
                continue
        won[up], better[up], lends[up] = queue, mine, lent
    return int(won[root])


@jit
def use_at(s: State, job: int, flavor: int, sign: int) -> None:
    """Let a job that waits use (+1) the quota it would get, or no more (-1)."""
    s.quota.flavor[job] = flavor
    use(s, job, sign)
    s.quota.flavor[job] = -1


@jit
def first_of(s: State, at: I8, end: I8, queue: int) -> int:
    """Return the candidate of a queue that goes first; -1 if it has no more."""
    return int(s.quota.heap[at[queue]]) if at[queue] < end[queue] else -1


@jit
def target(s: State, queue: int, at: I8, end: I8, out: B1) -> int:
    """Return the queue to take from next: down from the root, the greatest share; -1 if none is.

    `at` and `end` say where each queue's candidates stand in `heap`. Queues and cohorts marked in
    `out` are passed over; those that borrow nothing, or have no candidate left, are marked.

    Source: Kueue, pkg/scheduler/preemption/fairsharing/ordering.go.
    """
    q = s.quota
    node, queues = q.root[queue], q.newest.size
    if node == queue:
        return queue if at[queue] < end[queue] else -1
    while True:
        best, most, part, greatest = -1, -1.0, -1, -1.0
        for child in range(q.parent.size):
            if q.parent[child] != node or out[child]:
                continue
            mine = share(s, child)
            if child < queues:
                if first_of(s, at, end, child) < 0 or (child != queue and not borrows(s, child)):
                    out[child] = True
                elif mine > most or (
                    mine == most and goes_sooner(s, q.heap[at[child]], q.heap[at[best]])
                ):
                    best, most = child, mine
            elif not borrows(s, child) and not leads_to(s, queue, child):
                out[child] = True
            elif mine >= greatest:
                part, greatest = child, mine
        if part < 0 and best < 0:
            out[node] = True
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
def listed(s: State, job: int, flavor: int, needs: int, now_s: float, at: I8, end: I8) -> int:
    """List the candidates of each queue in `heap`, first to go first; return how many there are."""
    q, n = s.quota, 0
    queue = q.queue[q.form[job]]
    for other_queue in range(q.newest.size):
        at[other_queue] = n
        policy = q.within[queue] if other_queue == queue else q.reclaim[queue]
        mine = other_queue == queue
        if policy != NEVER and q.root[other_queue] == q.root[queue]:
            if mine or (q.parent[queue] >= 0 and over(s, other_queue, flavor, needs)):
                other = q.newest[other_queue]
                while other >= 0:
                    if open_to(s, other, job, flavor, needs, policy, now_s):
                        q.rank[other] = 1 if mine else 0
                        i = n
                        while i > at[other_queue] and goes_sooner(s, other, q.heap[i - 1]):
                            q.heap[i] = q.heap[i - 1]
                            i -= 1
                        q.heap[i] = other
                        n += 1
                    other = q.older[other]
        end[other_queue] = n
    return n


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
    queue, queues = q.queue[form], q.newest.size
    at, end = np.zeros(queues, np.int64), np.zeros(queues, np.int64)
    out = np.zeros(q.parent.size, np.bool_)
    if listed(s, job, flavor, needs, now_s, at, end) == 0:
        return 0
    begin = at.copy()
    left = np.zeros(queues, np.int64)  # those that the first strategy spared stand in front
    use_at(s, job, flavor, 1)
    owns, found = not over(s, queue, flavor, needs), False
    while not found:
        other_queue = target(s, queue, at, end, out)
        if other_queue < 0:
            break
        top = meet(s, queue, other_queue) if other_queue != queue else -1
        while at[other_queue] < end[other_queue]:
            other = q.heap[at[other_queue]]
            at[other_queue] += 1
            goes = other_queue == queue or owns
            if not goes:
                mine = share(s, under(s, queue, top))
                before_ = share(s, under(s, other_queue, top))
                use(s, other, -1)
                after = share(s, under(s, other_queue, top))
                use(s, other, 1)
                goes = mine <= after if q.first == FINAL else mine < before_
            if goes:
                use(s, other, -1)
                q.gone[n] = other
                n += 1
                found = room(s, job, form, flavor)
                break
            q.heap[begin[other_queue] + left[other_queue]] = other
            left[other_queue] += 1
    if not found and q.second != 0:
        for i in range(queues):
            at[i], end[i] = begin[i], begin[i] + left[i]
        out[:] = False
        while not found:
            other_queue = target(s, queue, at, end, out)
            if other_queue < 0:
                break
            top = meet(s, queue, other_queue) if other_queue != queue else -1
            other = q.heap[at[other_queue]]
            if top < 0 or share(s, under(s, queue, top)) < share(s, under(s, other_queue, top)):
                use(s, other, -1)
                q.gone[n] = other
                n += 1
                found = room(s, job, form, flavor)
            at[other_queue] = end[other_queue]
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
