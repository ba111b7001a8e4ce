"""Requests into rows, and out of them again: one pass over memory each way."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry
from sim.state.serving import (
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    H_REPLICA,
    PREFILL,
    Q_ARRIVAL,
    Q_DRAW,
    Q_END,
    Q_FIRST,
    R_FILLED,
    R_KIND,
    R_KV,
    R_OPEN,
    R_PARTLY,
    R_SEATS,
    TICKS_PER_S,
    Service,
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
def loads(s: Service, replicas: np.ndarray, out: np.ndarray) -> None:
    """Write into out, (3, n), of each replica its requests in batch and queue, and KV tokens.

    In the batch are those that decode, whose prompt ends with this step, or is half computed.
    """
    for x in range(replicas.size):
        r = replicas[x]
        batch = s.t[r, R_SEATS] + (1 if s.t[r, R_PARTLY] > 0 else 0)
        if s.t[r, R_KIND] == PREFILL:
            batch += s.t[r, R_FILLED]
        out[0, x], out[1, x], out[2, x] = batch, s.t[r, R_OPEN] - batch, s.t[r, R_KV]
