"""One variable a job: who gets another level when a job comes, goes, or a link changes.

Most links of a job are its own, those of its GPUs: they are looked at once, when it comes.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.flows.alike import without
from sim.kernel.flows.share import solve
from sim.kernel.jit import entry, jit
from sim.state.flows import Alike, Links, Room, Sharers, Uses

CLEAR = 1.0 - 1e-9
"""Below this part of its capacity a link surely binds nobody; above it the whole is solved."""
SAME = 1e-12
"""A level that moved by less than this part has not changed."""


@jit
def alone(j: Sharers, u: Uses, links: Links, job: int) -> float:
    """Return the level of a job on links where nobody else is; fatpipes are left to the solve."""
    level = j.bound[job]
    for e in range(u.first[job], u.last[job]):
        if not links.fatpipe[u.link[e]]:
            level = min(level, links.capacity_Bps[u.link[e]] / u.use[e])
    return level


@jit
def swap(j: Sharers, u: Uses, job: int, e: int) -> None:
    """Move one of a job's own entries to those of common links."""
    m = j.middle[job]
    u.link[e], u.link[m] = u.link[m], u.link[e]
    u.use[e], u.use[m] = u.use[m], u.use[e]
    j.middle[job] = m + 1


@jit
def meet(j: Sharers, u: Uses, links: Links, job: int) -> None:
    """Tell a newcomer's links apart: its own, and common ones; whose it was learns of it too."""
    j.middle[job] = u.first[job]
    for e in range(u.first[job], u.last[job]):
        x = u.link[e]
        j.users[x] += 1
        if j.users[x] == 1:
            j.owner[x] = job
            j.common[x] = links.fatpipe[x]
        elif not j.common[x]:
            j.common[x] = True
            j.load[x] = 0.0
            other = j.owner[x]
            for i in range(j.middle[other], u.last[other]):
                if u.link[i] == x and (other != job or i < e):
                    j.load[x] += u.use[i] * j.level[other]
                    swap(j, u, other, i)
                    break
        if j.common[x]:
            swap(j, u, job, e)


@jit
def book(j: Sharers, u: Uses, job: int, sign: int) -> None:
    """Enter (+1) a job's use in the loads of common links, or take it out (-1)."""
    for e in range(u.first[job], j.middle[job]):
        j.load[u.link[e]] += sign * u.use[e] * j.level[job]


@jit
def roomy(j: Sharers, u: Uses, links: Links, job: int) -> bool:
    """Return whether each common link of the job is far from full, or carries nobody else."""
    for e in range(u.first[job], j.middle[job]):
        x = u.link[e]
        if links.fatpipe[x]:
            return False
        if j.users[x] > 1 and j.load[x] > links.capacity_Bps[x] * CLEAR:
            return False
    return True


@jit
def anew(w: Room, a: Alike, j: Sharers, u: Uses, links: Links) -> int:
    """Solve all live jobs; leave in `who` those whose level changed, and return how many."""
    n = 0
    for job in range(len(j.live)):
        if j.live[job]:
            j.who[n] = job
            j.before[job] = j.level[job]
            n += 1
    common = Uses(u.first, j.middle, u.link, u.use)
    solve(w, without(a, common, links, j.who, n), links, j.top, j.who, n, j.level)
    for i in range(n):
        job = j.who[i]
        for e in range(u.first[job], j.middle[job]):
            j.load[u.link[e]] = 0.0
    k = 0
    for i in range(n):
        job = j.who[i]
        old = j.before[job]
        if j.level[job] == old or (old >= 0.0 and abs(j.level[job] - old) <= SAME * old):
            j.level[job] = old
        else:
            j.who[k] = job
            k += 1
        for e in range(u.first[job], j.middle[job]):
            j.load[u.link[e]] += u.use[e] * j.level[job]
    return k


@entry
def come(w: Room, a: Alike, j: Sharers, u: Uses, links: Links, job: int) -> int:
    """Let a job in; return how many levels changed, whose stand in `who`."""
    meet(j, u, links, job)
    j.live[job] = True
    j.top[job] = alone(j, u, links, job)
    j.level[job] = j.top[job]
    book(j, u, job, 1)
    if roomy(j, u, links, job):
        j.who[0] = job
        return 1
    j.level[job] = -1.0
    return anew(w, a, j, u, links)


@entry
def go(w: Room, a: Alike, j: Sharers, u: Uses, links: Links, job: int) -> int:
    """Let a job out; return how many levels changed, whose stand in `who`."""
    full = not roomy(j, u, links, job)
    book(j, u, job, -1)
    for e in range(u.first[job], u.last[job]):
        x = u.link[e]
        j.users[x] -= 1
        if j.users[x] == 0:
            j.common[x] = False
    j.live[job] = False
    return anew(w, a, j, u, links) if full else 0


@entry
def widen(
    w: Room,
    a: Alike,
    j: Sharers,
    u: Uses,
    links: Links,
    which: np.ndarray,
    capacity_Bps: np.ndarray,
) -> int:
    """Give links another capacity; return how many levels changed, whose stand in `who`."""
    used = False
    for i in range(len(which)):
        links.capacity_Bps[which[i]] = capacity_Bps[i]
        used = used or j.users[which[i]] > 0
    if not used:
        return 0
    for job in range(len(j.live)):
        if j.live[job]:
            j.top[job] = alone(j, u, links, job)
    return anew(w, a, j, u, links)
