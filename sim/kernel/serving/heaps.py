"""Order inside a service: seats by their end, replicas by their next event, the least loaded."""

from __future__ import annotations

from sim.kernel.jit import inlined
from sim.state.serving import (
    ACTIVE,
    LEAST_TOKENS,
    LEAST_WAITING,
    LEAVES,
    Q_END,
    R_ACCEPTS,
    R_DUE,
    R_OPEN,
    R_SEATS,
    R_TOKENS,
    R_WAITS,
    ROUTE,
    Service,
)


@inlined
def after(s: Service, i: int) -> int:
    """Return what is linked to request i, not answered yet: the next in its queue, or its turn."""
    return -2 - s.q[i, Q_END]


@inlined
def link(s: Service, i: int, to: int) -> None:
    """Link request i to the next in its queue, -1 for none, or to when it joined its batch."""
    s.q[i, Q_END] = -2 - to


@inlined
def sit(s: Service, r: int, key: int, i: int) -> None:
    """Seat request i on replica r until virtual step `key`."""
    seats, c = s.seats[r], s.t[r, R_SEATS]
    s.t[r, R_SEATS] += 1
    while c > 0 and seats[(c - 1) >> 1, 0] > key:
        up = (c - 1) >> 1
        seats[c, 0], seats[c, 1] = seats[up, 0], seats[up, 1]
        c = up
    seats[c, 0], seats[c, 1] = key, i


@inlined
def rise(s: Service, r: int, at: int) -> None:
    """Free seat `at` of replica r, keeping the heap."""
    seats, n = s.seats[r], s.t[r, R_SEATS] - 1
    s.t[r, R_SEATS] = n
    if at == n:
        return
    key, i = seats[n, 0], seats[n, 1]
    c = at
    while c > 0 and seats[(c - 1) >> 1, 0] > key:
        up = (c - 1) >> 1
        seats[c, 0], seats[c, 1] = seats[up, 0], seats[up, 1]
        c = up
    while 2 * c + 1 < n:
        low = 2 * c + 1
        if low + 1 < n and seats[low + 1, 0] < seats[low, 0]:
            low += 1
        if seats[low, 0] >= key:
            break
        seats[c, 0], seats[c, 1] = seats[low, 0], seats[low, 1]
        c = low
    seats[c, 0], seats[c, 1] = key, i


@inlined
def requeue(s: Service, r: int) -> None:
    """Put replica r back into its place by due, ties by its number."""
    queue, c, mine = s.queue, s.place[r], s.t[r, R_DUE]
    n = queue.shape[0]
    while c > 0:
        up = (c - 1) >> 1
        due, o = queue[up, 0], queue[up, 1]
        if due < mine or (due == mine and o < r):
            break
        queue[c, 0], queue[c, 1] = due, o
        s.place[o] = c
        c = up
    while 2 * c + 1 < n:
        low = 2 * c + 1
        due, o = queue[low, 0], queue[low, 1]
        if low + 1 < n:
            other, w = queue[low + 1, 0], queue[low + 1, 1]
            if other < due or (other == due and w < o):
                low, due, o = low + 1, other, w
        if due > mine or (due == mine and o > r):
            break
        queue[c, 0], queue[c, 1] = due, o
        s.place[o] = c
        c = low
    queue[c, 0], queue[c, 1] = mine, r
    s.place[r] = c


@inlined
def weigh(s: Service, r: int) -> None:
    """Play replica r's matches anew; the least loaded that accepts stands in s.tree[1]."""
    load = R_OPEN
    if s.rules[ROUTE] == LEAST_TOKENS:
        load = R_TOKENS
    elif s.rules[ROUTE] == LEAST_WAITING:
        load = R_WAITS
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
