"""What a replica does next: prompts, chunks, or a run of decode steps; all in whole ticks."""

from __future__ import annotations

from sim.kernel.jit import inlined, jit
from sim.kernel.serving.heaps import after, link, rise, sit, weigh
from sim.kernel.serving.step import mixing, span
from sim.state.serving import (
    ADMIT_NS,
    ADMITS,
    BATCH,
    CHUNK,
    CHUNKED,
    DECODE,
    EVENTS,
    GROW,
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    IDLE,
    JOINS,
    KV_CAP,
    KV_SPARE,
    LATER_TOKENS,
    LEAST_WAITING,
    MARK,
    NEVER,
    PADDED,
    PREFILL,
    PROMPT_CAP,
    Q_ARRIVAL,
    Q_FIRST,
    R_ACCEPTS,
    R_CONTEXT,
    R_DUE,
    R_FILLED,
    R_HEAD,
    R_KIND,
    R_KV,
    R_PARTLY,
    R_SEATS,
    R_START,
    R_STEPS,
    R_TAIL,
    R_VIRTUAL,
    R_WAITS,
    ROUTE,
    Service,
)  # fmt: skip


@inlined
def need(s: Service, i: int) -> int:
    """Return the tokens of KV memory that request i must find to be let in."""
    more = 1 if s.rules[GROW] else s.h[i, H_OUTPUT]
    return s.h[i, H_PROMPT] + more


@inlined
def ahead(s: Service, seats: int) -> int:
    """Return the tokens of KV memory that must stay free beside who is let in.

    A token for each that decodes, where they grow, and no less than what is spare for that.

    Source: vLLM's watermark, a hundredth of its blocks. Without one more are let in than can stay.
    """
    return max(s.rules[GROW] * seats, s.rules[KV_SPARE])


@inlined
def admit(s: Service, r: int, now: int, many: int) -> None:
    """Note that so many requests leave the queue for the batch now, or come back."""
    s.t[r, R_WAITS] -= many
    if s.rules[ROUTE] == LEAST_WAITING:
        weigh(s, r)
    if s.t[r, R_ACCEPTS]:
        s.clock[ADMITS] += many
        s.clock[ADMIT_NS] += many * ((now - s.clock[MARK]) // 1000)


@jit
def evict(s: Service, r: int, now: int) -> None:
    """Send the last that joined back to the queue's head, to be computed anew.

    Source: vLLM V0, preemption by recompute: what was generated becomes prompt.
    """
    at = 0
    for x in range(1, s.t[r, R_SEATS]):
        if after(s, s.seats[r, x, 1]) > after(s, s.seats[r, at, 1]):  # when they joined
            at = x
    i = s.seats[r, at, 1]
    left = s.seats[r, at, 0] - s.t[r, R_VIRTUAL]
    held = s.h[i, H_PROMPT] + s.h[i, H_OUTPUT] - left
    rise(s, r, at)
    s.t[r, R_CONTEXT] -= held
    s.t[r, R_KV] -= held
    s.clock[LATER_TOKENS] += s.h[i, H_OUTPUT] - left  # the rest when it is answered
    s.h[i, H_PROMPT], s.h[i, H_OUTPUT] = held, left
    s.h[i, H_PREEMPTED] += 1
    admit(s, r, now, -1)
    if s.t[r, R_PARTLY] > 0:  # behind the prompt that is half computed
        h = s.t[r, R_HEAD]
        link(s, i, after(s, h))
        link(s, h, i)
        if s.t[r, R_TAIL] == h:
            s.t[r, R_TAIL] = i
    else:
        link(s, i, s.t[r, R_HEAD])
        s.t[r, R_HEAD] = i
        if s.t[r, R_TAIL] < 0:
            s.t[r, R_TAIL] = i


@inlined
def shift(s: Service, r: int) -> None:
    """Take the head of the queue, whose prompt ends with this step."""
    i = s.t[r, R_HEAD]
    s.ready[r, s.t[r, R_FILLED]] = i
    s.t[r, R_FILLED] += 1
    s.t[r, R_HEAD] = after(s, i)
    if s.t[r, R_HEAD] < 0:
        s.t[r, R_TAIL] = -1


@inlined
def whole(s: Service, r: int, now: int) -> bool:
    """Start a step of whole prompts, decoders waiting; return if there is one.

    Where they are `PADDED` each counts against the limit as long as the longest of them.

    Source: vLLM V0, prefill first; padded up to its 0.2, as Vidur has it.
    """
    total, square, longest = 0, 0, 0
    while s.t[r, R_HEAD] >= 0 and s.t[r, R_SEATS] + s.t[r, R_FILLED] < s.rules[BATCH]:
        i = s.t[r, R_HEAD]
        p = int(s.h[i, H_PROMPT])
        longest = max(longest, p)
        takes = longest * (s.t[r, R_FILLED] + 1) if s.rules[PADDED] else total + p
        if s.t[r, R_FILLED] > 0 and takes > s.rules[PROMPT_CAP]:
            break
        growing = ahead(s, s.t[r, R_SEATS] + s.t[r, R_FILLED])
        if s.t[r, R_KV] + need(s, i) + growing > s.rules[KV_CAP]:
            break
        s.t[r, R_KV] += need(s, i)
        total += p
        square += p * p
        shift(s, r)
    if s.t[r, R_FILLED] == 0:
        return False
    admit(s, r, now, s.t[r, R_FILLED])
    s.t[r, R_KIND], s.t[r, R_STEPS], s.t[r, R_START] = PREFILL, 1, now
    s.t[r, R_DUE] = now + mixing(s, 0, 0, total, square, 1)
    return True


@inlined
def chunks(s: Service, r: int, now: int) -> bool:
    """Start equal chunks of the head's prompt, or a step that packs tails; return if there is one.

    Source: Sarathi-Serve (OSDI 2024): decoders first, the rest of the budget to prompts.
    """
    d = s.t[r, R_SEATS]
    i = s.t[r, R_HEAD]
    budget = s.rules[CHUNK] - d
    if i < 0 or budget < 1:
        return False
    if s.t[r, R_PARTLY] == 0 and (
        d >= s.rules[BATCH] or s.t[r, R_KV] + need(s, i) + ahead(s, d) > s.rules[KV_CAP]
    ):
        return False
    if s.t[r, R_PARTLY] == 0:
        s.t[r, R_KV] += need(s, i)
        admit(s, r, now, 1)
    k = (s.h[i, H_PROMPT] - s.t[r, R_PARTLY]) // budget
    total, square = 0, 0
    if k >= 1:
        if d > 0:
            k = min(k, s.seats[r, 0, 0] - s.t[r, R_VIRTUAL])
            if s.rules[GROW]:
                k = min(k, (s.rules[KV_CAP] - s.t[r, R_KV]) // d)
        total = k * budget
        square = (s.t[r, R_PARTLY] + total) ** 2 - s.t[r, R_PARTLY] ** 2
        s.t[r, R_PARTLY] += total
        if s.t[r, R_PARTLY] == s.h[i, H_PROMPT]:
            s.t[r, R_PARTLY] = 0
            shift(s, r)
    else:
        k = 1
        room = budget
        begun = True
        while i >= 0 and room > 0:
            if not begun:
                if d + s.t[r, R_FILLED] >= s.rules[BATCH]:
                    break
                if s.t[r, R_KV] + need(s, i) + ahead(s, d) > s.rules[KV_CAP]:
                    break
                s.t[r, R_KV] += need(s, i)
                admit(s, r, now, 1)
            part = min(room, s.h[i, H_PROMPT] - s.t[r, R_PARTLY])
            square += (s.t[r, R_PARTLY] + part) ** 2 - s.t[r, R_PARTLY] ** 2
            total += part
            room -= part
            s.t[r, R_PARTLY] += part
            if s.t[r, R_PARTLY] < s.h[i, H_PROMPT]:
                break
            s.t[r, R_PARTLY] = 0
            shift(s, r)
            i = s.t[r, R_HEAD]
            begun = False
    s.t[r, R_KIND], s.t[r, R_STEPS], s.t[r, R_START] = PREFILL, k, now
    s.t[r, R_DUE] = now + mixing(s, d, s.t[r, R_CONTEXT], total, square, k)
    return True


@jit
def join(s: Service, r: int, now: int) -> None:
    """Seat those whose prompts were computed elsewhere, their KV memory brought along.

    One that was evicted here comes back with what it had, as if swapped out.

    Source: DistServe (OSDI 2024), Splitwise (ISCA 2024): prompts and decoding on different GPUs.
    """
    while s.t[r, R_HEAD] >= 0 and s.t[r, R_SEATS] < s.rules[BATCH]:
        i = s.t[r, R_HEAD]
        fresh = 1 if s.h[i, H_PREEMPTED] == 0 else 0  # its first token came with the prompt
        takes = need(s, i) if fresh else s.h[i, H_PROMPT]
        growing = ahead(s, s.t[r, R_SEATS] + 1)
        if s.t[r, R_KV] + takes + growing > s.rules[KV_CAP]:
            return
        s.t[r, R_KV] += takes
        s.t[r, R_HEAD] = after(s, i)
        if s.t[r, R_HEAD] < 0:
            s.t[r, R_TAIL] = -1
        admit(s, r, now, 1)
        if s.q[i, Q_FIRST] < 0:
            s.q[i, Q_FIRST] = s.q[i, Q_ARRIVAL]
        s.t[r, R_CONTEXT] += s.h[i, H_PROMPT] + fresh
        link(s, i, s.clock[EVENTS] * 4096 + s.t[r, R_SEATS])
        sit(s, r, s.t[r, R_VIRTUAL] + s.h[i, H_OUTPUT] - fresh, i)


@inlined
def decode(s: Service, r: int, now: int) -> None:
    """Start the decode steps until the first is done or memory is full; with nobody, be idle."""
    if s.t[r, R_SEATS] == 0:
        s.t[r, R_KIND] = IDLE
        s.t[r, R_DUE] = NEVER
        return
    j = s.seats[r, 0, 0] - s.t[r, R_VIRTUAL]
    if s.rules[GROW]:
        j = min(j, (s.rules[KV_CAP] - s.t[r, R_KV]) // s.t[r, R_SEATS])
    s.t[r, R_KIND], s.t[r, R_STEPS], s.t[r, R_START] = DECODE, j, now
    s.t[r, R_DUE] = now + span(s, r, j)


@inlined
def begin(s: Service, r: int, now: int) -> None:
    """Start what replica r does next, or leave it idle."""
    s.t[r, R_FILLED] = 0
    if s.rules[GROW]:
        while s.t[r, R_SEATS] > 0 and s.t[r, R_KV] + s.t[r, R_SEATS] > s.rules[KV_CAP]:
            evict(s, r, now)
    if s.rules[JOINS]:
        join(s, r, now)
    elif s.rules[CHUNKED]:
        if chunks(s, r, now):
            return
    elif whole(s, r, now):
        return
    decode(s, r, now)
