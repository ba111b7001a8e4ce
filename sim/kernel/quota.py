"""Quota: what a queue may take, and who holds what. Cheap: as many steps as the tree is deep."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.kernel.quota_kin import join_kin, part_kin
from sim.kernel.size import form_of, take_size
from sim.state.columns import HEAD, HOLDS, PLENTY, WHOLE
from sim.state.handle import State
from sim.state.quota import LIMITS
from sim.state.words import JobState

WAITING = int(JobState.WAITING)


@jit
def local_left(s: State, node: int, cell: int) -> int:
    """Return what a node still has that it lends to nobody."""
    return max(0, s.quota.local[node, cell] - s.quota.used[node, cell])


@jit
def available(s: State, queue: int, cell: int) -> int:
    """Return what a queue could still take of a cell, borrowing as far as it may; below 0 if over.

    A root: subtree - used. Below it: local_left + min(available of the parent, subtree - local -
    max(0, used - local) + borrowing limit), here unrolled from the queue upwards.

    Source: Kueue, pkg/cache/scheduler/resource_node.go.
    """
    q, node, have, most = s.quota, queue, 0, PLENTY
    while q.parent[node] >= 0:
        have += local_left(s, node, cell)
        if q.borrow[node, cell] < PLENTY:
            local = q.local[node, cell]
            kept = q.subtree[node, cell] - local - max(0, q.used[node, cell] - local)
            most = min(most, have + kept + q.borrow[node, cell])
        node = q.parent[node]
    return int(min(most, have + q.subtree[node, cell] - q.used[node, cell]))


@jit
def charge(s: State, queue: int, cell: int, amount: int) -> None:
    """Use quota: what a node does not have locally is used of its parent."""
    q, node = s.quota, queue
    while node >= 0 and amount > 0:
        left = local_left(s, node, cell)
        q.used[node, cell] += amount
        amount -= left
        node = q.parent[node]


@jit
def discharge(s: State, queue: int, cell: int, amount: int) -> None:
    """Use quota no more: what was the parent's goes back first."""
    q, node = s.quota, queue
    while node >= 0 and amount > 0:
        above = q.used[node, cell] - q.local[node, cell]
        q.used[node, cell] -= amount
        amount = min(amount, above)
        node = q.parent[node]


@jit
def use(s: State, job: int, sign: int) -> None:
    """Let a job use the quota of its flavor (+1), or no more (-1)."""
    q = s.quota
    form = q.form[job]
    for r in range(3):
        amount = q.ask[form, r]
        if amount > 0:
            if sign > 0:
                charge(s, q.queue[form], 3 * q.flavor[job] + r, amount)
            else:
                discharge(s, q.queue[form], 3 * q.flavor[job] + r, amount)


@jit
def before(s: State, a: int, b: int) -> bool:
    """Return whether a job goes before another: least key first, ties to lower rows."""
    key = s.jobs.key
    return bool(key[a] < key[b] or (key[a] == key[b] and a < b))


@jit
def wait(s: State, job: int) -> None:
    """A job waits for quota: it joins the heap of its form.

    Where that was refused and nothing has changed, nobody need be asked.
    """
    q = s.quota
    form = q.form[job]
    line, top, i = q.line, q.place[form], q.size[form]
    q.size[form] = i + 1
    q.n[0] += 1
    while i > 0:
        up = (i - 1) >> 1
        if not before(s, job, line[top + up]):
            break
        line[top + i] = line[top + up]
        i = up
    line[top + i] = job
    root = q.root[q.queue[form]]
    if q.firm[root] or q.refused[form] != q.change[root]:
        q.stale[root] = True


@jit
def unblock(s: State, queue: int) -> None:
    """Somebody waits for quota no more: where a queue is strict it may have blocked others.

    Source: Kueue, pkg/cache/queue: a strict queue's head is tried again and again until it is gone.
    """
    if s.quota.strict[queue]:
        s.quota.stale[s.quota.root[queue]] = True


@jit
def take_first(s: State, form: int) -> int:
    """Take the first job of a form off its heap and return it."""
    q = s.quota
    line, top = q.line, q.place[form]
    first, n = line[top], q.size[form] - 1
    q.size[form] = n
    last, i = line[top + n], 0
    while True:
        k = 2 * i + 1
        if k >= n:
            break
        if k + 1 < n and before(s, line[top + k + 1], line[top + k]):
            k += 1
        if not before(s, line[top + k], last):
            break
        line[top + i] = line[top + k]
        i = k
    line[top + i] = last
    return int(first)


@jit
def waiting(s: State) -> np.ndarray:
    """Return the jobs that wait for quota, (k,)."""
    q, n = s.quota, 0
    out = np.empty(q.size.sum(), np.int64)
    for form in range(q.size.size):
        for i in range(q.place[form], q.place[form] + q.size[form]):
            if s.jobs.state[q.line[i]] == WAITING:
                out[n] = q.line[i]
                n += 1
    return out[:n]


@jit
def forget(s: State) -> None:
    """Let nobody wait for quota: they are about to be put in order anew."""
    s.quota.size[:] = 0
    s.quota.n[0] = 0


@jit
def hold(s: State, job: int, flavor: int, now_s: float) -> None:
    """A job gets the quota of a flavor, and may from now on be placed there only."""
    q = s.quota
    q.flavor[job], q.since_s[job] = flavor, now_s
    s.jobs.klass[job] = q.masked[s.jobs.klass[job], flavor]
    s.jobs.tried[job] = -1
    if q.rule == LIMITS:
        count(s, job, 1)
    else:
        use(s, job, 1)
    queue = q.queue[q.form[job]]
    q.older[job], q.newer[job] = q.newest[queue], -1
    if q.older[job] >= 0:
        q.newer[q.older[job]] = job
    q.newest[queue] = job
    if q.live.size > 0:
        join_kin(s, job)


@jit
def count(s: State, job: int, sign: int) -> None:
    """Count a job among those that run of its association and all over it, of its QOS and user."""
    queue = s.quota.queue[s.quota.form[job]]
    count_from(s, job, association(s, queue), sign)
    if of_qos(s, queue) >= 0:
        count_from(s, job, of_qos(s, queue), sign)


@jit
def association(s: State, queue: int) -> int:
    """Return the node where the limits of a queue's association begin."""
    return int(queue if s.caps.own.size == 0 else s.caps.own[queue])


@jit
def of_qos(s: State, queue: int) -> int:
    """Return the node of the limits of a queue's QOS; -1 if it has none."""
    return int(-1 if s.caps.qos.size == 0 else s.caps.qos[queue])


@jit
def count_from(s: State, job: int, node: int, sign: int) -> None:
    """Count a job among those that run of a node of the tree and all over it, and of its user."""
    q, caps = s.quota, s.caps
    form, user = q.form[job], caps.user[job]
    if caps.user_jobs.size > 0:
        caps.user_jobs[node, user] += sign
        for r in range(3):
            caps.user_used[node, user, r] += sign * q.ask[form, r]
    pledge = sign * s.jobs.walltime_s[job] * s.jobs.gpus[job] * s.jobs.milli[job] / WHOLE
    while node >= 0:
        caps.jobs[node] += sign
        caps.pledged_gpu_s[node] += pledge
        for r in range(3):
            q.used[node, r] += sign * q.ask[form, r]
        node = q.parent[node]


@jit
def repay(s: State, job: int) -> None:
    """A job that has stopped counts no more; the GPU time that it took stays spent."""
    count(s, job, -1)
    for_s = s.jobs.asof_s[job] - s.quota.since_s[job]
    spent = for_s * s.jobs.gpus[job] * s.jobs.milli[job] / WHOLE
    queue = s.quota.queue[s.quota.form[job]]
    node = association(s, queue)
    while node >= 0:
        s.caps.spent_gpu_s[node] += spent
        node = s.quota.parent[node]
    if of_qos(s, queue) >= 0:
        s.caps.spent_gpu_s[of_qos(s, queue)] += spent


@jit
def let_go(s: State, job: int) -> None:
    """A job gives its quota back: who was refused in its tree may be asked again."""
    q = s.quota
    if q.flavor[job] < 0:
        return
    if q.rule == LIMITS:
        repay(s, job)
    else:
        use(s, job, -1)
    queue = q.queue[q.form[job]]
    s.jobs.klass[job] = q.plain[s.jobs.klass[job]]
    if s.face.n[HEAD] == job:
        s.face.n[HOLDS] = 0  # what was reserved for it was on nodes of this flavor
    if q.live.size > 0:
        part_kin(s, job)
    q.flavor[job] = -1
    older, newer = q.older[job], q.newer[job]
    if older >= 0:
        q.newer[older] = newer
    if newer >= 0:
        q.older[newer] = older
    else:
        q.newest[queue] = older
    q.change[q.root[queue]] += 1
    q.stale[q.root[queue]] = True
    if s.sizes.whole.size > 0:
        take_size(s, job, form_of(s, job))
