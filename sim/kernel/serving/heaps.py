"""Order inside a service: seats by their end, replicas by their next event, the least loaded."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.state.serving import ACTIVE, LEAST_TOKENS, LEAVES, ROUTE, Replicas, Service


@jit
def sit(t: Replicas, r: int, key: int, i: int, stamp: int) -> None:
    """Seat request i on replica r until virtual step `key`."""
    keys, ids, stamps = t.heap_key[r], t.heap_id[r], t.heap_size[r]
    c = t.seats[r]
    t.seats[r] += 1
    while c > 0 and keys[(c - 1) >> 1] > key:
        up = (c - 1) >> 1
        keys[c], ids[c], stamps[c] = keys[up], ids[up], stamps[up]
        c = up
    keys[c], ids[c], stamps[c] = key, i, stamp


@jit
def rise(t: Replicas, r: int, at: int) -> None:
    """Free seat `at` of replica r, keeping the heap."""
    keys, ids, stamps = t.heap_key[r], t.heap_id[r], t.heap_size[r]
    n = t.seats[r] - 1
    t.seats[r] = n
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


@jit
def requeue(t: Replicas, r: int) -> None:
    """Put replica r back into its place by due, ties by its number."""
    q, place, due = t.queue, t.place, t.due
    n, c, mine = q.size, place[r], due[r]
    while c > 0:
        o = q[(c - 1) >> 1]
        if due[o] < mine or (due[o] == mine and o < r):
            break
        q[c] = o
        place[o] = c
        c = (c - 1) >> 1
    while 2 * c + 1 < n:
        low = 2 * c + 1
        o = q[low]
        if low + 1 < n:
            w = q[low + 1]
            if due[w] < due[o] or (due[w] == due[o] and w < o):
                low, o = low + 1, w
        if due[o] > mine or (due[o] == mine and o > r):
            break
        q[c] = o
        place[o] = c
        c = low
    q[c] = r
    place[r] = c


@jit
def weigh(s: Service, r: int) -> None:
    """Play replica r's matches anew; the least loaded that accepts stands in tree[1]."""
    t = s.replicas
    tree = t.tree
    load = t.tokens if s.rules[ROUTE] == LEAST_TOKENS else t.open
    c = s.clock[LEAVES] + r
    tree[c] = r if t.accepts[r] else -1
    c >>= 1
    while c > 0:
        a, b = tree[2 * c], tree[2 * c + 1]
        if a < 0 or (b >= 0 and load[b] < load[a]):
            a = b
        tree[c] = a
        c >>= 1


@jit
def enlist(s: Service) -> None:
    """List those that accept, in order, and play all matches."""
    t = s.replicas
    n = 0
    for r in range(t.accepts.size):
        if t.accepts[r]:
            t.active[n] = r
            n += 1
        weigh(s, r)
    s.clock[ACTIVE] = n
