"""How a request comes to a replica, has its first token, and is answered; with ranks or without."""

from __future__ import annotations

from sim.kernel.jit import inlined, jit, parted
from sim.kernel.serving.batch import admit
from sim.kernel.serving.door import awake, cut, to_door
from sim.kernel.serving.heaps import link, requeue, weigh
from sim.kernel.serving.lines import queue_up
from sim.state.serving import (
    ACTIVE,
    AFFINITY,
    AWAY,
    AWAY_NS,
    BATCH,
    DECODE,
    DOOR,
    DOOR_ENDS,
    ENDS,
    FIRST_NS,
    FIRSTS,
    GONE,
    GONE_NS,
    H_OUTPUT,
    H_PROMPT,
    H_REPLICA,
    IDLE,
    L_MANY,
    LATER_NS,
    LATER_TOKENS,
    MARK,
    MOST_OPEN,
    NUMBER_BITS,
    Q_ARRIVAL,
    Q_DRAW,
    Q_END,
    Q_FIRST,
    R_ACCEPTS,
    R_DUE,
    R_HEAD,
    R_KIND,
    R_KV,
    R_OPEN,
    R_SEATS,
    R_START,
    R_TAIL,
    R_TOKENS,
    R_WAITS,
    ROUND_ROBIN,
    ROUTE,
    SHED,
    TURN,
    TURNED_AWAY,
    WEIGHED,
    Service,
)  # fmt: skip


@inlined
def route(s: Service, i: int) -> int:
    """Return the replica that takes request i."""
    rule, n = s.rules[ROUTE], s.clock[ACTIVE]
    if rule == ROUND_ROBIN:
        s.clock[TURN] += 1
        return s.active[(s.clock[TURN] - 1) % n]
    if WEIGHED >> rule & 1:
        return s.tree[1] & ((1 << NUMBER_BITS) - 1)
    draw = s.q[i, Q_DRAW]
    if rule == AFFINITY:
        return s.active[draw % n]
    a, b = s.active[(draw >> 31) % n], s.active[(draw & 0x7FFFFFFF) % n]
    return b if s.t[b, R_OPEN] < s.t[a, R_OPEN] else a


@inlined
def gone(s: Service, now: int) -> None:
    """Note that a request is answered or shed."""
    s.clock[GONE] += 1
    s.clock[GONE_NS] += (now - s.clock[MARK]) // 1000


@inlined
def answered(s: Service, r: int, i: int, now: int) -> None:
    """End request i."""
    size = s.h[i, H_PROMPT] + s.h[i, H_OUTPUT]
    s.q[i, Q_END] = now
    gone(s, now)
    if not s.t[r, R_ACCEPTS]:
        s.clock[AWAY] -= 1
        s.clock[AWAY_NS] -= (now - s.clock[MARK]) // 1000
    s.clock[ENDS] += 1
    s.clock[LATER_NS] += (now - s.q[i, Q_FIRST]) // 1000
    s.clock[LATER_TOKENS] += s.h[i, H_OUTPUT] - 1
    s.t[r, R_OPEN] -= 1
    s.t[r, R_TOKENS] -= size
    s.t[r, R_KV] -= size
    if WEIGHED >> s.rules[ROUTE] & 1:
        weigh(s, r)


@jit
def answered_by_rank(s: Service, r: int, i: int, now: int) -> None:
    """End request i; one from the door counts in no sum but how many there were."""
    k = s.rank[i]
    s.lines[r, k, L_MANY] -= 1
    if k != s.rules[DOOR]:
        answered(s, r, i, now)
        return
    s.q[i, Q_END] = now
    s.clock[DOOR_ENDS] += 1
    s.t[r, R_KV] -= s.h[i, H_PROMPT] + s.h[i, H_OUTPUT]


leave = parted(answered, answered_by_rank, "lines")


@inlined
def first(s: Service, i: int, now: int) -> None:
    """Note the first token of request i."""
    s.q[i, Q_FIRST] = now
    s.clock[FIRSTS] += 1
    s.clock[FIRST_NS] += (now - s.q[i, Q_ARRIVAL]) // 1000


@inlined
def first_by_rank(s: Service, i: int, now: int) -> None:
    """Note the first token of request i; of one from the door for itself only."""
    if s.rank[i] == s.rules[DOOR]:
        s.q[i, Q_FIRST] = now
    else:
        first(s, i, now)


tell = parted(first, first_by_rank, "lines")


@inlined
def taker(s: Service, i: int, now: int) -> int:
    """Return the replica that takes request i, counted there; -1 where it is shed.

    It is shed where the replica it would go to has as many as it may have outstanding.
    """
    r = route(s, i)
    if s.t[r, R_OPEN] >= s.rules[MOST_OPEN]:
        s.h[i, H_REPLICA] = TURNED_AWAY
        s.clock[SHED] += 1
        gone(s, now)
        s.t[r, R_WAITS] += 1
        admit(s, r, now, 1)
        return -1
    s.h[i, H_REPLICA] = r
    s.t[r, R_OPEN] += 1
    s.t[r, R_WAITS] += 1
    s.t[r, R_TOKENS] += s.h[i, H_PROMPT] + s.h[i, H_OUTPUT]
    if WEIGHED >> s.rules[ROUTE] & 1:
        weigh(s, r)
    return r


@inlined
def come(s: Service, i: int, now: int) -> None:
    """Queue request i; a decode run it may enter ends at the next step's end."""
    r = taker(s, i, now)
    if r < 0:
        return
    alone = s.t[r, R_HEAD] < 0
    if alone:
        s.t[r, R_HEAD] = i
    else:
        link(s, s.t[r, R_TAIL], i)
    s.t[r, R_TAIL] = i
    if s.t[r, R_KIND] == IDLE:
        s.t[r, R_DUE] = now
        requeue(s, r)
    elif s.t[r, R_KIND] == DECODE and alone and s.t[r, R_SEATS] < s.rules[BATCH]:
        cut(s, r, now - s.t[r, R_START])


@jit
def come_by_rank(s: Service, i: int, now: int) -> None:
    """Queue request i with its like, or at the door; who is first is looked at after this step."""
    if s.rank[i] == s.rules[DOOR]:
        to_door(s, i, -1, now)
        return
    r = taker(s, i, now)
    if r < 0:
        return
    alone = queue_up(s, r, i)
    if s.t[r, R_KIND] == IDLE:
        s.t[r, R_DUE] = now
        requeue(s, r)
    elif s.t[r, R_KIND] == DECODE and alone:
        cut(s, r, now - s.t[r, R_START])


arrive = parted(come, come_by_rank, "lines")


@inlined
def nobody(s: Service) -> None:
    """Without ranks nobody waits at the door while replicas accept."""


look = parted(nobody, awake, "lines")
