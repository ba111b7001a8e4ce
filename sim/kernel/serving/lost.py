"""A replica that is lost: its requests go on elsewhere."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry, jit
from sim.kernel.serving.batch import admit
from sim.kernel.serving.door import knock, to_door
from sim.kernel.serving.heaps import after, link, requeue, rise
from sim.kernel.serving.step import done
from sim.state.serving import (
    ADMIT_NS,
    ADMITS,
    AWAY,
    AWAY_NS,
    BACK,
    DOOR,
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    IDLE,
    L_HEAD,
    L_MANY,
    L_PARTLY,
    L_TAIL,
    LATER_TOKENS,
    MARK,
    NEVER,
    PREFILL,
    R_ACCEPTS,
    R_CONTEXT,
    R_DUE,
    R_FILLED,
    R_HEAD,
    R_KIND,
    R_KV,
    R_OPEN,
    R_PARTLY,
    R_SEATS,
    R_STEPS,
    R_TAIL,
    R_TOKENS,
    R_VIRTUAL,
    R_WAITS,
    Service,
)


@entry
def drain(s: Service, r: int, now: int) -> None:
    """Let replica r accept no more: what it has is with those that drain, in no queue."""
    ns = (now - s.clock[MARK]) // 1000
    s.clock[ADMITS] += s.t[r, R_WAITS]
    s.clock[ADMIT_NS] += s.t[r, R_WAITS] * ns
    s.clock[AWAY] += s.t[r, R_OPEN]
    s.clock[AWAY_NS] += s.t[r, R_OPEN] * ns
    s.t[r, R_ACCEPTS] = 0


@entry
def lose(s: Service, r: int, now: int) -> int:
    """Take all requests from replica r, which is no more; return how many.

    It accepts no more. They wait, in order of arrival, for the next that accepts. Tokens sent so
    far are part of the prompt there: whole steps count up to `now`, those with chunks too; what was
    computed of a prompt is lost.

    Source: request migration as in NVIDIA Dynamo; vLLM's preemption by recompute.
    """
    s.t[r, R_VIRTUAL] += done(s, r, now)
    taken, n = np.empty(s.t[r, R_OPEN], np.int64), 0
    for x in range(s.t[r, R_SEATS]):
        i, left = s.seats[r, x, 1], s.seats[r, x, 0] - s.t[r, R_VIRTUAL]
        s.clock[LATER_TOKENS] += s.h[i, H_OUTPUT] - left
        s.h[i, H_PROMPT] += s.h[i, H_OUTPUT] - left
        s.h[i, H_OUTPUT] = left
        taken[n] = i
        n += 1
    if s.t[r, R_KIND] == PREFILL:
        for x in range(s.t[r, R_FILLED]):
            taken[n] = s.ready[r, x]
            n += 1
    if s.t[r, R_ACCEPTS]:
        admit(s, r, now, -n - int(s.t[r, R_PARTLY] > 0))
    else:
        ns = (now - s.clock[MARK]) // 1000
        s.clock[ADMITS] -= s.t[r, R_OPEN]
        s.clock[ADMIT_NS] -= s.t[r, R_OPEN] * ns
        s.clock[AWAY] -= s.t[r, R_OPEN]
        s.clock[AWAY_NS] -= s.t[r, R_OPEN] * ns
    i = s.t[r, R_HEAD]
    while i >= 0:
        taken[n] = i
        n += 1
        i = after(s, i)
    i = s.clock[BACK]
    waiting = 0
    while i >= 0:
        waiting += 1
        i = after(s, i)
    every = np.empty(n + waiting, np.int64)
    every[:n] = taken[:n]
    i = s.clock[BACK]
    for x in range(waiting):
        every[n + x] = i
        i = after(s, i)
    every.sort()
    s.clock[BACK] = -1
    for x in range(every.size - 1, -1, -1):
        link(s, every[x], s.clock[BACK])
        s.clock[BACK] = every[x]
    for x in range(n):
        s.h[taken[x], H_PREEMPTED] += 1
    s.t[r, R_HEAD], s.t[r, R_TAIL], s.t[r, R_SEATS], s.t[r, R_FILLED] = -1, -1, 0, 0
    s.t[r, R_CONTEXT], s.t[r, R_KV], s.t[r, R_PARTLY] = 0, 0, 0
    s.t[r, R_OPEN], s.t[r, R_TOKENS], s.t[r, R_WAITS] = 0, 0, 0
    s.t[r, R_KIND], s.t[r, R_DUE], s.t[r, R_ACCEPTS] = IDLE, NEVER, 0
    requeue(s, r)
    return n


@jit
def returned(s: Service, r: int, i: int, now: int) -> int:
    """Put request i back to the door, from a replica that is lost; return 1."""
    s.h[i, H_PREEMPTED] += 1
    s.soon[r, 0] = 0  # it has fewer seats taken than when that was written
    to_door(s, i, -1, now)
    return 1


@jit
def unlined(s: Service, r: int, k: int, now: int) -> int:
    """Put a line of replica r to the end of its own list; return how many went to the door."""
    line, gone = s.lines[r, k], 0
    if line[L_PARTLY] > 0 and k != s.rules[DOOR]:
        admit(s, r, now, -1)
    i = line[L_HEAD]
    if i >= 0 and k == s.rules[DOOR]:
        gone = returned(s, r, i, now)
    elif i >= 0:
        if s.t[r, R_HEAD] < 0:
            s.t[r, R_HEAD] = i
        else:
            link(s, s.t[r, R_TAIL], i)
        s.t[r, R_TAIL] = line[L_TAIL]
    line[L_HEAD], line[L_TAIL], line[L_PARTLY], line[L_MANY] = -1, -1, 0, 0
    return gone


@entry
def lose_by_rank(s: Service, r: int, now: int) -> int:
    """As `lose`, where requests have ranks; those from the door wait there again, and count too."""
    s.t[r, R_VIRTUAL] += done(s, r, now)
    s.t[r, R_STEPS] = 1
    door, outside = s.rules[DOOR], 0
    x = 0
    while x < s.t[r, R_SEATS]:
        i = s.seats[r, x, 1]
        if s.rank[i] != door:
            x += 1
            continue
        left = s.seats[r, x, 0] - s.t[r, R_VIRTUAL]
        s.h[i, H_PROMPT] += s.h[i, H_OUTPUT] - left
        s.h[i, H_OUTPUT] = left
        rise(s, r, x)
        outside += returned(s, r, i, now)
        x = 0
    kept = 0
    for x in range(s.t[r, R_FILLED] if s.t[r, R_KIND] == PREFILL else 0):
        i = s.ready[r, x]
        if s.rank[i] == door:
            outside += returned(s, r, i, now)
        else:
            s.ready[r, kept] = i
            kept += 1
    s.t[r, R_FILLED] = kept
    for k in range(s.lines.shape[1]):
        outside += unlined(s, r, k, now)
    outside += lose(s, r, now)
    knock(s, r, now)
    return outside
