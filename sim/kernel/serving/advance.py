"""Takes all replicas of a service up to an instant; then Python may change who accepts."""

from __future__ import annotations

from sim.kernel.jit import entry, inlined
from sim.kernel.serving.batch import admit, begin, boundary, span
from sim.kernel.serving.heaps import after, enlist, link, requeue, rise, sit, weigh
from sim.state.serving import (
    ACTIVE,
    AFFINITY,
    AWAY,
    AWAY_NS,
    BACK,
    BATCH,
    CHUNKED,
    DECODE,
    ENDS,
    EVENTS,
    FIRST_NS,
    FIRSTS,
    GONE,
    GONE_NS,
    GROW,
    H_OUTPUT,
    H_PROMPT,
    H_REPLICA,
    IDLE,
    LATER_NS,
    LATER_TOKENS,
    MARK,
    MOST_OPEN,
    NEVER,
    NEXT,
    PREFILL,
    Q_ARRIVAL,
    Q_DRAW,
    Q_END,
    Q_FIRST,
    R_ACCEPTS,
    R_CONTEXT,
    R_DUE,
    R_FILLED,
    R_HEAD,
    R_KIND,
    R_KV,
    R_OPEN,
    R_SEATS,
    R_START,
    R_STEPS,
    R_TAIL,
    R_TOKENS,
    R_VIRTUAL,
    R_WAITS,
    ROUND_ROBIN,
    ROUTE,
    SHED,
    SINCE,
    STEPS,
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
        return s.tree[1]
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
def leave(s: Service, r: int, i: int, now: int) -> None:
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


@inlined
def arrive(s: Service, i: int, now: int) -> None:
    """Queue request i; a decode run it may enter ends at the next step's end.

    It is shed where the replica it would go to has as many as it may have outstanding.
    """
    r = route(s, i)
    if s.t[r, R_OPEN] >= s.rules[MOST_OPEN]:
        s.h[i, H_REPLICA] = TURNED_AWAY
        s.clock[SHED] += 1
        gone(s, now)
        s.t[r, R_WAITS] += 1
        admit(s, r, now, 1)
        return
    s.h[i, H_REPLICA] = r
    s.t[r, R_OPEN] += 1
    s.t[r, R_WAITS] += 1
    s.t[r, R_TOKENS] += s.h[i, H_PROMPT] + s.h[i, H_OUTPUT]
    if WEIGHED >> s.rules[ROUTE] & 1:
        weigh(s, r)
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
        j = boundary(s, r, now - s.t[r, R_START])
        if j < s.t[r, R_STEPS]:
            s.t[r, R_STEPS] = j
            s.t[r, R_DUE] = s.t[r, R_START] + span(s, r, j)
            requeue(s, r)


@inlined
def finish(s: Service, r: int, now: int) -> None:
    """Book the run of replica r that ends now: tokens, first tokens, ends."""
    j = s.t[r, R_STEPS]
    if s.t[r, R_KIND] == DECODE or (s.t[r, R_KIND] == PREFILL and s.rules[CHUNKED]):
        s.t[r, R_VIRTUAL] += j
        s.t[r, R_CONTEXT] += j * s.t[r, R_SEATS]
        if s.rules[GROW]:
            s.t[r, R_KV] += j * s.t[r, R_SEATS]
    if s.t[r, R_KIND] != IDLE:
        s.clock[STEPS] += j
    while s.t[r, R_SEATS] > 0 and s.seats[r, 0, 0] <= s.t[r, R_VIRTUAL]:
        i = s.seats[r, 0, 1]
        rise(s, r, 0)
        s.t[r, R_CONTEXT] -= s.h[i, H_PROMPT] + s.h[i, H_OUTPUT]
        leave(s, r, i, now)
    if s.t[r, R_KIND] == PREFILL:
        for x in range(s.t[r, R_FILLED]):
            i = s.ready[r, x]
            if s.q[i, Q_FIRST] < 0:
                s.q[i, Q_FIRST] = now
                s.clock[FIRSTS] += 1
                s.clock[FIRST_NS] += (now - s.q[i, Q_ARRIVAL]) // 1000
            if s.h[i, H_OUTPUT] == 1:
                leave(s, r, i, now)
            else:
                s.t[r, R_CONTEXT] += s.h[i, H_PROMPT] + 1
                link(s, i, s.clock[EVENTS] * 4096 + x)
                sit(s, r, s.t[r, R_VIRTUAL] + s.h[i, H_OUTPUT] - 1, i)


@entry
def advance(s: Service, until: int) -> None:
    """Take the service up to `until` ticks, that instant left out; arrivals go first at a tie.

    As long as no replica accepts, requests wait at the door; those that lost theirs go in first.
    """
    c = s.clock
    enlist(s)
    n, since = s.q.shape[0], c[SINCE]
    while True:
        due, r = s.queue[0, 0], s.queue[0, 1]
        came = int(NEVER)
        if c[ACTIVE] > 0:
            if c[BACK] >= 0:
                came = int(since)
            elif c[NEXT] < n:
                came = int(max(s.q[c[NEXT], Q_ARRIVAL], since))
        if min(due, came) >= until:
            c[SINCE] = until
            return
        c[EVENTS] += 1
        if came <= due and c[BACK] >= 0:
            i = c[BACK]
            c[BACK] = after(s, i)
            link(s, i, -1)
            arrive(s, i, came)
        elif came <= due:
            arrive(s, c[NEXT], came)
            c[NEXT] += 1
        else:
            finish(s, r, due)
            begin(s, r, due)
            requeue(s, r)
