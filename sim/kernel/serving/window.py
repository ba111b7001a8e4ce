"""Rows of requests that are done make room for others: what became of them is written down."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry, inlined, jit, parted
from sim.kernel.serving.heaps import after, link
from sim.state.serving import (
    BACK,
    DOOR_HEAD,
    DOOR_TAIL,
    H_PREEMPTED,
    H_REPLICA,
    L_HEAD,
    L_TAIL,
    NEXT,
    Q_ARRIVAL,
    Q_END,
    Q_FIRST,
    R_FILLED,
    R_HEAD,
    R_SEATS,
    R_TAIL,
    TURNED_AWAY,
    Service,
)


@entry
def tell(
    q: np.ndarray,
    every: bool,
    of: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    place: np.ndarray,
    preempted: np.ndarray,
) -> int:
    """Write down what became of the requests in q, or of those that are done, unless `every`.

    Row i is request `of[i]`; without `of`, request i. The columns are those of `state.fates`.
    Return how often one was preempted at most: more than `preempted` holds is to be told anew.
    """
    h, most = q.view(np.int32), 0
    for i in range(q.shape[0]):
        replica = h[i, H_REPLICA]
        if not every and q[i, Q_END] < 0 and replica != TURNED_AWAY:
            continue
        x = of[i] if of.size > 0 else i
        came, begun, ended = q[i, Q_ARRIVAL], q[i, Q_FIRST], q[i, Q_END]
        first[x] = begun - came if begun >= 0 else -1
        last[x] = ended - came if ended >= 0 else -1
        place[x], preempted[x] = replica, h[i, H_PREEMPTED]
        most = max(most, h[i, H_PREEMPTED])
    return most


@jit
def relink(s: Service, i: int, now_at: np.ndarray) -> None:
    """Tell a list that begins with request i its new rows."""
    while i >= 0:
        behind = after(s, i)
        if behind >= 0:
            link(s, i, now_at[behind])
        i = behind


@inlined
def without_ranks(s: Service, now_at: np.ndarray) -> None:
    """Without ranks there are no more lists."""


@jit
def by_rank(s: Service, now_at: np.ndarray) -> None:
    """Tell the lists of ranks and that at the door their new rows, and move the ranks there."""
    c = s.clock
    relink(s, c[DOOR_HEAD], now_at)
    if c[DOOR_HEAD] >= 0:
        c[DOOR_HEAD], c[DOOR_TAIL] = now_at[c[DOOR_HEAD]], now_at[c[DOOR_TAIL]]
    for r in range(s.lines.shape[0]):
        for k in range(s.lines.shape[1]):
            line = s.lines[r, k]
            if line[L_HEAD] >= 0:
                relink(s, line[L_HEAD], now_at)
                line[L_HEAD], line[L_TAIL] = now_at[line[L_HEAD]], now_at[line[L_TAIL]]
    for i in range(now_at.size):
        if now_at[i] >= 0:
            s.rank[now_at[i]] = s.rank[i]


more = parted(without_ranks, by_rank, "lines")


@entry
def close_up(s: Service, of: np.ndarray) -> int:
    """Move the requests that are not done into the first rows, in their order; return how many.

    All that knows them by their row is told the new one: lists, seats, prompts under way. Request
    of each row, `of`, moves along.
    """
    n, kept, come = s.q.shape[0], 0, 0
    now_at = np.empty(n, np.int64)
    for i in range(n):
        done = s.q[i, Q_END] >= 0 or s.h[i, H_REPLICA] == TURNED_AWAY
        now_at[i] = -1 if done else kept
        kept += 0 if done else 1
        if i < s.clock[NEXT]:
            come = kept
    for r in range(-1, s.t.shape[0]):
        i = s.clock[BACK] if r < 0 else s.t[r, R_HEAD]
        relink(s, i, now_at)
        if i >= 0 and r < 0:
            s.clock[BACK] = now_at[i]
        elif i >= 0:
            s.t[r, R_HEAD], s.t[r, R_TAIL] = now_at[i], now_at[s.t[r, R_TAIL]]
    more(s, now_at)
    for r in range(s.t.shape[0]):
        for x in range(s.t[r, R_SEATS]):
            s.seats[r, x, 1] = now_at[s.seats[r, x, 1]]
        for x in range(s.t[r, R_FILLED]):
            s.ready[r, x] = now_at[s.ready[r, x]]
    for i in range(n):
        if now_at[i] >= 0:
            s.q[now_at[i]] = s.q[i]
            of[now_at[i]] = of[i]
    s.clock[NEXT] = come
    return kept
