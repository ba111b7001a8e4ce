"""Links that the same jobs use alike: of them only the narrowest can bind, the others are left out.

A job that has whole nodes on eight rails uses sixteen links of each unit alike, up and down.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.state.flows import Alike, Links, Uses


@jit
def sort(a: Alike, u: Uses, links: Links, who: np.ndarray, n: int) -> int:
    """Put the links of jobs who[:n] into classes, job by job; return how many links were met.

    Links of a class stay together while each job uses all of them, and by as much; a fatpipe is
    in a class of its own. Links may be alike and yet in two classes, never the other way round.
    """
    a.tick[0] += 1
    tick, many, m = a.tick[0], 1, 0
    a.by[0] = -1
    for i in range(n):
        job = who[i]
        for e in range(u.first[job], u.last[job]):
            x = u.link[e]
            if a.mark[x] != tick:
                a.mark[x], a.kind[x], a.met[m] = tick, 0, x
                m += 1
            old = a.kind[x]
            if links.fatpipe[x] and old > 0:
                continue
            if a.by[old] == i and a.use[old] == u.use[e] and not links.fatpipe[x]:
                a.kind[x] = a.to[old]
                continue
            if not links.fatpipe[x]:
                a.by[old], a.use[old], a.to[old] = i, u.use[e], many
            a.kind[x], a.by[many] = many, -1
            many += 1
    return m


@jit
def without(a: Alike, u: Uses, links: Links, who: np.ndarray, n: int) -> Uses:
    """Return who uses which link of jobs who[:n], a link a class: the narrowest, or the first."""
    m = sort(a, u, links, who, n)
    for i in range(m):
        a.narrow[a.kind[a.met[i]]] = -1
    for i in range(m):
        x = a.met[i]
        y = a.narrow[a.kind[x]]
        if y < 0 or links.capacity_Bps[x] < links.capacity_Bps[y]:
            a.narrow[a.kind[x]] = x
    k = 0
    for i in range(n):
        job = who[i]
        a.left.first[job] = k
        for e in range(u.first[job], u.last[job]):
            x = u.link[e]
            if a.narrow[a.kind[x]] == x:
                a.left.link[k], a.left.use[k] = x, u.use[e]
                k += 1
        a.left.last[job] = k
    return a.left
