"""Requests by rank: a list of each on a replica, and one at the door for those nobody waits for."""

from __future__ import annotations

from sim.kernel.jit import inlined, jit
from sim.kernel.serving.batch import admit, ahead, need
from sim.kernel.serving.heaps import after, link, requeue, rise
from sim.kernel.serving.step import boundary, span
from sim.state.serving import (
    ACTIVE,
    BATCH,
    CALLED,
    CHUNKED,
    DISPLACES,
    DOOR,
    DOOR_HEAD,
    DOOR_KV,
    DOOR_SEATS,
    DOOR_TAIL,
    GROW,
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    H_REPLICA,
    IDLE,
    KV_CAP,
    L_HEAD,
    L_MANY,
    L_PARTLY,
    L_TAIL,
    LATER_TOKENS,
    NEVER,
    PREFILL,
    R_ACCEPTS,
    R_CONTEXT,
    R_DUE,
    R_FILLED,
    R_KIND,
    R_KV,
    R_SEATS,
    R_START,
    R_STEPS,
    R_VIRTUAL,
    TURN_AT,
    TURN_OF,
    Service,
)  # fmt: skip


@inlined
def cut(s: Service, r: int, ticks: int) -> None:
    """End the decode run of replica r with the step that is under way so long after its start."""
    j = boundary(s, r, ticks)
    if j < s.t[r, R_STEPS]:
        s.t[r, R_STEPS] = j
        s.t[r, R_DUE] = s.t[r, R_START] + span(s, r, j)
        requeue(s, r)


@jit
def comes_at(s: Service, r: int, i: int, now: int) -> int:
    """Return when replica r could look at the door and find room for request i; `NEVER` if not.

    At once if idle, else at the next step's end of its decode run; one whose step ends now, but has
    had its turn, at that after it. What it has then is known: nobody joins before it looks.
    """
    if not s.t[r, R_ACCEPTS] or s.t[r, R_KIND] == PREFILL:
        return int(NEVER)
    if s.t[r, R_KIND] == IDLE:
        return now
    seats = s.t[r, R_SEATS]
    if seats >= s.rules[DOOR_SEATS] or s.t[r, R_KV] + need(s, i) > s.rules[DOOR_KV]:
        return int(NEVER)
    late = s.clock[TURN_AT] == now and r <= s.clock[TURN_OF]
    j = boundary(s, r, now - s.t[r, R_START] + (1 if late else 0))
    grown = s.rules[GROW] * seats * j
    if s.t[r, R_KV] + grown + need(s, i) + ahead(s, seats) > s.rules[DOOR_KV]:
        return int(NEVER)
    return s.t[r, R_START] + span(s, r, j)


@jit
def knock(s: Service, r: int, now: int) -> None:
    """Call the replica that is the first to find room for who is now first at the door, but r.

    It need not be called that does not decode: it looks when its step ends. Nor the others, until
    it has looked: who has no room has none before his decode run ends, and looks then.
    """
    i, first, who = s.clock[DOOR_HEAD], int(NEVER), -1
    if i < 0:
        return
    for x in range(s.clock[ACTIVE]):
        o = s.active[x]
        at = comes_at(s, o, i, now) if o != r else int(NEVER)
        if at < first:
            first, who = at, o
    s.clock[CALLED] = who
    if who < 0:
        return
    if s.t[who, R_KIND] == IDLE:
        s.t[who, R_DUE] = now
        requeue(s, who)
    else:
        cut(s, who, first - s.t[who, R_START])


@inlined
def turn(s: Service, r: int, now: int) -> bool:
    """Note that replica r has its turn; return if it was called to the door."""
    if s.clock[TURN_AT] != now:
        s.clock[TURN_AT], s.clock[TURN_OF] = now, r
    else:
        s.clock[TURN_OF] = max(s.clock[TURN_OF], r)
    called = s.clock[CALLED] == r
    if called:
        s.clock[CALLED] = -1
    return called


@jit
def to_door(s: Service, i: int, r: int, now: int) -> None:
    """Put request i to its place at the door, in order of arrival; replica r sends it, or none."""
    c = s.clock
    before, behind = -1, c[DOOR_HEAD]
    if behind >= 0 and c[DOOR_TAIL] < i:
        before, behind = c[DOOR_TAIL], -1
    while 0 <= behind < i:
        before, behind = behind, after(s, behind)
    link(s, i, behind)
    if behind < 0:
        c[DOOR_TAIL] = i
    if before >= 0:
        link(s, before, i)
        return
    c[DOOR_HEAD] = i
    knock(s, r, now)


@jit
def from_door(s: Service, r: int, now: int) -> None:
    """Take the first at the door into its line on replica r, where it stands alone."""
    i = s.clock[DOOR_HEAD]
    s.clock[DOOR_HEAD] = after(s, i)
    if s.clock[DOOR_HEAD] < 0:
        s.clock[DOOR_TAIL] = -1
    link(s, i, -1)
    s.h[i, H_REPLICA] = r
    line = s.lines[r, s.rules[DOOR]]
    line[L_HEAD], line[L_TAIL] = i, i
    knock(s, r, now)


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
