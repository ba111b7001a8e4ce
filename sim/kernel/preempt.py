"""Who gives way: a blocked job takes from the end of the order, or the running set is made anew."""

from __future__ import annotations

import numpy as np

from sim.kernel.ahead import gives_back, release
from sim.kernel.calendar import bar_now, bound
from sim.kernel.devices import as_free, whole
from sim.kernel.jit import jit
from sim.kernel.job import start
from sim.kernel.order import remove
from sim.kernel.pick import chosen
from sim.kernel.spans import find
from sim.kernel.victims import evict, first_to_go
from sim.state.columns import DOWN
from sim.state.handle import State
from sim.state.words import Way

ALWAYS, BEHIND = int(Way.ALWAYS), int(Way.BEHIND)


@jit
def spared(s: State, job: int, now_s: float) -> bool:
    """Return whether a running job has not run long enough to be interrupted."""
    least_s = s.gives.min_run_s
    if s.qos.exempt_s.size > 0:
        least_s = s.qos.exempt_s[s.jobs.qos[job]]
    if least_s == 0.0:
        return False
    return bool(now_s - s.ledger.start_s[s.jobs.row0[job]] < least_s)


@jit
def meets(s: State, job: int) -> bool:
    """Return whether a running job holds any of the nodes just found."""
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        if chosen(s, int(s.ledger.node[r])):
            return True
    return False


@jit
def goes_after(s: State, other: int, job: int) -> bool:
    """Return whether a running job stands behind a waiting one, so that it gives way to it."""
    key = s.jobs.key
    if key[other] == key[job]:
        return not s.gives.strictly and other > job
    return bool(key[other] > key[job])


@jit
def gives_way(s: State, other: int, job: int) -> bool:
    """Return whether a running job gives way to a waiting one by their qualities of service."""
    way = s.qos.way[s.jobs.qos[job], s.jobs.qos[other]]
    return bool(way == ALWAYS or (way == BEHIND and goes_after(s, other, job)))


@jit
def able_to_go(s: State, job: int, now_s: float) -> np.ndarray:
    """Return the running jobs that may have to give way to a blocked one, the first first, (k,)."""
    ranked, n = s.ranked, 0
    gone = np.empty(ranked.n[2], np.int64)
    place = ranked.n[0] - 1
    while place >= 0:
        block = ranked.line[place]
        for i in range(ranked.size[block] - 1, -1, -1):
            other = ranked.job[block, i]
            if s.qos.way.size > 0:
                if not gives_way(s, other, job):
                    continue
            elif not goes_after(s, other, job):
                place = 0  # nor does any before it
                break
            if not spared(s, other, now_s):
                gone[n] = other
                n += 1
        place -= 1
    return first_to_go(s, gone[:n], now_s)


@jit
def make_way(s: State, job: int, now_s: float) -> int:
    """Let running jobs behind a blocked one give way to it, no more than it needs.

    One after another is taken until it fits. With `recheck` the last of these is put first and the
    search made again, so often: what was taken before it may not have been needed.

    Return the kind of node it can now start on, -1 if all of them would not suffice: then they run
    on, unless they give way in vain. What is found lies in `s.pick`.

    Source: Slurm 22.05, preempt.c and select/cons_tres/job_test.c, reorder_count.
    """
    gone, n, kind = able_to_go(s, job, now_s), 0, -1
    while n < gone.size and kind < 0:
        release(s, gone[n], 1)
        n += 1
        kind = find(s, job, False)
    again = s.gives.recheck if kind >= 0 else 0
    while again > 0 and n > 1:
        again -= 1
        for k in range(n - 1, -1, -1):
            release(s, gone[k], -1)
        last = gone[n - 1]
        for k in range(n - 1, 0, -1):
            gone[k] = gone[k - 1]
        gone[0] = last
        n, kind = 0, -1
        while kind < 0:
            release(s, gone[n], 1)
            n += 1
            kind = find(s, job, False)
    for k in range(n - 1, -1, -1):
        release(s, gone[k], -1)
    for k in range(n):
        if (kind < 0 and s.gives.in_vain) or (kind >= 0 and meets(s, gone[k])):
            evict(s, gone[k], now_s, True)
    return int(kind)


@jit
def settled(s: State, chosen: np.ndarray) -> tuple[int, int, int, int, int, int]:
    """Return from where on an election is open, and what it has got by then.

    Where even the GPUs behind some place in the order would do for all that wait before it, all
    these are chosen and all running before it stay: (left, chosen, block and slot of the queue,
    block and slot of those running). Found from the end, for who waits mostly stands there. Needs
    one kind of node, on which all may run, none of them withdrawn.
    """
    queue, ranked, gpus = s.queue, s.ranked, s.jobs.gpus
    ahead, left = 0, s.kinds.free[0]
    for place in range(queue.n[0]):
        block = queue.line[place]
        for i in range(queue.size[block]):
            ahead += gpus[queue.job[block, i]]
    p, i, q, k = queue.n[0], 0, ranked.n[0], 0
    while left < ahead:  # some wait before it still
        if i == 0:
            p -= 1
            i = queue.size[queue.line[p]]
        if k == 0 and q > 0:
            q -= 1
            k = ranked.size[ranked.line[q]]
        a = queue.line[p]
        waits = k == 0  # nobody runs before it
        if not waits:
            b = ranked.line[q]
            key, other = queue.key[a, i - 1], ranked.key[b, k - 1]
            waits = key > other or (key == other and queue.job[a, i - 1] > ranked.job[b, k - 1])
        if waits:
            i -= 1
            ahead -= gpus[queue.job[a, i]]
        else:
            k -= 1
            left += gpus[ranked.job[ranked.line[q], k]]
    n = 0
    for place in range(min(p + 1, queue.n[0])):
        block = queue.line[place]
        for x in range(i if place == p else queue.size[block]):
            chosen[n] = queue.job[block, x]
            n += 1
    if p < queue.n[0] and i == queue.size[queue.line[p]]:
        p, i = p + 1, 0
    if q < ranked.n[0] and k == ranked.size[ranked.line[q]]:
        q, k = q + 1, 0
    return left - ahead, n, p, i, q, k


@jit
def elect(s: State, now_s: float, chosen: np.ndarray, victims: np.ndarray) -> tuple[int, int]:
    """Go through all jobs in order while GPUs last, by counts of each kind.

    Waiting ones that get some are listed in `chosen`, running ones that get none in `victims`;
    return how many. With a strict start rule the first that gets none ends it.
    """
    queue, ranked, jobs, kinds = s.queue, s.ranked, s.jobs, s.kinds
    left = kinds.free.copy()
    p, i, q, k, n, v = 0, 0, 0, 0, 0, 0
    if s.gives.min_run_s == 0.0 and s.face.n[DOWN] == 0 and kinds.speed.size == 1:
        left[0], n, p, i, q, k = settled(s, chosen)
    else:
        for place in range(ranked.n[0]):
            block = ranked.line[place]
            for x in range(ranked.size[block]):
                job = ranked.job[block, x]
                if not spared(s, job, now_s):
                    left[jobs.kind[job]] += gives_back(s, job)
    strict, ended = s.rule.depth == 0, False
    while p < queue.n[0] or q < ranked.n[0]:
        if q == ranked.n[0] and ended:
            break
        waits = q == ranked.n[0]
        if p < queue.n[0] and q < ranked.n[0]:
            a, b = queue.line[p], ranked.line[q]
            key, other = queue.key[a, i], ranked.key[b, k]
            waits = key < other or (key == other and queue.job[a, i] < ranked.job[b, k])
        if waits:
            job = queue.job[queue.line[p], i]
            i += 1
            if i == queue.size[queue.line[p]]:
                p, i = p + 1, 0
            if ended:
                continue
            kind = -1
            for x in range(kinds.size.size):
                y = kinds.order[jobs.klass[job], x]
                if kinds.speed[jobs.klass[job], y] > 0.0 and left[y] >= jobs.gpus[job]:
                    kind = y
                    break
            if kind >= 0:
                left[kind] -= jobs.gpus[job]
                chosen[n] = job
                n += 1
            elif strict:
                ended = True
        else:
            job = ranked.job[ranked.line[q], k]
            k += 1
            if k == ranked.size[ranked.line[q]]:
                q, k = q + 1, 0
            if spared(s, job, now_s):
                continue
            kind = jobs.kind[job]
            if not ended and left[kind] >= jobs.gpus[job]:
                left[kind] -= jobs.gpus[job]
            else:
                ended = ended or strict
                victims[v] = job
                v += 1
    return n, v


@jit
def stays(s: State, job: int) -> bool:
    """Return whether what a running job holds is still free for it, after others have started."""
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        node = int(s.ledger.node[r])
        if s.devices.on and not as_free(s, node, s.ledger.devices[r], s.jobs.milli[job]):
            return False
        if s.nodes.free[node] < whole(s, job, int(s.ledger.gpus[r])):
            return False
    return True


@jit
def rebuild(s: State, now_s: float) -> None:
    """Make the running set anew: who is first in order runs, the others wait.

    Waiting jobs that `elect` chooses start where those that it does not would make room; of these,
    the ones whose own nodes are still free run on.

    Source: the preemptive schedules of Tiresias (Gu et al., NSDI 2019).
    Neglects: CPU and memory in the election; a job elected that finds no nodes waits on.
    """
    chosen = np.empty(s.queue.n[2], np.int64)
    victims = np.empty(s.ranked.n[2], np.int64)
    n, v = elect(s, now_s, chosen, victims)
    if n == 0 and v == 0:
        return
    for k in range(v):
        release(s, victims[k], 1)
    for k in range(n):
        if bound(s):
            bar_now(s, chosen[k], now_s)
        kind = find(s, chosen[k], False)
        if kind >= 0:
            remove(s.queue, s.jobs.key, chosen[k])
            start(s, chosen[k], kind, now_s)
    for k in range(v):
        if stays(s, victims[k]):
            release(s, victims[k], -1)
            victims[k] = -1
    for k in range(v):
        if victims[k] >= 0:
            evict(s, victims[k], now_s, False)
