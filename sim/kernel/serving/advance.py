"""Takes all replicas of a service up to an instant; then Python may change who accepts."""

from __future__ import annotations

from sim.kernel.jit import entry, jit
from sim.kernel.serving.batch import begin, boundary, span
from sim.kernel.serving.heaps import enlist, requeue, rise, sit, weigh
from sim.state.serving import (
    ACTIVE, AFFINITY, BATCH, CHUNKED, DECODE, EVENTS, GROW, IDLE, LEAST_REQUESTS, LEAST_TOKENS,
    NEVER, NEXT, PREFILL, ROUND_ROBIN, ROUTE, STEPS, TURN, Service,
)  # fmt: skip


@jit
def route(s: Service, i: int) -> int:
    """Return the replica that takes request i."""
    t, rule, n = s.replicas, s.rules[ROUTE], s.clock[ACTIVE]
    if rule == ROUND_ROBIN:
        s.clock[TURN] += 1
        return t.active[(s.clock[TURN] - 1) % n]
    if rule == LEAST_REQUESTS or rule == LEAST_TOKENS:
        return t.tree[1]
    draw = s.requests.draw[i]
    if rule == AFFINITY:
        return t.active[draw % n]
    a, b = t.active[(draw >> 31) % n], t.active[(draw & 0x7FFFFFFF) % n]
    return b if t.open[b] < t.open[a] else a


@jit
def leave(s: Service, r: int, i: int, now: int) -> None:
    """End request i."""
    t, q = s.replicas, s.requests
    size = q.prompt[i] + q.output[i]
    q.end[i] = now
    t.open[r] -= 1
    t.tokens[r] -= size
    t.kv[r] -= size
    if s.rules[ROUTE] == LEAST_REQUESTS or s.rules[ROUTE] == LEAST_TOKENS:
        weigh(s, r)


@jit
def arrive(s: Service, i: int) -> None:
    """Queue request i; a decode run it may enter ends at the next step's end."""
    t, q, now = s.replicas, s.requests, s.requests.arrival[i]
    r = route(s, i)
    q.replica[i] = r
    t.open[r] += 1
    t.tokens[r] += q.prompt[i] + q.output[i]
    if s.rules[ROUTE] == LEAST_REQUESTS or s.rules[ROUTE] == LEAST_TOKENS:
        weigh(s, r)
    alone = t.head[r] < 0
    if alone:
        t.head[r] = i
    else:
        q.after[t.tail[r]] = i
    t.tail[r] = i
    if t.kind[r] == IDLE:
        t.due[r] = now
        requeue(t, r)
    elif t.kind[r] == DECODE and alone and t.seats[r] < s.rules[BATCH]:
        j = boundary(s, r, now - t.start[r])
        if j < t.steps[r]:
            t.steps[r] = j
            t.due[r] = t.start[r] + span(s, r, j)
            requeue(t, r)


@jit
def finish(s: Service, r: int, now: int) -> None:
    """Book the run of replica r that ends now: tokens, first tokens, ends."""
    t, q = s.replicas, s.requests
    j = t.steps[r]
    if t.kind[r] == DECODE or (t.kind[r] == PREFILL and s.rules[CHUNKED]):
        t.virtual[r] += j
        t.context[r] += j * t.seats[r]
        if s.rules[GROW]:
            t.kv[r] += j * t.seats[r]
    if t.kind[r] != IDLE:
        s.clock[STEPS] += j
    while t.seats[r] > 0 and t.heap_key[r, 0] <= t.virtual[r]:
        i = t.heap_id[r, 0]
        rise(t, r, 0)
        t.context[r] -= q.prompt[i] + q.output[i]
        leave(s, r, i, now)
    if t.kind[r] == PREFILL:
        for x in range(t.filled[r]):
            i = t.ready[r, x]
            if q.first[i] < 0:
                q.first[i] = now
            if q.output[i] == 1:
                leave(s, r, i, now)
            else:
                t.context[r] += q.prompt[i] + 1
                sit(t, r, t.virtual[r] + q.output[i] - 1, i, s.clock[EVENTS] * 4096 + x)


@entry
def advance(s: Service, until: int) -> None:
    """Take the service up to `until` ticks, that instant left out; arrivals go first at a tie."""
    t, q, c = s.replicas, s.requests, s.clock
    enlist(s)
    n = q.arrival.size
    while True:
        r = t.queue[0]
        due = t.due[r]
        came = NEVER
        if c[NEXT] < n and c[ACTIVE] > 0:
            came = max(q.arrival[c[NEXT]], 0)
        if min(due, came) >= until:
            return
        c[EVENTS] += 1
        if came <= due:
            arrive(s, c[NEXT])
            c[NEXT] += 1
        else:
            finish(s, r, due)
            begin(s, r, due)
            requeue(t, r)
