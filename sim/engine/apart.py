"""Prompts and decoding on different replicas, the KV memory sent from one to the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.serving import ServiceSpec, serve


@dataclass(frozen=True)
class Link:
    """What sending takes: latency_s + prompt tokens x token_s, bytes a token / bandwidth.

    Neglects: that transfers share the link, and that layers may be sent as they are computed.
    """

    token_s: float = 0.0
    latency_s: float = 0.0

    def times_s(self, prompt: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how long each transfer takes, (n,)."""
        return np.asarray(self.latency_s + prompt * self.token_s, np.float64)


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
    arrival_s = np.asarray(arrival_s, np.float64)
    first = serve(prompts, arrival_s, prompt, np.ones_like(output), draw)
    more = np.flatnonzero(output > 1)
    sent_s = arrival_s[more] + first["ttft_s"][more] + link.times_s(prompt[more])
    order = np.argsort(sent_s, kind="stable")
    more, sent_s = more[order], sent_s[order]
    begin_s = float(sent_s[0]) if len(sent_s) else 0.0
    drawn = None if draw is None else np.asarray(draw)[more]
    pool = replace(decodes, joins=True)
    rest = serve(pool, sent_s - begin_s, prompt[more], output[more], drawn)
    e2e, replica, preempted = first["ttft_s"].copy(), first["replica"].copy(), np.zeros_like(output)
    e2e[more] = sent_s + rest["e2e_s"] - arrival_s[more]
    replica[more], preempted[more] = rest["replica"], rest["preemptions"]
    later = np.maximum(output - 1, 1)
    return {
        "ttft_s": first["ttft_s"],
        "tpot_s": (e2e - first["ttft_s"]) / later,
        "e2e_s": e2e,
        "replica": replica,
        "preemptions": preempted,
    }
