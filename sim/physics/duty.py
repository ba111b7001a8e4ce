"""Jobs that communicate part of the time: what sharing links costs their steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

F8 = NDArray[np.float64]


def slowdown(duty: ArrayLike, share: ArrayLike, overlap: ArrayLike = 0.0) -> F8:
    """Return how many times longer a step takes, (m,), at a share of its bandwidth.

    Of a step that takes 1 alone, `duty` d is the time in which the fabric is used and `overlap` o
    the part of it that may run beside compute. What computes and cannot be moved is 1 - (1 - o) d.

        slowdown = (1 - o) d / share + max(1 - (1 - o) d, o d / share)
        without overlap: 1 - d + d / share

    Parameters
    ----------
    duty : (m,) 0 … 1, as `parallelism.duty` gives it.
    share : (m,) of the bandwidth that it had alone; 1 gives 1, 0 gives infinity if d > 0.

    Source: the definition of a step in `parallelism.step_s`, solved for the share.
    Neglects: that what waits for latency alone hides no communication.
    """
    d, s, o = (np.asarray(x, np.float64) for x in (duty, share, overlap))
    with np.errstate(divide="ignore", invalid="ignore"):
        sent = np.where(d > 0.0, d / s, 0.0)
    alone = 1.0 - (1.0 - o) * d
    exposed = np.where(o < 1.0, (1.0 - o) * np.where(o < 1.0, sent, 0.0), 0.0)
    hidden = np.where(o > 0.0, o * np.where(o > 0.0, sent, 0.0), 0.0)
    return np.asarray(exposed + np.maximum(alone, hidden))
