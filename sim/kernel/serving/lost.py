"""A replica that is lost: its requests go on elsewhere."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry
from sim.kernel.serving.batch import admit, span
from sim.kernel.serving.heaps import after, link, requeue
from sim.state.serving import (
    ADMIT_NS,
    ADMITS,
    AWAY,
    AWAY_NS,
    BACK,
    DECODE,
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    IDLE,
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
    R_START,
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
    far are part of the prompt there: whole decode steps count up to `now`; what a step with prompts
    did is lost.

    Source: request migration as in NVIDIA Dynamo; vLLM's preemption by recompute.
    """
    if s.t[r, R_KIND] == DECODE:
        j = 0
        while j + 1 < s.t[r, R_STEPS] and span(s, r, j + 1) <= now - s.t[r, R_START]:
            j += 1
        s.t[r, R_VIRTUAL] += j
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
