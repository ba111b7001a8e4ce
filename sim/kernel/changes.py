"""What was free on a node before and after each change, once a run is over."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry


@entry
def around(
    node: np.ndarray, step: np.ndarray, free: np.ndarray, before: np.ndarray, after: np.ndarray
) -> None:
    """Write what is free on the node of each change before and after it, (changes,) each.

    `node` and `step` are (changes,), in order of time; `free` is (nodes,) at first, and at the end
    what is free then.
    """
    for i in range(len(node)):
        here = node[i]
        before[i] = free[here]
        free[here] += step[i]
        after[i] = free[here]
