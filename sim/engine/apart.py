"""Prompts and decoding on different replicas, the KV memory sent from one to the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.ranked import Ranked
from sim.engine.serving import Run, ServiceSpec, columns, played
from sim.engine.step_time import ticks
from sim.state.serving import H_PREEMPTED, H_REPLICA, Q_ARRIVAL, Q_END


@dataclass(frozen=True)
class Link:
    """What sending takes: latency_s + prompt tokens x token_s, bytes a token / bandwidth.

    Neglects: that transfers share the link, but for `engine.transfers`; that layers may be sent as
    they are computed.
    """

    token_s: float = 0.0
    latency_s: float = 0.0

    def times_s(self, prompt: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how long each transfer takes, (n,)."""
        return np.asarray(self.latency_s + prompt * self.token_s, np.float64)


def first_of(
    prompts: ServiceSpec, arrival_s: Any, prompt: Any, output: Any, draw: NDArray[np.int64],
    rank: NDArray[np.int8] | None = None,
) -> NDArray[np.int64]:  # fmt: skip
    """Return the rows of the requests, (n, …), once the first pool has computed their prompts.

    `rank`, (n,), says who goes first, if given.
    """
    given = arrival_s, prompt, np.ones_like(output), draw
    run = Run(prompts, *given) if rank is None else Ranked(prompts, *given, rank)
    return played(prompts, run).service.q


def rest_of(
    rows: NDArray[np.int64], decodes: ServiceSpec, link: Link, prompt: Any, output: Any,
    draw: NDArray[np.int64], rank: NDArray[np.int8] | None = None,
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Return columns by request as `serve`, of rows that `first_of` gave, which stay unchanged."""
    q = rows.copy()
    more = np.flatnonzero((output > 1) & (q[:, Q_END] >= 0))
    sent = q[more, Q_END] + ticks(link.times_s(prompt[more]))
    order = np.argsort(sent, kind="stable")
    more, sent = more[order], sent[order]
    pool = replace(decodes, joins=True)
    drawn = draw[more] if len(draw) else draw
    given = np.zeros(len(more)), prompt[more], output[more], drawn
    run = Run(pool, *given) if rank is None else Ranked(pool, *given, rank[more])
    run.service.q[:, Q_ARRIVAL] = sent
    h, rest = q.view(np.int32), played(pool, run).service
    q[more, Q_END], h[more, H_REPLICA] = rest.q[:, Q_END], rest.h[:, H_REPLICA]
    h[more, H_PREEMPTED] += rest.h[:, H_PREEMPTED]
    return columns(q, output)


def serve_apart(
    prompts: ServiceSpec,
    decodes: ServiceSpec,
    link: Link,
    arrival_s: Any,
    prompt: Any,
    output: Any,
    draw: Any | None = None,
) -> dict[str, NDArray[Any]]:
    """Return columns by request as `serve`: the first token from one pool, the rest from another.

    `replica` is that of the second pool, of a single token that of the first.

    Source: DistServe (OSDI 2024), Splitwise (ISCA 2024). Neglects: that a full second pool holds
    back the first, whose memory its prompts would fill.
    """
    prompt, output = np.asarray(prompt, np.int64), np.asarray(output, np.int64)
    drawn = np.zeros(0, np.int64) if draw is None else np.asarray(draw, np.int64)
    rows = first_of(prompts, arrival_s, prompt, output, drawn)
    return rest_of(rows, decodes, link, prompt, output, drawn)
