"""Requests that go from one pool of replicas to another: in as they come, out, and back again."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry, jit
from sim.kernel.serving.heaps import after, link
from sim.state.serving import (
    ADMIT_NS,
    ADMITS,
    BACK,
    GONE,
    GONE_NS,
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    H_REPLICA,
    L_HEAD,
    LATER_TOKENS,
    MARK,
    Q_ARRIVAL,
    Q_DRAW,
    Q_END,
    Q_FIRST,
    R_HEAD,
    Service,
)  # fmt: skip


@entry
def let_come(
    s: Service,
    first: int,
    at: np.ndarray,
    prompt: np.ndarray,
    output: np.ndarray,
    draw: np.ndarray,
) -> None:
    """Write requests into the rows from `first` on, in order of arrival at ticks `at`.

    None of them lies before the instant up to which the service is done.
    """
    for k in range(at.size):
        i = first + k
        s.q[i, Q_ARRIVAL], s.q[i, Q_FIRST], s.q[i, Q_END] = at[k], -1, -1
        s.h[i, H_PROMPT], s.h[i, H_OUTPUT] = prompt[k], output[k]
        s.h[i, H_REPLICA], s.h[i, H_PREEMPTED] = -1, 0
        if draw.size > 0 and s.q.shape[1] > Q_DRAW:
            s.q[i, Q_DRAW] = draw[k]


@jit
def unbegun(s: Service, i: int, found: np.ndarray, n: int) -> int:
    """Put those of a list from i on who have not decoded here yet into `found`, from place n on.

    Return how many stand there then.
    """
    while i >= 0:
        if s.h[i, H_PREEMPTED] == 0:
            if n < found.size:
                found[n] = i
            n += 1
        i = after(s, i)
    return n


@entry
def begun_elsewhere(s: Service, r: int) -> np.ndarray:
    """Return which requests in the queue of replica r have not decoded here yet, (k,)."""
    found = np.empty(unbegun(s, s.t[r, R_HEAD], np.empty(0, np.int64), 0), np.int64)
    unbegun(s, s.t[r, R_HEAD], found, 0)
    return found


@entry
def begun_elsewhere_by_rank(s: Service, r: int) -> np.ndarray:
    """As `begun_elsewhere`, of the lists of all ranks on replica r."""
    ranks, n, found = s.lines.shape[1], 0, np.empty(0, np.int64)
    for k in range(ranks):
        n = unbegun(s, s.lines[r, k, L_HEAD], found, n)
    found, n = np.empty(n, np.int64), 0
    for k in range(ranks):
        n = unbegun(s, s.lines[r, k, L_HEAD], found, n)
    return found


@entry
def hand_over(s: Service, fresh: np.ndarray, now: int) -> np.ndarray:
    """Take out all requests that lost their replica, as gone from here; return them, (k,).

    What they were sent is part of their prompt then; of the `fresh` it is the token that came with
    the prompt.
    """
    for x in range(fresh.size):
        s.h[fresh[x], H_PROMPT] += 1
        s.h[fresh[x], H_OUTPUT] -= 1
        s.clock[LATER_TOKENS] += 1
    n, i = 0, s.clock[BACK]
    while i >= 0:
        n, i = n + 1, after(s, i)
    out, i = np.empty(n, np.int64), s.clock[BACK]
    for x in range(n):
        out[x] = i
        i = after(s, i)
    s.clock[BACK] = -1
    ns = n * ((now - s.clock[MARK]) // 1000)
    s.clock[ADMITS] += n
    s.clock[ADMIT_NS] += ns
    s.clock[GONE] += n
    s.clock[GONE_NS] += ns
    return out


@entry
def come_again(s: Service, i: int, more: int, place: int, now: int) -> None:
    """Let request i, which ended here, wait for a replica again, its prompt longer by `more`.

    The last that had it is that of another pool at `place`.
    """
    s.h[i, H_PROMPT] += more
    s.h[i, H_OUTPUT], s.q[i, Q_END], s.h[i, H_REPLICA] = 1, -1, place
    ns = (now - s.clock[MARK]) // 1000
    s.clock[ADMITS] -= 1
    s.clock[ADMIT_NS] -= ns
    s.clock[GONE] -= 1
    s.clock[GONE_NS] -= ns
    before, behind = -1, s.clock[BACK]
    while 0 <= behind < i:
        before, behind = behind, after(s, behind)
    link(s, i, behind)
    if before < 0:
        s.clock[BACK] = i
    else:
        link(s, before, i)
