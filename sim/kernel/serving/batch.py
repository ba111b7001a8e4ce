"""What a replica does next: prompts, chunks, or a run of decode steps; all in whole ticks."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.kernel.serving.heaps import rise
from sim.state.serving import (
    BATCH, CHUNK, CHUNKED, DECODE, DECODE_0, DECODE_C, DECODE_D, GROW, IDLE, KV_CAP, MIXED_0,
    MIXED_C, MIXED_D, MIXED_P, MIXED_S, NEVER, PREFILL, PROMPT_CAP, Service,
)  # fmt: skip


@jit
def need(s: Service, i: int) -> int:
    """Return the tokens of KV memory that request i must find to be let in."""
    more = 1 if s.rules[GROW] else s.requests.output[i]
    return s.requests.prompt[i] + more


@jit
def span(s: Service, r: int, j: int) -> int:
    """Return the ticks of j decode steps: sum over i < j of d0 + dD D + dC (C + i D)."""
    t, w = s.replicas, s.rules
    d = t.seats[r]
    base = w[DECODE_0] + w[DECODE_D] * d + w[DECODE_C] * t.context[r]
    return j * base + w[DECODE_C] * d * (j * (j - 1) // 2)


@jit
def boundary(s: Service, r: int, ticks: int) -> int:
    """Return the least j >= 1 whose steps last at least that long, at most those of the run."""
    low, high = 1, s.replicas.steps[r]
    while low < high:
        mid = (low + high) // 2
        if span(s, r, mid) >= ticks:
            high = mid
        else:
            low = mid + 1
    return low


@jit
def evict(s: Service, r: int) -> None:
    """Send the last that joined back to the queue's head, to be computed anew.

    Source: vLLM V0, preemption by recompute: what was generated becomes prompt.
    """
    t, q = s.replicas, s.requests
    at = 0
    for x in range(1, t.seats[r]):
        if t.heap_size[r, x] > t.heap_size[r, at]:
            at = x
    i = t.heap_id[r, at]
    left = t.heap_key[r, at] - t.virtual[r]
    held = q.prompt[i] + q.output[i] - left
    rise(t, r, at)
    t.context[r] -= held
    t.kv[r] -= held
    q.prompt[i], q.output[i] = held, left
    q.preempted[i] += 1
    if t.partly[r] > 0:  # behind the prompt that is half computed
        h = t.head[r]
        q.after[i] = q.after[h]
        q.after[h] = i
        if t.tail[r] == h:
            t.tail[r] = i
    else:
        q.after[i] = t.head[r]
        t.head[r] = i
        if t.tail[r] < 0:
            t.tail[r] = i


@jit
def shift(s: Service, r: int) -> None:
    """Take the head of the queue, whose prompt ends with this step."""
    t, q = s.replicas, s.requests
    i = t.head[r]
    t.ready[r, t.filled[r]] = i
    t.filled[r] += 1
    t.head[r] = q.after[i]
    if t.head[r] < 0:
        t.tail[r] = -1


@jit
def whole(s: Service, r: int, now: int) -> bool:
    """Start a step of whole prompts, decoders waiting; return if there is one.

    Source: vLLM V0, prefill first.
    """
    t, q, w = s.replicas, s.requests, s.rules
    total, square = 0, 0
    while t.head[r] >= 0 and t.seats[r] + t.filled[r] < w[BATCH]:
        i = t.head[r]
        p = q.prompt[i]
        if t.filled[r] > 0 and total + p > w[PROMPT_CAP]:
            break
        growing = w[GROW] * (t.seats[r] + t.filled[r])
        if t.kv[r] + need(s, i) + growing > w[KV_CAP]:
            break
        t.kv[r] += need(s, i)
        total += p
        square += p * p
        shift(s, r)
    if t.filled[r] == 0:
        return False
    t.kind[r], t.steps[r], t.start[r] = PREFILL, 1, now
    t.due[r] = now + w[MIXED_0] + w[MIXED_P] * total + w[MIXED_S] * square
    return True


@jit
def chunks(s: Service, r: int, now: int) -> bool:
    """Start equal chunks of the head's prompt, or a step that packs tails; return if there is one.

    Source: Sarathi-Serve (OSDI 2024): decoders first, the rest of the budget to prompts.
    """
    t, q, w = s.replicas, s.requests, s.rules
    d = t.seats[r]
    i = t.head[r]
    budget = w[CHUNK] - d
    if i < 0 or budget < 1:
        return False
    if t.partly[r] == 0 and (d >= w[BATCH] or t.kv[r] + need(s, i) + w[GROW] * d > w[KV_CAP]):
        return False
    if t.partly[r] == 0:
        t.kv[r] += need(s, i)
    k = (q.prompt[i] - t.partly[r]) // budget
    total, square = 0, 0
    if k >= 1:
        if d > 0:
            k = min(k, t.heap_key[r, 0] - t.virtual[r])
            if w[GROW]:
                k = min(k, (w[KV_CAP] - t.kv[r]) // d)
        total = k * budget
        square = (t.partly[r] + total) ** 2 - t.partly[r] ** 2
        t.partly[r] += total
        if t.partly[r] == q.prompt[i]:
            t.partly[r] = 0
            shift(s, r)
    else:
        k = 1
        room = budget
        begun = True
        while i >= 0 and room > 0:
            if not begun:
                if d + t.filled[r] >= w[BATCH]:
                    break
                if t.kv[r] + need(s, i) + w[GROW] * d > w[KV_CAP]:
                    break
                t.kv[r] += need(s, i)
            part = min(room, q.prompt[i] - t.partly[r])
            square += (t.partly[r] + part) ** 2 - t.partly[r] ** 2
            total += part
            room -= part
            t.partly[r] += part
            if t.partly[r] < q.prompt[i]:
                break
            t.partly[r] = 0
            shift(s, r)
            i = t.head[r]
            begun = False
    t.kind[r], t.steps[r], t.start[r] = PREFILL, k, now
    each = w[MIXED_0] + w[MIXED_D] * d + w[MIXED_C] * t.context[r]
    grown = w[MIXED_C] * d * (k * (k - 1) // 2)
    t.due[r] = now + k * each + grown + w[MIXED_P] * total + w[MIXED_S] * square
    return True


@jit
def begin(s: Service, r: int, now: int) -> None:
    """Start what replica r does next, or leave it idle."""
    t, w = s.replicas, s.rules
    t.filled[r] = 0
    if w[GROW]:
        while t.seats[r] > 0 and t.kv[r] + t.seats[r] > w[KV_CAP]:
            evict(s, r)
    if w[CHUNKED]:
        if chunks(s, r, now):
            return
    elif whole(s, r, now):
        return
    if t.seats[r] == 0:
        t.kind[r] = IDLE
        t.due[r] = NEVER
        return
    j = t.heap_key[r, 0] - t.virtual[r]
    if w[GROW]:
        j = min(j, (w[KV_CAP] - t.kv[r]) // t.seats[r])
    t.kind[r], t.steps[r], t.start[r] = DECODE, j, now
    t.due[r] = now + span(s, r, j)
