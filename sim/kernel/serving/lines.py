"""Requests by rank: a list of each on a replica, who is let in, who goes back."""

from __future__ import annotations

from sim.kernel.jit import inlined, jit
from sim.kernel.serving.batch import admit, ahead, need
from sim.kernel.serving.door import from_door, to_door
from sim.kernel.serving.heaps import after, link, rise
from sim.state.serving import (
    BATCH,
    CHUNKED,
    DISPLACES,
    DOOR,
    DOOR_HEAD,
    DOOR_KV,
    DOOR_SEATS,
    GROW,
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    KV_CAP,
    L_HEAD,
    L_MANY,
    L_PARTLY,
    L_TAIL,
    LATER_TOKENS,
    R_ACCEPTS,
    R_CONTEXT,
    R_FILLED,
    R_KV,
    R_SEATS,
    R_VIRTUAL,
    Service,
)  # fmt: skip


@inlined
def queue_up(s: Service, r: int, i: int) -> bool:
    """Put request i at the end of its line on replica r; return if nobody is before it."""
    k = s.rank[i]
    line = s.lines[r, k]
    alone = True
    for x in range(k + 1):
        alone = alone and s.lines[r, x, L_HEAD] < 0
    if line[L_HEAD] < 0:
        line[L_HEAD] = i
    else:
        link(s, line[L_TAIL], i)
    line[L_TAIL] = i
    return alone


@jit
def back(s: Service, r: int, i: int) -> None:
    """Put request i before all others in its line but one whose prompt is half computed."""
    line = s.lines[r, s.rank[i]]
    if line[L_PARTLY] > 0:
        h = line[L_HEAD]
        link(s, i, after(s, h))
        link(s, h, i)
        if line[L_TAIL] == h:
            line[L_TAIL] = i
    else:
        link(s, i, line[L_HEAD])
        line[L_HEAD] = i
        if line[L_TAIL] < 0:
            line[L_TAIL] = i


@jit
def evict(s: Service, r: int, above: int, now: int) -> bool:
    """Send one of the last rank behind `above` back; return if there is one.

    It is the last that joined, to be computed anew; if none has, who has half his prompt.

    Source: vLLM V1, scheduling by priority: of the running the last by priority, then by arrival,
    is preempted, and recomputed.
    """
    k = s.lines.shape[1] - 1
    while k > above and s.lines[r, k, L_MANY] == 0:
        k -= 1
    if k <= above:
        return False
    line, at = s.lines[r, k], -1
    for x in range(s.t[r, R_SEATS]):
        if s.rank[s.seats[r, x, 1]] == k and (
            at < 0 or after(s, s.seats[r, x, 1]) > after(s, s.seats[r, at, 1])
        ):
            at = x
    line[L_MANY] -= 1
    if at >= 0:
        i = s.seats[r, at, 1]
        left = s.seats[r, at, 0] - s.t[r, R_VIRTUAL]
        held = s.h[i, H_PROMPT] + s.h[i, H_OUTPUT] - left
        rise(s, r, at)
        s.t[r, R_CONTEXT] -= held
        s.t[r, R_KV] -= held if s.rules[GROW] else held + left
        if k != s.rules[DOOR]:
            s.clock[LATER_TOKENS] += s.h[i, H_OUTPUT] - left  # the rest when it is answered
        s.h[i, H_PROMPT], s.h[i, H_OUTPUT] = held, left
        if k != s.rules[DOOR]:
            back(s, r, i)
    else:
        i = line[L_HEAD]
        s.t[r, R_KV] -= need(s, i)
        line[L_PARTLY] = 0
        if k == s.rules[DOOR]:
            line[L_HEAD], line[L_TAIL] = -1, -1
    s.h[i, H_PREEMPTED] += 1
    if k == s.rules[DOOR]:
        to_door(s, i, r, now)
    else:
        admit(s, r, now, -1)
    return True


@jit
def half_computed(s: Service, r: int) -> int:
    """Return how many prompts on replica r are half computed."""
    many = 0
    for k in range(s.lines.shape[1]):
        if s.lines[r, k, L_PARTLY] > 0:
            many += 1
    return many


@inlined
def gives_way(s: Service, r: int) -> bool:
    """Return whether others make room on replica r; those from the door always do."""
    door = s.rules[DOOR]
    own = 0 <= door < s.lines.shape[1] and s.lines[r, door, L_MANY] > 0
    return own or s.rules[DISPLACES] > 0


@jit
def let_in(s: Service, r: int, i: int, now: int) -> bool:
    """Let request i, first of its rank, into the batch of replica r; return if there is room.

    Who waits at the door finds room below limits of its own. For others those from the door go back
    until there is enough, and where `DISPLACES` all of later ranks.
    """
    k = s.rank[i]
    outside = k == s.rules[DOOR]
    seats = s.rules[DOOR_SEATS] if outside else s.rules[BATCH]
    cap = s.rules[DOOR_KV] if outside else s.rules[KV_CAP]
    while True:
        many = s.t[r, R_SEATS] + s.t[r, R_FILLED] + half_computed(s, r)
        growing = s.t[r, R_SEATS] + (0 if s.rules[CHUNKED] else s.t[r, R_FILLED])
        if many < seats and s.t[r, R_KV] + need(s, i) + ahead(s, growing) <= cap:
            break
        if not gives_way(s, r) or not evict(s, r, k, now):
            return False
    s.t[r, R_KV] += need(s, i)
    if outside:
        from_door(s, r, now)
    else:
        admit(s, r, now, 1)
    s.lines[r, k, L_MANY] += 1
    return True


@inlined
def first_of(s: Service, r: int, k: int) -> int:
    """Return the first of a rank that replica r may take, -1 if none."""
    i = s.lines[r, k, L_HEAD]
    if i < 0 and k == s.rules[DOOR] and s.t[r, R_ACCEPTS]:
        i = s.clock[DOOR_HEAD]
    return i
