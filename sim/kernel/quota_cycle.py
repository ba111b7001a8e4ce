"""Cycles of admission: the head of each queue of a tree, which goes first, who gives way to it."""

from __future__ import annotations

from sim.kernel.jit import entry, jit
from sim.kernel.order import insert, remove
from sim.kernel.quota import before, charge, discharge, hold, let_go, take_first, wait
from sim.kernel.quota_fair import fairest
from sim.kernel.quota_level import fits
from sim.kernel.quota_offer import FIT, IN_VAIN, NO_FIT, victims
from sim.kernel.quota_size import nominate_size
from sim.kernel.size import form_of, take_size
from sim.kernel.victims import evict
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
def reserve(s: State, job: int, flavor: int, high: int) -> None:
    """Keep for this cycle what a job lacks that could evict but found nobody to, in `kept`.

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
            q.kept[queue, cell] += amount


@jit
def next_entry(s: State, root: int) -> int:
    """Return the queue whose head goes next; -1 if none is left.

    By fair sharing the one with the least share; else who borrows nearest, then by order.
    """
    q = s.quota
    if q.fair:
        return int(fairest(s, root))
    best, begin = -1, q.tree_at[root]
    for i in range(begin, begin + q.tree_queues[root]):
        queue = q.tree[i]
        if q.open[queue] and (
            best < 0
            or q.high[queue] < q.high[best]
            or (q.high[queue] == q.high[best] and before(s, q.asked[queue], q.asked[best]))
        ):
            best = queue
    return int(best)


@jit
def ask(s: State, root: int, now_s: float) -> tuple[int, int, bool]:
    """Ask the head of each queue of a tree what it would take.

    Return how many are open, how many of them could be admitted, and whether it is news that the
    rest cannot.
    """
    q, entries, able, news = s.quota, 0, 0, False
    begin = q.tree_at[root]
    for i in range(begin, begin + q.tree_queues[root]):
        queue = q.tree[i]
        job = head(s, queue)
        q.asked[queue], q.open[queue] = job, False
        if job < 0:
            continue
        q.offered[queue], q.mode[queue], q.high[queue] = nominate_size(s, job, now_s)
        if q.mode[queue] == NO_FIT:
            news = refuse(s, job) or news
        else:
            q.open[queue] = True
            entries += 1
            able += 1 if q.mode[queue] > IN_VAIN else 0
    return entries, able, news


@jit
def take_turns(s: State, root: int, able: int, now_s: float) -> bool:
    """Let the heads go one after another until none is left of the `able`; return whether any went.

    Those that are in vain keep what they lack against those behind them.
    """
    q, news, kept = s.quota, False, False
    while able > 0:
        queue = next_entry(s, root)
        q.open[queue] = False
        job, flavor, mode = q.asked[queue], q.offered[queue], q.mode[queue]
        if mode == IN_VAIN:
            reserve(s, job, flavor, q.high[queue])
            news = refuse(s, job) or news
            kept = True
            continue
        able -= 1
        if not leads(s, job):
            continue
        if fits(s, q.form[job], flavor, True):
            take_first(s, form_of(s, job))
            admit(s, job, flavor, now_s)
            news = True
        elif mode != FIT:
            n = victims(s, job, flavor, now_s)
            if n > 0:
                take_first(s, form_of(s, job))
            for i in range(n):
                give_way(s, q.gone[i], now_s)
            if n > 0:
                admit(s, job, flavor, now_s)
                news = True
    if kept:
        give_back(s, root)
    return news


@jit
def give_back(s: State, root: int) -> None:
    """Give back what was kept in a cycle."""
    q = s.quota
    begin = q.tree_at[root]
    for i in range(begin, begin + q.tree_queues[root]):
        queue = q.tree[i]
        for cell in range(q.kept.shape[1]):
            discharge(s, queue, cell, q.kept[queue, cell])
            q.kept[queue, cell] = 0


@jit
def cycle(s: State, root: int, now_s: float) -> bool:
    """Run one cycle of admission in a tree: one head a queue; return whether it changed anything.

    Once only those are left that are in vain, what they would keep is kept from nobody.

    Source: Kueue, pkg/scheduler/scheduler.go.
    """
    q = s.quota
    entries, able, news = ask(s, root, now_s)
    if entries == 0:
        return news and head_left(s, root)
    if able > 0:
        news = take_turns(s, root, able, now_s) or news
    begin = q.tree_at[root]
    for i in range(begin, begin + q.tree_queues[root]):
        job = q.asked[q.tree[i]]
        if q.open[q.tree[i]]:
            news = refuse(s, job) or news
        if job >= 0 and q.flavor[job] < 0:
            q.form[job] = form_of(s, job)
    return news


@jit
def head_left(s: State, root: int) -> bool:
    """Return whether any queue of a tree has somebody to ask who was not refused."""
    q = s.quota
    begin = q.tree_at[root]
    for i in range(begin, begin + q.tree_queues[root]):
        queue = q.tree[i]
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
