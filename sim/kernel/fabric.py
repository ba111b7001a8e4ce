"""What jobs get of the links they share: settled once an instant, for those whom a change reaches.

Compiled apart, for runs with a fabric.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import forked, jit
from sim.kernel.links import account
from sim.kernel.rate import slow
from sim.state.fabric import ASKS, SEARCH, SOILED
from sim.state.handle import State
from sim.state.words import Cause

FABRIC = int(Cause.FABRIC)
ROUNDS = 200
"""Rounds at most: max-min alone needs one a level, duty cycles some tens."""
STILL = 1e-13
"""Shares that moved by less than this part of themselves stand."""
SAME = 1e-12
"""A factor that moved by less than this part has not changed: sums in another order may differ."""
ROOM = 1.0 - 1e-12
"""Below this part of its capacity a link binds nobody."""


@jit
def slowness(duty: float, share: float, overlap: float) -> float:
    """Return how many times longer a job takes at a share of its full speed on the links.

    Of a time of 1 alone it sends for `duty` d, of which a part `overlap` o runs beside compute:
        (1 - o) d / share + max(1 - (1 - o) d, o d / share)
    """
    if share >= 1.0:
        return 1.0
    if share <= 0.0:
        return np.inf
    sent = duty / share
    alone = 1.0 - (1.0 - overlap) * duty
    return float((1.0 - overlap) * sent + max(alone, overlap * sent))


@jit
def sending(duty: float, share: float, overlap: float) -> float:
    """Return in what part of its time a job sends, at a share of its full speed on the links."""
    if share <= 0.0:
        return 1.0
    return float(min(duty / share / slowness(duty, share, overlap), 1.0))


@jit
def crowded(s: State, link: int) -> bool:
    """Return whether a link could not carry all its jobs at the most that their NICs give."""
    f, need_Bps, e = s.fabric, 0.0, s.fabric.newest[link]
    while e >= 0:
        need_Bps += f.use_Bps[e] * f.top[f.job[e]]
        e = f.older[e]
    return bool(need_Bps > f.capacity_Bps[link] * ROOM)


@jit
def include(s: State, job: int, n: int, many: int) -> tuple[int, int]:
    """Add a job to the members, and its links to those to be looked at; return how many of both."""
    f, search = s.fabric, s.fabric.n[SEARCH]
    if f.met[job] == search:
        return n, many
    f.met[job], f.members[n] = search, job
    e = f.first[job]
    while e >= 0:
        link = f.link[e]
        if f.seen[link] != search:
            f.seen[link], f.found[many] = search, link
            many += 1
        e = f.next[e]
    return n + 1, many


@jit
def reach(s: State) -> int:
    """Find whom the changes of this instant reach; return how many they are, lowest row first.

    From link to link only through those that could bind somebody.
    """
    f, n, many = s.fabric, 0, 0
    f.n[SEARCH] += 1
    search = f.n[SEARCH]
    for i in range(f.n[SOILED]):
        f.is_dirty[f.dirty[i]] = False
        if f.level[f.dirty[i]] > 0:
            f.seen[f.dirty[i]], f.found[many] = search, f.dirty[i]
            many += 1
    changed = many
    for i in range(f.n[ASKS]):
        f.asking[f.asks[i]] = False
        if f.spans[f.asks[i]]:
            n, many = include(s, f.asks[i], n, many)
    f.n[SOILED] = f.n[ASKS] = 0
    i = 0
    while i < many:
        link = f.found[i]
        f.tight[link] = crowded(s, link)
        if f.tight[link] or i < changed:
            e = f.newest[link]
            while e >= 0:
                n, many = include(s, f.job[e], n, many)
                e = f.older[e]
        i += 1
    f.members[:n].sort()
    return n


@jit
def level_of(s: State, own: int) -> float:
    """Return the share at which a link is full while the job of entry `own` sends.

    Of the others each counts for the part of its time in which it sends, with no more than the
    share it has from elsewhere:  use share + sum of part use min(its share, share) = capacity.
    """
    f, level, before = s.fabric, 0.0, -1.0
    link = f.link[own]
    while level > before:
        before = level
        left_Bps, need_Bps, e = f.capacity_Bps[link], f.use_Bps[own], f.newest[link]
        while e >= 0:
            if e != own:
                other = f.job[e]
                if f.share[other] < level:
                    left_Bps -= f.part[other] * f.use_Bps[e] * f.share[other]
                else:
                    need_Bps += f.part[other] * f.use_Bps[e]
            e = f.older[e]
        level = max(left_Bps / need_Bps, before)
    return float(level)


@jit
def settle_shares(s: State, n: int) -> None:
    """Find the shares of the first n members, from their tops down, until none moves."""
    f = s.fabric
    for i in range(n):
        job = f.members[i]
        f.share[job] = f.top[job]
        f.part[job] = sending(f.duty[job], f.top[job], f.overlap[job])
    moved, rounds = True, 0
    while moved and rounds < ROUNDS:
        moved = False
        rounds += 1
        for i in range(n):
            job = f.members[i]
            share, e = f.top[job], f.first[job]
            while e >= 0:
                if f.tight[f.link[e]]:
                    share = min(share, level_of(s, e))
                e = f.next[e]
            if abs(share - f.share[job]) > STILL * share:
                moved = True
                f.share[job] = share
                f.part[job] = sending(f.duty[job], share, f.overlap[job])


@jit
def share_links(s: State, now_s: float) -> None:
    """Give those their rates whom what happened at this instant reaches over links.

    Max-min fair shares where all send all the time; else what each gets while it sends, the others
    counted for the part of time in which they do.

    Source: Bertsekas and Gallager, Data Networks (1992), 6.5.2; a mean field over duty cycles.
    Neglects: jobs in step with each other; what more than one sends at a time, beyond its mean.
    """
    f = s.fabric
    if f.n[ASKS] == 0 and f.n[SOILED] == 0:
        return
    n = reach(s)
    settle_shares(s, n)
    for i in range(n):
        job = f.members[i]
        factor = 1.0 / slowness(f.duty[job], f.share[job], f.overlap[job])
        old = s.paces.factor[FABRIC, job]
        if abs(factor - old) > SAME * old:
            account(s, job, now_s)
            slow(s, job, FABRIC, factor, now_s)


@jit
def no_links(s: State, now_s: float) -> None:
    """Do nothing: there is no fabric."""


links_shared = forked(no_links, share_links, "fabric")
"""(s, now_s): all of this instant is in, its pass too."""
