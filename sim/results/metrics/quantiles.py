"""Quantiles of very many numbers: counted first, so that only the few around each are ordered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]

MANY = 1 << 20
"""Numbers from which on counting pays."""
BLOCK = 1 << 16
"""Numbers counted at a time: they stay in the cache."""
BINS = 1 << 14
"""Bins from the greatest number down, 256 to each halving; what is less lies in the last of all."""
LOW_BITS = 44
"""Bits of a number that do not tell its bin: what is left has 8 of its fraction."""


def quantiles(values: F8, shares: Sequence[float]) -> list[float]:
    """Return quantiles of values, none of them nan; the values are put into another order.

    They are linear between order statistics (Hyndman and Fan's type 7), to the last bit those of
    numpy. Of numbers above 0 the order is that of their bits: a first pass counts them by their
    upper bits, a second keeps those whose bin holds an order statistic, a few in a hundred.
    """
    if len(values) < MANY or values.max() <= 0.0:
        found = np.quantile(values, list(shares), overwrite_input=True)
        return [float(one) for one in found]
    return counted(values, shares)


def counted(values: F8, shares: Sequence[float]) -> list[float]:
    """Return the same, by counting; the greatest value must be above 0."""
    above = np.float64(values.max()).view(np.int64) >> LOW_BITS
    tally = np.zeros(BINS + 1, np.int64)
    for _, code in coded(values, int(above) - BINS):
        tally += np.bincount(code, minlength=BINS + 1)
    at = np.asarray(shares, np.float64) * (len(values) - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, len(values) - 1)
    need = np.concatenate((low, high))
    where = np.searchsorted(np.cumsum(tally), need, "right")
    wanted = np.zeros(BINS + 1, np.bool_)
    wanted[where] = True
    kept = 0
    for block, code in coded(values, int(above) - BINS):
        own = block[wanted[code]]
        values[kept : kept + len(own)] = own  # never beyond what was read
        kept += len(own)
    need -= np.cumsum(np.where(wanted, 0, tally))[where]  # places among those that are kept
    few = values[:kept]
    few.partition(need)
    below, beyond = few[need].reshape(2, -1).tolist()
    return [
        float(np.quantile([a, b], share))
        for a, b, share in zip(below, beyond, (at - low).tolist(), strict=True)
    ]


def coded(values: F8, least: int) -> Iterator[tuple[F8, NDArray[np.int64]]]:
    """Return the values in blocks, and the bin of each, which rises with them."""
    for first in range(0, len(values), BLOCK):
        block = values[first : first + BLOCK]
        code = block.view(np.int64) >> LOW_BITS
        code -= least
        yield block, np.maximum(code, 0, out=code)
