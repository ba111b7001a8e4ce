"""What a replica does next where requests have ranks: the lower first, in the room that is left."""

from __future__ import annotations

from sim.kernel.jit import inlined, jit
from sim.kernel.serving.batch import admit, ahead, decode
from sim.kernel.serving.door import knock, turn
from sim.kernel.serving.heaps import after, link, sit
from sim.kernel.serving.lines import evict, first_of, let_in
from sim.kernel.serving.step import mixing
from sim.state.serving import (
    BATCH,
    CALLED,
    CHUNK,
    CHUNKED,
    DISPLACES,
    EVENTS,
    GROW,
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    JOINS,
    KV_CAP,
    L_HEAD,
    L_MANY,
    L_PARTLY,
    L_TAIL,
    PADDED,
    PREFILL,
    PROMPT_CAP,
    Q_ARRIVAL,
    Q_FIRST,
    R_CONTEXT,
    R_DUE,
    R_FILLED,
    R_KIND,
    R_KV,
    R_SEATS,
    R_START,
    R_STEPS,
    R_VIRTUAL,
    Service,
)  # fmt: skip


@inlined
def shift(s: Service, r: int, k: int) -> None:
    """Take the first of a line, whose prompt ends with this step."""
    line = s.lines[r, k]
    i = line[L_HEAD]
    s.ready[r, s.t[r, R_FILLED]] = i
    s.t[r, R_FILLED] += 1
    line[L_PARTLY] = 0
    line[L_HEAD] = after(s, i)
    if line[L_HEAD] < 0:
        line[L_TAIL] = -1


@jit
def whole(s: Service, r: int, now: int) -> bool:
    """Start a step of whole prompts, rank by rank, decoders waiting; return if there is one.

    Where they are `PADDED` each counts against the limit as long as the longest of them.

    Source: vLLM V0, prefill first; padded up to its 0.2, as Vidur has it.
    """
    total, square, longest, k = 0, 0, 0, 0
    while k < s.lines.shape[1]:
        i = first_of(s, r, k)
        if i < 0:
            k += 1
            continue
        p = int(s.h[i, H_PROMPT])
        longest = max(longest, p)
        takes = longest * (s.t[r, R_FILLED] + 1) if s.rules[PADDED] else total + p
        if s.t[r, R_FILLED] > 0 and takes > s.rules[PROMPT_CAP]:
            break
        if not let_in(s, r, i, now):
            break
        total += p
        square += p * p
        shift(s, r, k)
    if s.t[r, R_FILLED] == 0:
        return False
    s.t[r, R_KIND], s.t[r, R_STEPS], s.t[r, R_START] = PREFILL, 1, now
    s.t[r, R_DUE] = now + mixing(s, 0, 0, total, square, 1)
    return True


@jit
def equal(s: Service, r: int, left: int, room: int) -> int:
    """Return how many steps give the first rank's first prompt all there is room for."""
    k, d = left // room, s.t[r, R_SEATS]
    if d > 0:
        k = min(k, s.seats[r, 0, 0] - s.t[r, R_VIRTUAL])
        if s.rules[GROW]:
            k = min(k, (s.rules[KV_CAP] - s.t[r, R_KV]) // d)
    return k


@jit
def chunks(s: Service, r: int, now: int) -> bool:
    """Start a step that packs prompts rank by rank, or equal chunks of one; return if there is one.

    A prompt half computed gives way to earlier ranks and keeps its KV memory. Behind one for whom
    there is no room only such prompts go on.

    Source: Sarathi-Serve (OSDI 2024): decoders first, the rest of the budget to prompts; HyGen
    (arXiv 2501.14808): of that, requests nobody waits for have what others leave.
    """
    total, square, steps, open_still = 0, 0, 1, True
    for k in range(s.lines.shape[1]):
        while s.rules[CHUNK] - s.t[r, R_SEATS] > total:
            i = first_of(s, r, k)
            if i < 0:
                break
            done = s.lines[r, k, L_PARTLY]
            if done == 0:
                open_still = open_still and let_in(s, r, i, now)
                if not open_still:
                    break
            room = s.rules[CHUNK] - s.t[r, R_SEATS] - total
            part = min(room, s.h[i, H_PROMPT] - done)
            if k == 0 and total == 0 and part == room:
                steps = equal(s, r, s.h[i, H_PROMPT] - done, room)
                part = steps * room
            square += (done + part) ** 2 - done**2
            total += part
            s.lines[r, k, L_PARTLY] = done + part
            if done + part == s.h[i, H_PROMPT]:
                shift(s, r, k)
    if total == 0:
        return False
    d = s.t[r, R_SEATS]
    s.t[r, R_KIND], s.t[r, R_STEPS], s.t[r, R_START] = PREFILL, steps, now
    s.t[r, R_DUE] = now + mixing(s, d, s.t[r, R_CONTEXT], total, square, steps)
    return True


@jit
def room(s: Service, r: int, i: int, now: int) -> bool:
    """Return whether request i, its prompt computed elsewhere, may sit on replica r; `DISPLACES`.

    It brings what it has, and a token more than it as long as memory grows step by step.
    """
    fresh = 1 if s.h[i, H_PREEMPTED] == 0 else 0
    takes = s.h[i, H_PROMPT] + (fresh if s.rules[GROW] else s.h[i, H_OUTPUT])
    while True:
        growing = ahead(s, s.t[r, R_SEATS] + 1)
        if s.t[r, R_SEATS] < s.rules[BATCH] and s.t[r, R_KV] + takes + growing <= s.rules[KV_CAP]:
            s.t[r, R_KV] += takes
            return True
        if not s.rules[DISPLACES] or not evict(s, r, s.rank[i], now):
            return False


@jit
def join(s: Service, r: int, now: int) -> None:
    """Seat by rank those whose prompts were computed elsewhere; behind one without room nobody.

    One that went back here comes with what it had, as if swapped out. What is reserved for it where
    memory does not grow is its whole answer.

    Source: as `batch.join`; by rank as `lines.let_in`.
    """
    came = 0  # not the seats taken: who is displaced meanwhile leaves one
    for k in range(s.lines.shape[1]):
        while s.lines[r, k, L_HEAD] >= 0:
            i = s.lines[r, k, L_HEAD]
            if not room(s, r, i, now):
                return
            line, fresh = s.lines[r, k], 1 if s.h[i, H_PREEMPTED] == 0 else 0
            line[L_HEAD] = after(s, i)
            if line[L_HEAD] < 0:
                line[L_TAIL] = -1
            line[L_MANY] += 1
            admit(s, r, now, 1)
            if s.q[i, Q_FIRST] < 0:
                s.q[i, Q_FIRST] = s.q[i, Q_ARRIVAL]
            s.t[r, R_CONTEXT] += s.h[i, H_PROMPT] + fresh
            link(s, i, s.clock[EVENTS] * 4096 + came)
            sit(s, r, s.t[r, R_VIRTUAL] + s.h[i, H_OUTPUT] - fresh, i)
            came += 1


@inlined
def begin(s: Service, r: int, now: int) -> None:
    """Start what replica r does next, or leave it idle; if it came to the door in vain, another."""
    called = turn(s, r, now)
    s.t[r, R_FILLED] = 0
    if s.rules[GROW]:
        while s.t[r, R_SEATS] > 0 and s.t[r, R_KV] + s.t[r, R_SEATS] > s.rules[KV_CAP]:
            evict(s, r, -1, now)
    if s.rules[JOINS]:
        join(s, r, now)
        decode(s, r, now)
    elif not (chunks(s, r, now) if s.rules[CHUNKED] else whole(s, r, now)):
        decode(s, r, now)
    if called and s.clock[CALLED] < 0:
        knock(s, r, now)
