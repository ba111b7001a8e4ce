"""Requests into rows, and out of them again: one pass over memory each way."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry
from sim.state.serving import (
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    H_REPLICA,
    NEVER,
    Q_ARRIVAL,
    Q_DRAW,
    Q_END,
    Q_FIRST,
    TICKS_PER_S,
)


@entry
def fill(
    q: np.ndarray,
    arrival_s: np.ndarray,
    prompt: np.ndarray,
    output: np.ndarray,
    draw: np.ndarray,
    share: float,
) -> None:
    """Write the requests into q, (n, columns): nobody has come; `share` of a prompt is computed.

    `draw` may be empty where nobody draws; else q is wider by it.
    """
    h = q.view(np.int32)
    for i in range(q.shape[0]):
        q[i, Q_ARRIVAL] = int(np.rint(arrival_s[i] * TICKS_PER_S))
        h[i, H_PROMPT] = max(1, int(np.rint(prompt[i] * share)))
        h[i, H_OUTPUT] = output[i]
        q[i, Q_FIRST] = -1
        q[i, Q_END] = -1
        h[i, H_REPLICA] = -1
        h[i, H_PREEMPTED] = 0
        if draw.size > 0:
            q[i, Q_DRAW] = draw[i]


@entry
def outcome(
    q: np.ndarray, output: np.ndarray, end: int, times: np.ndarray, counts: np.ndarray
) -> int:
    """Read what became of the requests that came before tick `end`; return how many they are.

    times, (3, n): seconds to the first token, a token after it, to the last; nan where not so far.
    counts, (2, n): replica, -1 for none yet, less if shed; preemptions.
    """
    h = q.view(np.int32)
    for i in range(q.shape[0]):
        came = q[i, Q_ARRIVAL]
        if came >= end and end < NEVER:
            return i
        first, last = q[i, Q_FIRST], q[i, Q_END]
        times[0, i] = (first - came) / TICKS_PER_S if first >= 0 else np.nan
        times[2, i] = (last - came) / TICKS_PER_S if last >= 0 else np.nan
        times[1, i] = (times[2, i] - times[0, i]) / max(output[i] - 1, 1)
        counts[0, i] = h[i, H_REPLICA]
        counts[1, i] = h[i, H_PREEMPTED]
    return q.shape[0]
