"""Requests that go from one pool of replicas to another: in as they come, out, and back again."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry
from sim.state.serving import (
    ADMIT_NS,
    ADMITS,
    BACK,
    GONE,
    GONE_NS,
    LATER_TOKENS,
    MARK,
    Q_AFTER,
    Q_ARRIVAL,
    Q_DRAW,
    Q_END,
    Q_FIRST,
    Q_JOINED,
    Q_OUTPUT,
    Q_PREEMPTED,
    Q_PROMPT,
    Q_REPLICA,
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
        s.q[i, Q_ARRIVAL], s.q[i, Q_PROMPT], s.q[i, Q_OUTPUT] = at[k], prompt[k], output[k]
        s.q[i, Q_DRAW] = draw[k] if draw.size > 0 else 0
        s.q[i, Q_FIRST], s.q[i, Q_END], s.q[i, Q_REPLICA], s.q[i, Q_PREEMPTED] = -1, -1, -1, 0
        s.q[i, Q_AFTER], s.q[i, Q_JOINED] = -1, -1


@entry
def begun_elsewhere(s: Service, r: int) -> np.ndarray:
    """Return which requests in the queue of replica r have not decoded here yet, (k,)."""
    n, i = 0, s.t[r, R_HEAD]
    while i >= 0:
        n, i = n + 1, s.q[i, Q_AFTER]
    found, n, i = np.empty(n, np.int64), 0, s.t[r, R_HEAD]
    while i >= 0:
        if s.q[i, Q_PREEMPTED] == 0:
            found[n] = i
            n += 1
        i = s.q[i, Q_AFTER]
    return found[:n]


@entry
def hand_over(s: Service, fresh: np.ndarray, now: int) -> np.ndarray:
    """Take out all requests that lost their replica, as gone from here; return them, (k,).

    What they were sent is part of their prompt then; of the `fresh` it is the token that came with
    the prompt.
    """
    for x in range(fresh.size):
        s.q[fresh[x], Q_PROMPT] += 1
        s.q[fresh[x], Q_OUTPUT] -= 1
        s.clock[LATER_TOKENS] += 1
    n, i = 0, s.clock[BACK]
    while i >= 0:
        n, i = n + 1, s.q[i, Q_AFTER]
    out, i = np.empty(n, np.int64), s.clock[BACK]
    for x in range(n):
        out[x] = i
        i = s.q[i, Q_AFTER]
    s.clock[BACK] = -1
    ns = n * ((now - s.clock[MARK]) // 1000)
    s.clock[ADMITS] += n
    s.clock[ADMIT_NS] += ns
    s.clock[GONE] += n
    s.clock[GONE_NS] += ns
    return out


@entry
def come_again(s: Service, i: int, more: int, now: int) -> None:
    """Let request i, which ended here, wait for a replica again, its prompt longer by `more`."""
    s.q[i, Q_PROMPT] += more
    s.q[i, Q_OUTPUT], s.q[i, Q_END], s.q[i, Q_REPLICA] = 1, -1, -1
    ns = (now - s.clock[MARK]) // 1000
    s.clock[ADMITS] -= 1
    s.clock[ADMIT_NS] -= ns
    s.clock[GONE] -= 1
    s.clock[GONE_NS] -= ns
    before, after = -1, s.clock[BACK]
    while 0 <= after < i:
        before, after = after, s.q[after, Q_AFTER]
    s.q[i, Q_AFTER] = after
    if before < 0:
        s.clock[BACK] = i
    else:
        s.q[before, Q_AFTER] = i
