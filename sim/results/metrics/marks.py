"""Quantiles of very many numbers: the same digits as numpy's, without sorting what is not asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]

FEW = 1 << 18
"""Up to so many numpy's own way is as fast."""
BLOCK = 1 << 16
SHIFT = 47
"""Bits of a number beyond its bucket's: 32 buckets from each power of two to the next."""


def bits(values: F8) -> Iterator[tuple[F8, NDArray[np.int64]]]:
    """Return values block by block, and the bucket of each: of what is not negative they rise."""
    for first in range(0, len(values), BLOCK):
        part = values[first : first + BLOCK]
        yield part, part.view(np.int64) >> SHIFT


def quantiles(values: F8, shares: Sequence[float]) -> list[float]:
    """Return a quantile for each share of values that are known, (n,), n >= 1.

    Linear between order statistics (Hyndman and Fan's type 7): x[k] + g (x[k+1] - x[k]) with
    k + g = (n - 1) share. Counted by buckets; only those buckets are sorted that hold an x[k].

    Source: selection by counting digits from the front, as in radix sort (Knuth, vol. 3, 5.2.5).
    """
    n = len(values)
    if n <= FEW or np.signbit(values).any():
        return [float(x) for x in np.quantile(values, shares)]
    many = np.zeros((1 << 16) + 1, np.int64)
    for _, bucket in bits(values):
        many[1:] += np.bincount(bucket, minlength=1 << 16)
    below = np.cumsum(many)  # how many lie in the buckets before each
    at = np.array([(n - 1) * share for share in shares])
    low = np.floor(at).astype(np.int64)
    ranks = np.stack([low, np.minimum(low + 1, n - 1)])
    where = np.searchsorted(below, ranks, "right") - 1
    asked = np.zeros(1 << 16, np.bool_)
    asked[where] = True
    here = np.sort(np.concatenate([part[asked[bucket]] for part, bucket in bits(values)]))
    kept = np.concatenate([[0], np.cumsum(many[1:] * asked)])  # of these, before each bucket
    pairs = here[ranks - below[where] + kept[where]]
    weights = at - low  # numpy's own way from one to the next, to the last digit
    return [float(np.quantile(pair, w)) for pair, w in zip(pairs.T, weights, strict=True)]
