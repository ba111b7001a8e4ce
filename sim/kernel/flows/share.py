"""One solve: every local bottleneck is settled in each round, not one level at a time.

Rounds that settle few flows of many are dear: what they leave is poured link by link.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.flows.pour import FILLED, fill, pour
from sim.kernel.jit import entry, jit
from sim.state.flows import LARGE, Links, Room, Uses

NEAR = 1.0 + 1e-12
"""Shares as near as this are one: the same sum in another order must not make another round."""

FEW = 24
"""A round of a large solve that settles less than one in so many is the last."""

WORN = 1.0 / 128.0
"""What is left of a sum after subtractions; below this part of it, it is summed anew."""


@jit
def gather(w: Room, u: Uses, links: Links, bound: np.ndarray, who: np.ndarray, n: int) -> int:
    """Lay `n` flows and their links side by side, each flow's top no more than it gets alone.

    Return how many links were met.
    """
    plain = len(u.use) == 0
    w.tick[0] += 1
    tick, m, k = w.tick[0], 0, 0
    for i in range(n):
        f = who[i]
        top = bound[f]
        for e in range(u.first[f], u.last[f]):
            x = u.link[e]
            if w.mark[x] != tick:
                w.mark[x] = tick
                w.here[x] = m
                w.left[m] = links.capacity_Bps[x]
                w.fat[m] = links.fatpipe[x]
                w.many[m] = 0
                w.need[m] = 0.0
                m += 1
            j = w.here[x]
            w.many[j] += 1
            w.to[k] = j
            alone = w.left[j]
            if not plain:
                w.use[k] = u.use[e]
                alone /= u.use[e]
            if not w.fat[j]:  # who fills a fatpipe must take the others on it along
                top = min(top, alone)
            k += 1
        w.top[i] = top
        w.at[i + 1] = k
    return m


@jit
def prune(w: Room, plain: bool, n: int, m: int) -> None:
    """Forget links that can bind nobody: of one flow, or wide enough for all at their tops."""
    for i in range(n):
        for e in range(w.at[i], w.at[i + 1]):
            w.need[w.to[e]] += w.top[i] if plain else w.use[e] * w.top[i]
    for j in range(m):
        if not w.fat[j] and (w.many[j] < 2 or w.need[j] <= w.left[j] * NEAR):
            w.many[j] = 0
        w.need[j] = w.many[j] if plain else 0.0
        w.summed[j] = np.inf  # not yet, of what is left here
    k, begin = 0, 0
    for i in range(n):
        end = w.at[i + 1]
        for e in range(begin, end):
            if w.many[w.to[e]] > 0:
                w.to[k] = w.to[e]
                if not plain:
                    w.use[k] = w.use[e]
                k += 1
        w.at[i + 1] = k
        begin = end


@jit
def weigh(w: Room, m: int, n: int) -> None:
    """Sum anew what the unsettled need of each link, if a sum is worn or there is a fatpipe."""
    worn = False
    for i in range(m):
        j = w.act[i]
        worn = worn or w.fat[j] or w.need[j] < WORN * w.summed[j]
    if not worn:
        return
    for i in range(m):
        if w.summed[w.act[i]] != FILLED:
            w.need[w.act[i]] = 0.0
    for i in range(n):
        f = w.live[i]
        for e in range(w.at[f], w.at[f + 1]):
            j = w.to[e]
            if w.fat[j]:
                if w.summed[j] != FILLED:
                    w.need[j] = max(w.need[j], w.use[e])
            else:
                w.need[j] += w.use[e]
    for i in range(m):
        if w.summed[w.act[i]] != FILLED:
            w.summed[w.act[i]] = w.need[w.act[i]]


@jit
def settle(w: Room, plain: bool, n: int) -> int:
    """Give each flow on a local bottleneck its level; return how many are left."""
    k = 0
    for i in range(n):
        f = w.live[i]
        level = w.level[f]
        least, done = level * NEAR, level >= w.top[f]
        if not done:
            for e in range(w.at[f], w.at[f + 1]):
                j = w.to[e]
                if w.hits[j] < 0 and w.share[j] <= least:
                    done = True
                    break
        if done:
            for e in range(w.at[f], w.at[f + 1]):
                j = w.to[e]
                w.many[j] -= 1
                use = 1.0 if plain else w.use[e]
                if w.fat[j]:
                    fill(w, j, level, use)
                else:
                    w.left[j] = max(w.left[j] - level * use, 0.0)
                    w.need[j] -= use
        else:
            w.live[k] = f
            k += 1
    return k


@jit
def solve(
    w: Room, u: Uses, links: Links, bound: np.ndarray, who: np.ndarray, n: int, level: np.ndarray
) -> int:
    """Write the max-min levels of flows who[:n], of all that is left to them; return the rounds."""
    plain = len(u.use) == 0
    m = gather(w, u, links, bound, who, n)
    prune(w, plain, n, m)
    live, act, rounds = 0, 0, 0
    for i in range(n):
        w.level[i] = w.top[i]
        if w.at[i + 1] > w.at[i]:
            w.live[live] = i
            live += 1
    for j in range(m):
        if w.many[j] > 0:
            w.act[act] = j
            act += 1
    while live > 0:
        rounds += 1
        k = 0
        for i in range(act):
            j = w.act[i]
            if w.many[j] > 0:
                w.hits[j] = 0
                w.act[k] = j
                k += 1
        act = k
        if not plain:
            weigh(w, act, live)
        for i in range(act):
            w.share[w.act[i]] = w.left[w.act[i]] / w.need[w.act[i]]
        for i in range(live):
            f = w.live[i]
            least = w.top[f]
            for e in range(w.at[f], w.at[f + 1]):
                least = min(least, w.share[w.to[e]])
            w.level[f] = least
            least *= NEAR
            for e in range(w.at[f], w.at[f + 1]):
                if w.share[w.to[e]] <= least:
                    w.hits[w.to[e]] += 1
        for i in range(act):
            j = w.act[i]
            if w.hits[j] == w.many[j]:
                w.hits[j] = -1
        before = live
        live = settle(w, plain, live)
        if live >= LARGE and (before - live) * FEW < before:
            pour(w, plain, live, act, m)
            live = 0
    for i in range(n):
        level[who[i]] = w.level[i]
    return rounds


@entry
def levels(
    w: Room, u: Uses, links: Links, bound: np.ndarray, who: np.ndarray, level: np.ndarray
) -> int:
    """Write the levels of the flows `who`; return the rounds it took."""
    return solve(w, u, links, bound, who, len(who), level)
