"""Rows of the ledger: opened on a node, and closed with the reason."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.state.handle import State


@jit
def open_row(s: State, job: int, node: int, gpus: int, now_s: float) -> int:
    """Append an open row to the ledger and to its node's own list."""
    led = s.ledger
    r = led.n[0]
    led.n[0] = r + 1
    led.job[r], led.node[r], led.gpus[r] = job, node, gpus
    led.start_s[r], led.end_s[r], led.why[r] = now_s, np.nan, 0
    led.older[r], led.newer[r] = s.nodes.row[node], -1
    if led.older[r] >= 0:
        led.newer[led.older[r]] = r
    s.nodes.row[node] = r
    return int(r)


@jit
def close_row(s: State, r: int, now_s: float, why: int) -> None:
    """End a row of the ledger and take it off its node's list."""
    led = s.ledger
    led.end_s[r], led.why[r] = now_s, why
    older, newer = led.older[r], led.newer[r]
    if older >= 0:
        led.newer[older] = newer
    if newer >= 0:
        led.older[newer] = older
    else:
        s.nodes.row[led.node[r]] = older
