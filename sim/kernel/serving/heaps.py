"""Order inside a service: seats by their end, replicas by their next event, the least loaded."""

from __future__ import annotations

from sim.kernel.jit import inlined
from sim.state.serving import (
    ACTIVE,
    LEAST_TOKENS,
    LEAVES,
    R_ACCEPTS,
    R_DUE,
    R_OPEN,
    R_SEATS,
    R_TOKENS,
    ROUTE,
    Service,
)


@inlined
def sit(s: Service, r: int, key: int, i: int, stamp: int) -> None:
    """Seat request i on replica r until virtual step `key`."""
    keys, ids, stamps = s.heap_key[r], s.heap_id[r], s.heap_size[r]
    c = s.t[r, R_SEATS]
    s.t[r, R_SEATS] += 1
    while c > 0 and keys[(c - 1) >> 1] > key:
        up = (c - 1) >> 1
        keys[c], ids[c], stamps[c] = keys[up], ids[up], stamps[up]
        c = up
    keys[c], ids[c], stamps[c] = key, i, stamp


@inlined
def rise(s: Service, r: int, at: int) -> None:
    """Free seat `at` of replica r, keeping the heap."""
    keys, ids, stamps = s.heap_key[r], s.heap_id[r], s.heap_size[r]
    n = s.t[r, R_SEATS] - 1
    s.t[r, R_SEATS] = n
    if at == n:
        return
    key, i, stamp = keys[n], ids[n], stamps[n]
    c = at
    while c > 0 and keys[(c - 1) >> 1] > key:
        up = (c - 1) >> 1
        keys[c], ids[c], stamps[c] = keys[up], ids[up], stamps[up]
        c = up
    while 2 * c + 1 < n:
        low = 2 * c + 1
        if low + 1 < n and keys[low + 1] < keys[low]:
            low += 1
        if keys[low] >= key:
            break
        keys[c], ids[c], stamps[c] = keys[low], ids[low], stamps[low]
        c = low
    keys[c], ids[c], stamps[c] = key, i, stamp


@inlined
def requeue(s: Service, r: int) -> None:
    """Put replica r back into its place by due, ties by its number."""
    q, place = s.queue, s.place
    n, c, mine = q.size, place[r], s.t[r, R_DUE]
    while c > 0:
        o = q[(c - 1) >> 1]
        if s.t[o, R_DUE] < mine or (s.t[o, R_DUE] == mine and o < r):
            break
        q[c] = o
        place[o] = c
        c = (c - 1) >> 1
    while 2 * c + 1 < n:
        low = 2 * c + 1
        o = q[low]
        if low + 1 < n:
            w = q[low + 1]
            if s.t[w, R_DUE] < s.t[o, R_DUE] or (s.t[w, R_DUE] == s.t[o, R_DUE] and w < o):
                low, o = low + 1, w
        if s.t[o, R_DUE] > mine or (s.t[o, R_DUE] == mine and o > r):
            break
        q[c] = o
        place[o] = c
        c = low
    q[c] = r
    place[r] = c


@inlined
def weigh(s: Service, r: int) -> None:
    """Play replica r's matches anew; the least loaded that accepts stands in tree[1]."""
    tree = s.tree
    load = R_TOKENS if s.rules[ROUTE] == LEAST_TOKENS else R_OPEN
    c = s.clock[LEAVES] + r
    tree[c] = r if s.t[r, R_ACCEPTS] else -1
    c >>= 1
    while c > 0:
        a, b = tree[2 * c], tree[2 * c + 1]
        if a < 0 or (b >= 0 and s.t[b, load] < s.t[a, load]):
            a = b
        tree[c] = a
        c >>= 1


@inlined
def enlist(s: Service) -> None:
    """List those that accept, in order, and play all matches."""
    n = 0
    for r in range(s.active.size):
        if s.t[r, R_ACCEPTS]:
            s.active[n] = r
            n += 1
        weigh(s, r)
    s.clock[ACTIVE] = n
