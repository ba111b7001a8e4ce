"""Order inside a service: seats by their end, replicas by their next event, the least loaded."""

from __future__ import annotations

from sim.kernel.jit import inlined
from sim.state.serving import (
    ACTIVE,
    LEAST_TOKENS,
    LEAST_WAITING,
    LEAVES,
    NEVER,
    NUMBER_BITS,
    Q_END,
    R_ACCEPTS,
    R_DUE,
    R_OPEN,
    R_SEATS,
    R_TOKENS,
    R_WAITS,
    ROUTE,
    WEIGHED,
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
    """Play replica r's matches anew by due, ties by its number; s.queue[1] is who is next.

    Both of a match are read before it is played, so that no step has to guess what the one before
    it finds: a heap guessed wrong twice a time.
    """
    queue, c, due = s.queue, s.clock[LEAVES] + r, s.t[r, R_DUE]
    queue[0, c] = due
    while c > 1:
        other = queue[0, c ^ 1]
        lost = int(other < due + (c & 1))  # who stands on the left has the lower number
        who, due = queue[1, c ^ lost], min(due, other)
        c >>= 1
        before = queue[1, c]
        if before != r and before == who:
            return
        queue[0, c], queue[1, c] = due, who


@inlined
def burden(s: Service, r: int) -> int:
    """Return what replica r has by the service's rule, then its number, as one number."""
    load = R_OPEN
    if s.rules[ROUTE] == LEAST_TOKENS:
        load = R_TOKENS
    elif s.rules[ROUTE] == LEAST_WAITING:
        load = R_WAITS
    return s.t[r, load] << NUMBER_BITS | r if s.t[r, R_ACCEPTS] else int(NEVER)


@inlined
def weigh(s: Service, r: int) -> None:
    """Play replica r's matches anew; the least loaded that accepts stands in s.tree[1]."""
    tree, c, least = s.tree, s.clock[LEAVES] + r, burden(s, r)
    tree[c] = least
    while c > 1:
        least = min(least, tree[c ^ 1])
        c >>= 1
        if tree[c] == least:
            return
        tree[c] = least


@inlined
def enlist(s: Service) -> None:
    """List those that accept, in order, and play all matches."""
    n = 0
    for r in range(s.active.size):
        if s.t[r, R_ACCEPTS]:
            s.active[n] = r
            n += 1
    s.clock[ACTIVE] = n
    if WEIGHED >> s.rules[ROUTE] & 1:
        leaves = s.clock[LEAVES]
        for r in range(s.active.size):
            s.tree[leaves + r] = burden(s, r)
        for c in range(leaves - 1, 0, -1):
            s.tree[c] = min(s.tree[2 * c], s.tree[2 * c + 1])
