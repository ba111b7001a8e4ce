"""Whom a job evicts to get quota: candidates, a greedy choice, and those it turns out to need."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.kernel.preempt import spared
from sim.kernel.quota import local_left, use
from sim.kernel.quota_level import fits, over
from sim.state.handle import State
from sim.state.quota import ANY, LOWER_OR_NEWER, NEVER
from sim.state.words import JobState

RUNNING = int(JobState.RUNNING)
NEARER, OTHER, OWN, BARRED = 0, 1, 2, 4
"""Candidates of queues farther from the quota go first, then others, then its own queue's; one
that is barred may not go where the taker would borrow."""


@jit
def gives_way(s: State, other: int, job: int, policy: int) -> bool:
    """Return whether a policy lets a job evict another."""
    jobs = s.jobs
    if policy == NEVER:
        return False
    if policy == ANY or jobs.priority[other] < jobs.priority[job]:
        return True
    equal = jobs.priority[other] == jobs.priority[job]
    return bool(policy == LOWER_OR_NEWER and equal and jobs.enter_s[job] < jobs.enter_s[other])


@jit
def first_able(s: State, queue: int, job: int, flavor: int, needs: int, policy: int) -> int:
    """Return the first kin of a queue's holders that could give way to a job; -1 if none could."""
    if policy == NEVER:
        return -1
    return next_able(s, int(s.quota.live[queue, flavor]), job, flavor, needs, policy)


@jit
def next_able(s: State, kin: int, job: int, flavor: int, needs: int, policy: int) -> int:
    """Return the first kin, from one of them on, that uses what a job needs and could give way.

    Behind one of too high a priority there are none.
    """
    q, priority = s.quota, s.jobs.priority
    while kin >= 0:
        other = q.first_kin[kin, flavor]
        if policy != ANY and priority[other] >= priority[job]:
            if priority[other] > priority[job] or policy != LOWER_OR_NEWER:
                return -1
        for r in range(3):
            if needs >> r & 1 == 1 and q.ask[q.form[other], r] > 0:
                return kin
        kin = int(q.next_live[kin, flavor])
    return -1


@jit
def next_to_go(s: State, other: int, job: int, policy: int, now_s: float) -> int:
    """Return the first of the holders alike, from one of them on, who is a candidate; -1 if none.

    They differ only in when they came, and since when they run.
    """
    while other >= 0:
        if gives_way(s, other, job, policy):
            if not (s.jobs.state[other] == RUNNING and spared(s, other, now_s)):
                break
        other = int(s.quota.next_kin[other])
    return other


@jit
def goes_sooner(s: State, a: int, b: int) -> bool:
    """Return whether one candidate goes before another.

    By rank; then lower priority, later admitted, lower row.
    """
    q, jobs = s.quota, s.jobs
    rank, other = q.rank[a] & 3, q.rank[b] & 3
    if rank != other:
        return bool(rank < other)
    if jobs.priority[a] != jobs.priority[b]:
        return bool(jobs.priority[a] < jobs.priority[b])
    if q.since_s[a] != q.since_s[b]:
        return bool(q.since_s[a] > q.since_s[b])
    return bool(a < b)


@jit
def sift(s: State, i: int, n: int) -> None:
    """Let the candidate at `i` of the heap sink to its place."""
    heap = s.quota.heap
    job = heap[i]
    while 2 * i + 1 < n:
        k = 2 * i + 1
        if k + 1 < n and goes_sooner(s, heap[k + 1], heap[k]):
            k += 1
        if not goes_sooner(s, heap[k], job):
            break
        heap[i] = heap[k]
        i = k
    heap[i] = job


@jit
def meet(s: State, queue: int, other: int) -> int:
    """Return the lowest cohort over both queues of a tree."""
    parent = s.quota.parent
    node = parent[other]
    while node >= 0:
        at = parent[queue]
        while at >= 0 and at != node:
            at = parent[at]
        if at == node:
            break
        node = parent[node]
    return int(node)


@jit
def borrows_up_to(s: State, queue: int, top: int, flavor: int, needs: int) -> bool:
    """Return whether a queue and all cohorts over it, below `top`, use more than their quota."""
    node = queue
    while node != top:
        if not over(s, node, flavor, needs):
            return False
        node = s.quota.parent[node]
    return True


@jit
def nearer(s: State, form: int, flavor: int, top: int) -> bool:
    """Return whether a part of the tree that is nearer to the taker than `top` has quota enough.

    Then it takes back what is its own, whatever the priorities.
    """
    q, left = s.quota, s.quota.ask[form].copy()
    node = q.queue[form]
    while node != top:
        found = True
        for r in range(3):
            cell = 3 * flavor + r
            found = found and (
                left[r] == 0 or q.used[node, cell] + left[r] <= q.subtree[node, cell]
            )
            left[r] = max(0, left[r] - local_left(s, node, cell))
        if found:
            return True
        node = q.parent[node]
    return False


@jit
def collect(s: State, job: int, flavor: int, needs: int, now_s: float) -> tuple[int, int, int]:
    """List the first candidate of each kin in `heap`; the others follow it in their order.

    Return how many there are, how many are of other queues, and how many of these are nearer.

    Source: Kueue, pkg/scheduler/preemption/classical.
    """
    q, n, others, near = s.quota, 0, 0, 0
    form = q.form[job]
    queue = q.queue[form]
    begin = q.tree_at[q.root[queue]]
    for i in range(begin, begin + q.tree_queues[q.root[queue]]):
        other_queue = q.tree[i]
        policy, rank, bars = q.within[queue], OWN, False
        if other_queue != queue:
            policy = q.reclaim[queue]
            if policy == NEVER:
                continue
            top = meet(s, queue, other_queue)
            if not borrows_up_to(s, other_queue, top, flavor, needs):
                continue
            rank = NEARER if nearer(s, form, flavor, top) else OTHER
            bars = rank == OTHER and q.to_borrow[queue] == NEVER
        kin = first_able(s, other_queue, job, flavor, needs, policy)
        while kin >= 0:
            other = next_to_go(s, q.first_kin[kin, flavor], job, policy, now_s)
            if other >= 0:
                q.heap[n], q.rank[other] = other, rank
                n += 1
                others += 1 if rank != OWN else 0
                near += 1 if rank == NEARER else 0
                if rank == OTHER and (
                    bars
                    or s.jobs.priority[other] >= s.jobs.priority[job]
                    or s.jobs.priority[other] > q.most_priority[queue]
                ):
                    q.rank[other] = OTHER | BARRED
            kin = next_able(s, q.next_live[kin, flavor], job, flavor, needs, policy)
    return n, others, near


@jit
def still(s: State, other: int, queue: int, flavor: int, needs: int, borrows: bool) -> bool:
    """Return whether a candidate still is one, after others have gone."""
    q = s.quota
    theirs = q.queue[q.form[other]]
    if theirs == queue:
        return True
    if borrows and q.rank[other] & BARRED:
        return False
    return borrows_up_to(s, theirs, meet(s, queue, theirs), flavor, needs)


@jit
def spare(s: State, form: int, flavor: int, borrows: bool, n: int) -> int:
    """Walk back through the n jobs in `gone`: who need not go stays. Return how many go."""
    q = s.quota
    for i in range(n - 2, -1, -1):
        use(s, q.gone[i], 1)
        if fits(s, form, flavor, borrows):
            n -= 1
            q.gone[i] = q.gone[n]
        else:
            use(s, q.gone[i], -1)
    return n


@jit
def attempt(
    s: State, job: int, flavor: int, needs: int, many: int, borrows: bool, now_s: float
) -> int:
    """Let candidates go one by one until the job fits; return how many of them must, 0 if in vain.

    They lie in `gone`; the quota is put back as it was. Behind one that is no candidate any more
    none of its kin is: usage only falls.
    """
    q, n = s.quota, 0
    form = q.form[job]
    queue, left, found = q.queue[form], many, False
    for i in range(left // 2 - 1, -1, -1):
        sift(s, i, left)
    while left > 0 and not found:
        other, after = q.heap[0], -1
        if still(s, other, queue, flavor, needs, borrows):
            use(s, other, -1)
            q.gone[n] = other
            n += 1
            found = fits(s, form, flavor, borrows)
            own = q.queue[q.form[other]] == queue
            policy = q.within[queue] if own else q.reclaim[queue]
            after = next_to_go(s, q.next_kin[other], job, policy, now_s)
        if after >= 0:
            q.rank[after], q.heap[0] = q.rank[other], after
        else:
            left -= 1
            q.heap[0] = q.heap[left]
        if left > 1:
            sift(s, 0, left)
    if found:
        n = spare(s, form, flavor, borrows, n)
    for i in range(n):
        use(s, q.gone[i], 1)
    return n if found else 0


@jit
def below(s: State, queue: int, flavor: int, needs: int) -> bool:
    """Return whether a queue uses less than its own quota of all that it needs."""
    q = s.quota
    for r in range(3):
        cell = 3 * flavor + r
        if needs >> r & 1 and q.used[queue, cell] >= q.subtree[queue, cell]:
            return False
    return True


@jit
def classic(s: State, job: int, flavor: int, needs: int, now_s: float) -> int:
    """Return how many jobs, listed in `gone`, must go for a job to get quota; 0 if none would do.

    Borrowing, and then without, where others may go that bar it; the other way round where the
    queue only takes back what is its own.

    Source: Kueue, pkg/scheduler/preemption/preemption.go, `classicalPreemptions`.
    """
    q = s.quota
    queue = q.queue[q.form[job]]
    if q.within[queue] == NEVER and q.to_borrow[queue] == NEVER:
        if not nearer(s, q.form[job], flavor, q.root[queue]):
            return 0  # it would have to borrow, and may evict nobody for that
    many, others, near = collect(s, job, flavor, needs, now_s)
    if many == 0:
        return 0
    forbidden = q.to_borrow[queue] == NEVER
    if others == 0 or (forbidden and not below(s, queue, flavor, needs)):
        return attempt(s, job, flavor, needs, many, True, now_s)
    first = not (forbidden and near == 0)
    n = attempt(s, job, flavor, needs, many, first, now_s)
    if n == 0:
        many, others, near = collect(s, job, flavor, needs, now_s)
        n = attempt(s, job, flavor, needs, many, not first, now_s)
    return n
