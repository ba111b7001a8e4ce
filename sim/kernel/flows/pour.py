"""The rest of a large solve: one link at a time, the tightest first, where rounds settle few."""

from __future__ import annotations

from sim.kernel.flows.eta import sift
from sim.kernel.jit import jit
from sim.state.flows import Room

RISEN = 1.0 + 1e-15
"""A share that rose by more than this since it was last looked at goes back into the heap."""
FILLED = -1.0
"""Instead of the sum of a fatpipe that one flow has filled: the others stay at that level."""
FULL = 1.0 - 1e-12


@jit
def fill(w: Room, j: int, level: float, use: float) -> None:
    """Note whether a flow that is settled at a level fills a fatpipe, and hold it there if so."""
    if level * use >= w.left[j] * FULL:
        w.need[j] = use
        w.summed[j] = FILLED


@jit
def lists(w: Room, n: int, m: int) -> None:
    """Lay beside each link who crosses it, of the `n` flows that are not settled."""
    for j in range(m + 1):
        w.begin[j] = 0
    for i in range(n):
        f = w.live[i]
        for e in range(w.at[f], w.at[f + 1]):
            w.begin[w.to[e] + 1] += 1
    for j in range(m):
        w.begin[j + 1] += w.begin[j]
    for i in range(n):
        f = w.live[i]
        for e in range(w.at[f], w.at[f + 1]):
            j = w.to[e]
            s = w.begin[j]
            w.flow[s] = f
            w.entry[s] = e
            w.begin[j] = s + 1
    for j in range(m, 0, -1):  # each begin has moved to the next one's
        w.begin[j] = w.begin[j - 1]
    w.begin[0] = 0


@jit
def give(w: Room, plain: bool, f: int, level: float) -> None:
    """Settle a flow at a level."""
    w.level[f] = level
    w.open[f] = False
    for e in range(w.at[f], w.at[f + 1]):
        j = w.to[e]
        w.many[j] -= 1
        if w.fat[j]:
            fill(w, j, level, w.use[e])
        else:
            w.left[j] = max(w.left[j] - (level if plain else level * w.use[e]), 0.0)
        if plain:
            w.need[j] -= 1.0


@jit
def wants(w: Room, j: int) -> float:
    """Sum anew what the unsettled flows of a link need; of a fatpipe, the greatest."""
    need = 0.0
    for s in range(w.begin[j], w.begin[j + 1]):
        if w.open[w.flow[s]]:
            use = w.use[w.entry[s]]
            need = max(need, use) if w.fat[j] else need + use
    return need


@jit
def pour(w: Room, plain: bool, n: int, act: int, m: int) -> None:
    """Settle live[:n] on act[:act] of `m` links: links by share, flows by top, in a heap."""
    lists(w, n, m)
    size = 0
    for i in range(n):
        w.open[w.live[i]] = True
    for i in range(act):
        j = w.act[i]
        if w.many[j] > 0:
            if not plain and w.summed[j] != FILLED:
                w.need[j] = wants(w, j)
            w.key[j] = w.left[j] / w.need[j]
            w.heap[size] = j
            w.place[j] = size
            size += 1
            sift(w.heap, w.place, w.key, size - 1, size)
    for i in range(n):
        j = m + w.live[i]
        w.key[j] = w.top[w.live[i]]
        w.heap[size] = j
        w.place[j] = size
        size += 1
        sift(w.heap, w.place, w.key, size - 1, size)
    while n > 0:
        j = w.heap[0]
        done = True
        if j >= m:
            if w.open[j - m]:
                give(w, plain, j - m, w.key[j])
                n -= 1
        elif w.many[j] > 0:
            if not plain and w.summed[j] != FILLED:
                w.need[j] = wants(w, j)
            share = w.left[j] / w.need[j]
            if share > w.key[j] * RISEN:
                w.key[j] = share
                done = False
            else:
                for s in range(w.begin[j], w.begin[j + 1]):
                    if w.open[w.flow[s]]:
                        give(w, plain, w.flow[s], share)
                        n -= 1
        if done:
            size -= 1
            w.heap[0] = w.heap[size]
        if size > 0:
            sift(w.heap, w.place, w.key, 0, size)
