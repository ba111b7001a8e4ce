"""The door: where requests wait for whom nobody waits, and who finds room for them first."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import inlined, jit
from sim.kernel.serving.batch import ahead, need
from sim.kernel.serving.heaps import after, link, requeue
from sim.kernel.serving.step import boundary, decoding, span
from sim.state.serving import (
    ACTIVE,
    CALLED,
    DECODE_C,
    DOOR,
    DOOR_HEAD,
    DOOR_KV,
    DOOR_SEATS,
    DOOR_TAIL,
    GROW,
    H_REPLICA,
    IDLE,
    L_HEAD,
    L_TAIL,
    NEVER,
    PREFILL,
    R_ACCEPTS,
    R_DUE,
    R_KIND,
    R_KV,
    R_SEATS,
    R_START,
    R_STEPS,
    SINCE,
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
def next_end(s: Service, r: int, now: int, late: int) -> int:
    """Return when replica r could look at the door next, and write it down; `NEVER` if not.

    At once if idle, else at the next step's end of its decode run; one whose step ends now, but has
    had its turn, is `late`, 1: at that after it. Without a seat left not as long as its run lasts.
    """
    soon = s.soon
    if s.t[r, R_ACCEPTS] and s.t[r, R_KIND] == IDLE:
        return now
    if not s.t[r, R_ACCEPTS] or s.t[r, R_KIND] == PREFILL or s.t[r, R_SEATS] >= s.rules[DOOR_SEATS]:
        soon[r, 0] = NEVER
        return int(NEVER)
    j = boundary(s, r, now - s.t[r, R_START] + late)
    more = s.rules[DECODE_C] * s.t[r, R_SEATS]
    soon[r, 0], soon[r, 1] = s.t[r, R_START] + span(s, r, j), j
    soon[r, 2], soon[r, 3] = decoding(s, r) + more * j, more
    return soon[r, 0]


@inlined
def step_on(soon: np.ndarray, r: int) -> int:
    """Return when the step of replica r ends after that which is written down; that is now it."""
    soon[r, 0] += soon[r, 2]
    soon[r, 1] += 1
    soon[r, 2] += soon[r, 3]
    return soon[r, 0]


@inlined
def has_room(s: Service, r: int, i: int) -> bool:
    """Return whether replica r, when its step ends that is written down, has room for request i.

    What it has then is known: nobody joins before it looks.
    """
    if s.t[r, R_KIND] == IDLE:
        return True
    if not s.t[r, R_ACCEPTS]:
        return False
    seats = s.t[r, R_SEATS]
    grown = s.rules[GROW] * seats * s.soon[r, 1]
    return s.t[r, R_KV] + grown + need(s, i) + ahead(s, seats) <= s.rules[DOOR_KV]


@jit
def knock(s: Service, r: int, now: int) -> None:
    """Call the replica that is the first to find room for who is now first at the door, but r.

    It need not be called that does not decode: it looks when its step ends. Nor the others, until
    it has looked: who has no room has none before his decode run ends, and looks then.

    When steps end is written down until a run is over: of a thousand replicas a few had one end
    since somebody last knocked, and of the others one number is read.
    """
    i, first, who = s.clock[DOOR_HEAD], int(NEVER), -1
    if i < 0:
        return
    soon, active, n = s.soon, s.active, s.clock[ACTIVE]
    turned = s.clock[TURN_OF] if s.clock[TURN_AT] == now else -1  # so far they had their turn now
    for x in range(n):
        o = active[x]
        at = soon[o, 0]
        if at >= first or o == r:
            continue
        late = 1 if o <= turned else 0
        if 0 < at < now + late:
            at = step_on(soon, o)
        if at < now + late:
            at = next_end(s, o, now, late)
        if at < first and has_room(s, o, i):
            first, who = at, o
            if first == now:
                break
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
    """Note that replica r has its turn, its run over; return if it was called to the door."""
    s.soon[r, 0] = 0
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


@jit
def awake(s: Service) -> None:
    """Forget when steps end, as others may accept; let who is idle look who waits at the door."""
    for r in range(s.soon.shape[0]):
        s.soon[r, 0] = 0
    if s.clock[DOOR_HEAD] < 0:
        return
    for x in range(s.clock[ACTIVE]):
        r = s.active[x]
        if s.t[r, R_KIND] == IDLE and s.t[r, R_DUE] == NEVER:
            s.t[r, R_DUE] = s.clock[SINCE]
            requeue(s, r)
