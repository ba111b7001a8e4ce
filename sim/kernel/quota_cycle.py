"""Cycles of admission: the head of each queue of a tree, which goes first, who gives way to it."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry, jit
from sim.kernel.order import insert, remove
from sim.kernel.quota import before, charge, discharge, hold, let_go, take_first, wait
from sim.kernel.quota_fair import fairest
from sim.kernel.quota_level import fits
from sim.kernel.quota_offer import FIT, IN_VAIN, NO_FIT, victims
from sim.kernel.quota_size import nominate_size
from sim.kernel.size import form_of, take_size
from sim.kernel.victims import evict
from sim.state.arrays import B1, I8
from sim.state.columns import PLENTY
from sim.state.handle import State
from sim.state.quota import ANY
from sim.state.words import JobState

WAITING = int(JobState.WAITING)
RUNNING = int(JobState.RUNNING)


@jit
def head(s: State, queue: int) -> int:
    """Return the first job of a queue that may be asked; -1 if there is none.

    Those of a form that was refused may not until something changes; a strict queue's head stays.
    """
    q, first = s.quota, -1
    change = q.change[q.root[queue]]
    for form in range(q.begin[queue], q.begin[queue + 1]):
        if q.size[form] == 0 or (q.refused[form] == change and not q.strict[queue]):
            continue
        job = int(q.line[q.place[form]])
        while s.jobs.state[job] != WAITING:  # its user has given up
            take_first(s, form)
            job = int(q.line[q.place[form]]) if q.size[form] > 0 else -1
            if job < 0:
                break
        if job >= 0 and (first < 0 or before(s, job, first)):
            first = job
    return first


@jit
def refuse(s: State, job: int) -> bool:
    """Ask no job of this form again until something changes; return whether that is news."""
    q = s.quota
    form = form_of(s, job)
    change = q.change[q.root[q.queue[form]]]
    news = q.refused[form] != change
    q.refused[form] = change
    return bool(news)


@jit
def leads(s: State, job: int) -> bool:
    """Return whether a job still is the first of its form: who gave way may have come before it."""
    form = form_of(s, job)
    return bool(s.quota.size[form] > 0 and s.quota.line[s.quota.place[form]] == job)


@jit
def admit(s: State, job: int, flavor: int, now_s: float) -> None:
    """A job that waits no more for quota gets it and joins those that wait for nodes."""
    s.quota.n[0] -= 1
    if s.sizes.whole.size > 0:
        take_size(s, job, s.quota.form[job])
    hold(s, job, flavor, now_s)
    insert(s.queue, s.jobs.key, job)


@jit
def give_way(s: State, job: int, now_s: float) -> None:
    """A job gives its quota back and waits for it again; if it runs, it stops."""
    s.quota.out_s[job] = now_s
    if s.jobs.state[job] == RUNNING:
        evict(s, job, now_s, True)
    else:
        remove(s.queue, s.jobs.key, job)
        let_go(s, job)
        wait(s, job)


@jit
def reserve(s: State, job: int, flavor: int, high: int, kept: I8) -> None:
    """Keep for this cycle what a job lacks that could evict but found nobody to; add it to `kept`.

    Others of the tree may not take it before. A queue that can always take back what is its own
    keeps nothing.
    """
    q = s.quota
    form = q.form[job]
    queue = q.queue[form]
    if q.reclaim[queue] == ANY:
        return
    for r in range(3):
        cell, amount = 3 * flavor + r, q.ask[form, r]
        free = q.nominal[queue, cell] - q.used[queue, cell]
        if high == 0:
            amount = min(amount, free)
        elif q.borrow[queue, cell] < PLENTY:
            amount = min(amount, free + q.borrow[queue, cell])
        if amount > 0:
            charge(s, queue, cell, amount)
            kept[queue, cell] += amount


@jit
def next_entry(s: State, root: int, job: I8, flavor: I8, high: I8, open_: B1) -> int:
    """Return the queue whose head goes next; -1 if none is left.

    By fair sharing the one with the least share; else who borrows nearest, then by order.
    """
    if s.quota.fair:
        return int(fairest(s, root, job, flavor, open_))
    best = -1
    for queue in range(job.size):
        if open_[queue] and (
            best < 0
            or high[queue] < high[best]
            or (high[queue] == high[best] and before(s, job[queue], job[best]))
        ):
            best = queue
    return best


@jit
def cycle(s: State, root: int, now_s: float) -> bool:
    """Run one cycle of admission in a tree: one head a queue; return whether it changed anything.

    Source: Kueue, pkg/scheduler/scheduler.go.
    """
    q, news, entries = s.quota, False, 0
    queues = q.newest.size
    job, flavor = np.full(queues, -1, np.int64), np.full(queues, -1, np.int64)
    mode, high = np.zeros(queues, np.int64), np.zeros(queues, np.int64)
    open_ = np.zeros(queues, np.bool_)
    for queue in range(queues):
        if q.root[queue] != root:
            continue
        job[queue] = head(s, queue)
        if job[queue] < 0:
            continue
        flavor[queue], mode[queue], high[queue] = nominate_size(s, job[queue], now_s)
        if mode[queue] == NO_FIT:
            news = refuse(s, job[queue]) or news
        else:
            open_[queue] = True
            entries += 1
    if entries == 0:
        return news and head_left(s, root)
    kept = np.zeros((queues, q.used.shape[1]), np.int64)
    while True:
        queue = next_entry(s, root, job, flavor, high, open_)
        if queue < 0:
            break
        open_[queue] = False
        one, on = job[queue], flavor[queue]
        if mode[queue] == IN_VAIN:
            reserve(s, one, on, high[queue], kept)
            news = refuse(s, one) or news
        elif not leads(s, one):
            continue
        elif fits(s, q.form[one], on, True):
            take_first(s, form_of(s, one))
            admit(s, one, on, now_s)
            news = True
        elif mode[queue] != FIT:
            n = victims(s, one, on, now_s)
            if n > 0:
                take_first(s, form_of(s, one))
            for i in range(n):
                give_way(s, q.gone[i], now_s)
            if n > 0:
                admit(s, one, on, now_s)
                news = True
    for queue in range(queues):
        if job[queue] >= 0 and q.flavor[job[queue]] < 0:
            q.form[job[queue]] = form_of(s, job[queue])
        for cell in range(kept.shape[1]):
            discharge(s, queue, cell, kept[queue, cell])
    return news


@jit
def head_left(s: State, root: int) -> bool:
    """Return whether any queue of a tree has somebody to ask who was not refused."""
    q = s.quota
    for queue in range(q.newest.size):
        if q.root[queue] == root:
            for form in range(q.begin[queue], q.begin[queue + 1]):
                if q.size[form] > 0 and q.refused[form] != q.change[root]:
                    return True
    return False


@entry
def pass_quota(s: State, now_s: float) -> None:
    """Admit jobs in each tree where something has changed, until nobody more can be."""
    for root in range(s.quota.stale.size):
        if s.quota.stale[root]:
            while cycle(s, root, now_s):
                pass
            s.quota.stale[root] = False
