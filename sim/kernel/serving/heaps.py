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
    c = s.t[r, R_SEATS]
    s.t[r, R_SEATS] += 1
    while c > 0 and s.heap_key[r, (c - 1) >> 1] > key:
        up = (c - 1) >> 1
        s.heap_key[r, c], s.heap_id[r, c], s.heap_size[r, c] = (
            s.heap_key[r, up],
            s.heap_id[r, up],
            s.heap_size[r, up],
        )
        c = up
    s.heap_key[r, c], s.heap_id[r, c], s.heap_size[r, c] = key, i, stamp


@inlined
def rise(s: Service, r: int, at: int) -> None:
    """Free seat `at` of replica r, keeping the heap."""
    n = s.t[r, R_SEATS] - 1
    s.t[r, R_SEATS] = n
    if at == n:
        return
    key, i, stamp = s.heap_key[r, n], s.heap_id[r, n], s.heap_size[r, n]
    c = at
    while c > 0 and s.heap_key[r, (c - 1) >> 1] > key:
        up = (c - 1) >> 1
        s.heap_key[r, c], s.heap_id[r, c], s.heap_size[r, c] = (
            s.heap_key[r, up],
            s.heap_id[r, up],
            s.heap_size[r, up],
        )
        c = up
    while 2 * c + 1 < n:
        low = 2 * c + 1
        if low + 1 < n and s.heap_key[r, low + 1] < s.heap_key[r, low]:
            low += 1
        if s.heap_key[r, low] >= key:
            break
        s.heap_key[r, c], s.heap_id[r, c], s.heap_size[r, c] = (
            s.heap_key[r, low],
            s.heap_id[r, low],
            s.heap_size[r, low],
        )
        c = low
    s.heap_key[r, c], s.heap_id[r, c], s.heap_size[r, c] = key, i, stamp


@inlined
def requeue(s: Service, r: int) -> None:
    """Put replica r back into its place by due, ties by its number."""
    n, c, mine = s.queue.size, s.place[r], s.t[r, R_DUE]
    while c > 0:
        o = s.queue[(c - 1) >> 1]
        if s.t[o, R_DUE] < mine or (s.t[o, R_DUE] == mine and o < r):
            break
        s.queue[c] = o
        s.place[o] = c
        c = (c - 1) >> 1
    while 2 * c + 1 < n:
        low = 2 * c + 1
        o = s.queue[low]
        if low + 1 < n:
            w = s.queue[low + 1]
            if s.t[w, R_DUE] < s.t[o, R_DUE] or (s.t[w, R_DUE] == s.t[o, R_DUE] and w < o):
                low, o = low + 1, w
        if s.t[o, R_DUE] > mine or (s.t[o, R_DUE] == mine and o > r):
            break
        s.queue[c] = o
        s.place[o] = c
        c = low
    s.queue[c] = r
    s.place[r] = c


@inlined
def weigh(s: Service, r: int) -> None:
    """Play replica r's matches anew; the least loaded that accepts stands in s.tree[1]."""
    load = R_TOKENS if s.rules[ROUTE] == LEAST_TOKENS else R_OPEN
    c = s.clock[LEAVES] + r
    s.tree[c] = r if s.t[r, R_ACCEPTS] else -1
    c >>= 1
    while c > 0:
        a, b = s.tree[2 * c], s.tree[2 * c + 1]
        if a < 0 or (b >= 0 and s.t[b, load] < s.t[a, load]):
            a = b
        s.tree[c] = a
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
