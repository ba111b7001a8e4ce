"""Requests into rows, and out of them again: one pass over memory each way."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry
from sim.kernel.serving.step import done
from sim.state.serving import (
    ADMITS,
    AWAY_NS,
    FIRSTS,
    GROW,
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    H_REPLICA,
    MARK,
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
    SHED,
    SINCE,
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
    """Write into out, (4, n), of each replica its requests in batch and queue, and KV tokens.

    In the batch are those that decode, whose prompt ends with this step, or is half computed. Last
    the steps of its run that are over by now; as many tokens have come for each that decodes.
    """
    for x in range(replicas.size):
        r = replicas[x]
        batch = s.t[r, R_SEATS] + (1 if s.t[r, R_PARTLY] > 0 else 0)
        if s.t[r, R_KIND] == PREFILL:
            batch += s.t[r, R_FILLED]
        steps = done(s, r, s.clock[SINCE])
        held = s.t[r, R_KV] + s.rules[GROW] * steps * s.t[r, R_SEATS]
        out[0, x], out[1, x], out[2, x], out[3, x] = batch, s.t[r, R_OPEN] - batch, held, steps


@entry
def interval(
    c: np.ndarray,
    kept: np.ndarray,
    rows: np.ndarray,
    k: int,
    until: int,
    ends_s: tuple[float, float],
    came: tuple[int, float, int],
    filled: float,
) -> None:
    """Write column k of rows, the interval that ends now, but for how many replicas there are.

    Rows stand as `engine.scrapes.COLUMNS`. c is the clock, whose sums since the last mark begin
    anew at tick `until`; kept, (9,), has from one interval to the next how many are open, queued
    and on replicas that drain, then the sums from `FIRSTS` to `SHED`. ends_s has the interval's end
    and that before it; came who came, the sum of their instants, and of their tokens of prompt.

    A mean over time: who came adds the time from then on, who went takes it off again.
    """
    now_s, before_s = ends_s
    new, at_s, prompt = came
    span_s = now_s - before_s
    admits, gone, away = c[ADMITS], c[ADMITS + 2], c[ADMITS + 4]
    waited_s = new * now_s - at_s  # had nobody taken them
    open_s = kept[0] * span_s + waited_s - (gone * span_s - c[ADMITS + 3] / 1e9)
    queue_s = kept[1] * span_s + waited_s - (admits * span_s - c[ADMITS + 1] / 1e9)
    leaves_s = kept[2] * span_s + (away * span_s - c[ADMITS + 5] / 1e9)
    kept[0] += new - gone
    kept[1] += new - admits
    kept[2] += away
    for x in range(ADMITS, AWAY_NS + 1):
        c[x] = 0
    c[MARK] = until
    firsts, first = c[FIRSTS] - kept[3], c[FIRSTS + 1] - kept[4]
    ends, later = c[FIRSTS + 2] - kept[5], c[FIRSTS + 3] - kept[6]
    tokens, shed = c[FIRSTS + 4] - kept[7], c[SHED] - kept[8]
    for x in range(6):
        kept[3 + x] = c[FIRSTS + x]
    in_batch_s = open_s - queue_s - leaves_s
    rows[0, k], rows[1, k], rows[2, k] = now_s, new, prompt
    rows[3, k], rows[4, k] = ends + tokens, ends
    rows[5, k] = (0.0 if in_batch_s < 0.0 else in_batch_s) / span_s
    rows[6, k] = (0.0 if queue_s < 0.0 else queue_s) / span_s
    rows[7, k] = filled
    rows[9, k] = first / 1e9 / firsts if firsts else np.nan
    rows[10, k] = later / 1e9 / tokens if tokens else np.nan
    rows[11, k] = shed
    rows[15, k] = (0.0 if leaves_s < 0.0 else leaves_s) / span_s
