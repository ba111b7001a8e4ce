"""Flows by the time they end, the earliest first: a heap in which each flow knows its place."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit


@jit
def sift(heap: np.ndarray, place: np.ndarray, eta_s: np.ndarray, i: int, n: int) -> None:
    """Move the flow at place i up or down, to where its time belongs."""
    f = heap[i]
    key = eta_s[f]
    while i > 0:
        above = (i - 1) // 2
        g = heap[above]
        if eta_s[g] <= key:
            break
        heap[i] = g
        place[g] = i
        i = above
    while True:
        below = 2 * i + 1
        if below >= n:
            break
        if below + 1 < n and eta_s[heap[below + 1]] < eta_s[heap[below]]:
            below += 1
        g = heap[below]
        if eta_s[g] >= key:
            break
        heap[i] = g
        place[g] = i
        i = below
    heap[i] = f
    place[f] = i
