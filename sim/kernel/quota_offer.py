"""What a flavor offers a job that waits for quota, and which flavor it would take."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.kernel.quota import use
from sim.kernel.quota_level import fits, level, needed, owed
from sim.kernel.quota_reclaim import classic
from sim.kernel.quota_unfair import fair
from sim.state.handle import State
from sim.state.quota import NEVER

NO_FIT, IN_VAIN, EVICT, RECLAIM, FIT = 0, 1, 2, 3, 4
"""What a flavor offers, worst first: too little even so; nobody who would give way; jobs of the
same queue; only jobs of others; room."""


@jit
def victims(s: State, job: int, flavor: int, now_s: float) -> int:
    """Return how many jobs, listed in `gone`, must go for a job to get quota; 0 if none would do.

    One that gave way at this instant makes nobody give way at it: so an instant ends.
    """
    q = s.quota
    form = q.form[job]
    queue, needs = q.queue[form], needed(s, form, flavor)
    if q.out_s[job] == now_s or (q.within[queue] == NEVER and q.reclaim[queue] == NEVER):
        return 0
    if q.fair:
        return int(fair(s, job, flavor, needs, now_s))
    return int(classic(s, job, flavor, needs, now_s))


@jit
def levels(s: State, form: int, flavor: int) -> int:
    """Return how far up the tree a form of job would borrow."""
    q, most = s.quota, 0
    for r in range(3):
        if q.ask[form, r] > 0:
            most = max(most, level(s, q.queue[form], 3 * flavor + r, q.ask[form, r]))
    return int(most)


@jit
def offer(s: State, job: int, flavor: int, now_s: float) -> tuple[int, int]:
    """Return what a flavor offers a job, and how far up the tree it would borrow."""
    q = s.quota
    form = q.form[job]
    queue = q.queue[form]
    if not q.may[form, flavor]:
        return NO_FIT, 0
    if fits(s, form, flavor, True):
        return FIT, levels(s, form, flavor)
    eager = q.to_borrow[queue] != NEVER or (q.fair and q.reclaim[queue] != NEVER)
    needs = needed(s, form, flavor)
    for r in range(3):
        cell, amount = 3 * flavor + r, q.ask[form, r]
        if needs >> r & 1 and not eager and q.nominal[queue, cell] < amount:
            if not owed(s, queue, cell, amount):
                return NO_FIT, levels(s, form, flavor)
    n = victims(s, job, flavor, now_s)
    if n == 0:
        return IN_VAIN, levels(s, form, flavor)
    mode = RECLAIM
    for i in range(n):
        use(s, q.gone[i], -1)
        if q.queue[q.form[q.gone[i]]] == queue:
            mode = EVICT
    high = levels(s, form, flavor)
    for i in range(n):
        use(s, q.gone[i], 1)
    return mode, high


@jit
def better(mode: int, high: int, than: int, than_high: int) -> bool:
    """Return whether one offer is liked more than another: its mode first, then to borrow less."""
    return mode > than or (mode == than and mode != NO_FIT and high < than_high)


@jit
def nominate(s: State, job: int, now_s: float) -> tuple[int, int, int]:
    """Return the flavor a job would take, what it offers, and how far up the tree it borrows.

    Flavors are tried in the queue's order; one that fits without borrowing ends the search, and
    so does one that can borrow or evict unless the queue tries the next flavor first.

    Source: Kueue, pkg/scheduler/flavorassigner/flavorassigner.go.
    """
    q = s.quota
    queue = q.queue[q.form[job]]
    flavor, best, least = -1, NO_FIT, 0
    for i in range(q.flavors.shape[1]):
        one = q.flavors[queue, i]
        if one < 0:
            break
        mode, high = offer(s, job, one, now_s)
        if flavor < 0 or better(mode, high, best, least):
            flavor, best, least = one, mode, high
        evicts = IN_VAIN < mode < FIT
        if mode > IN_VAIN and not (evicts and q.evict_next[queue]):
            if not (high > 0 and q.borrow_next[queue]):
                return one, mode, high
    return int(flavor), int(best), int(least)
