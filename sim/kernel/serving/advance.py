"""Takes all replicas of a service up to an instant; then Python may change who accepts."""

from __future__ import annotations

from sim.kernel.jit import entry, inlined, parted
from sim.kernel.serving import batch, ranked
from sim.kernel.serving.heaps import after, enlist, link, requeue, rise, sit
from sim.kernel.serving.life import arrive, leave, look, tell
from sim.state.serving import (
    ACTIVE,
    BACK,
    CHUNKED,
    DECODE,
    EVENTS,
    GROW,
    H_OUTPUT,
    H_PROMPT,
    IDLE,
    NEVER,
    NEXT,
    PREFILL,
    Q_ARRIVAL,
    Q_FIRST,
    R_CONTEXT,
    R_FILLED,
    R_KIND,
    R_KV,
    R_SEATS,
    R_STEPS,
    R_VIRTUAL,
    SINCE,
    STEPS,
    Service,
)  # fmt: skip

begin = parted(batch.begin, ranked.begin, "lines")


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
                tell(s, i, now)
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
    look(s)
    n, since = s.q.shape[0], c[SINCE]
    while True:
        due, r = s.queue[0, 1], s.queue[1, 1]
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
