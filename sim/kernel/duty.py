"""Jobs that send part of the time: what a share of their bandwidth costs them."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import inlined, jit


@inlined
def slowness(duty: float, share: float, overlap: float) -> float:
    """Return how many times longer a job takes at a share of its full speed on the links.

    Of a time of 1 alone it sends for `duty` d, of which a part `overlap` o runs beside compute:
        (1 - o) d / share + max(1 - (1 - o) d, o d / share)
    """
    if share >= 1.0:
        return 1.0
    if share <= 0.0:
        return np.inf
    sent = duty / share
    alone = 1.0 - (1.0 - overlap) * duty
    return float((1.0 - overlap) * sent + max(alone, overlap * sent))


@jit
def with_writes(alone: float, write: float, share: float, beside: bool) -> float:
    """Return how long a job takes for what takes `alone` without its writes to storage.

    These take `write` at its full speed on the links: beside all else, or after it.
    """
    if share <= 0.0:
        return np.inf
    return max(alone, write / share) if beside else alone + write / share


@inlined
def sending(duty: float, share: float, overlap: float) -> float:
    """Return in what part of its time a job sends, at a share of its full speed on the links."""
    if share <= 0.0:
        return 1.0
    return float(min(duty / share / slowness(duty, share, overlap), 1.0))
