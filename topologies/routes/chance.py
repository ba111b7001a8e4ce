"""Hashes that draw a path: the same flow and salt, the same path, on every computer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topologies.fabric import Ints


def mixed(src: Ints, dst: Ints, lane: Ints, salt: int) -> NDArray[np.uint64]:
    """Return a hash of each flow, uniform over 64 bits.

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), over the packed flow.
    """
    packed = (np.asarray(src) << 32) ^ (np.asarray(lane) << 24) ^ np.asarray(dst)
    z: NDArray[np.uint64] = packed.astype(np.uint64)
    z = z + np.uint64((salt + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    last: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return last
