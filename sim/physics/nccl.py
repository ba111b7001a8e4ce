"""NCCL's own model of an all-reduce, for platforms of which no curve was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

F8 = NDArray[np.float64]


class Latencies(NamedTuple):
    """Of one algorithm with one protocol."""

    base_s: float
    inside_s: float  # a step over NVLink
    outside_s: float  # a step over the network
    part: float  # of the bus bandwidth that the protocol reaches


RING = {  # NVIDIA/nccl 5067397, src/graph/tuning.cc
    "LL": Latencies(6.6e-6, 0.6e-6, 2.7e-6, 0.5),
    "LL128": Latencies(14e-6, 1.9e-6, 4.0e-6, 0.92),
    "Simple": Latencies(8.4e-6, 3.4e-6, 14e-6, 1.0),
}
TREE = {
    "LL": Latencies(6.8e-6, 0.6e-6, 5e-6, 0.92 / 3.8),
    "LL128": Latencies(14e-6, 1.25e-6, 8.5e-6, 0.92 * 120 / 128),
    "Simple": Latencies(8.4e-6, 4e-6, 14e-6, 0.92),
}


def nccl_ring_s(
    size_bytes: ArrayLike,
    gpus_per_node: int,
    nodes: int,
    bus_Bps: float,
    gather: bool = False,
    protocols: Sequence[str] = ("Simple",),
) -> F8:
    """Return NCCL's forecast of a ring all-reduce, (m,); of an all-gather if `gather`.

    2 (n - 1) steps (n - 1 to gather), 2 (N - 1) of them between nodes, and S over the bandwidth;
    the fastest of `protocols`. Simple alone is the default: LL and LL128 are for small messages,
    and without their caps the forecast would take them for large ones too.

        T = min over protocols: base + (steps - outer) inside + outer outside
                                + steps S / (n part bus_Bps)

    Source: NVIDIA/nccl 5067397, src/graph/tuning.cc.
    Neglects: small messages, for which NCCL has other protocols; the caps of those by channel (not
        in our sources); that NCCL lengthens Simple's latency over nodes 1.4 times, which would be
        further from what is measured.
    """
    S, n = np.asarray(size_bytes, np.float64), gpus_per_node * nodes
    steps, outer = (1 if gather else 2) * (n - 1), (1 if gather else 2) * (nodes - 1)
    made = [
        x.base_s
        + (steps - outer) * x.inside_s
        + outer * x.outside_s
        + steps * S / (n * x.part * bus_Bps)
        for x in (RING[name] for name in protocols)
    ]
    return np.asarray(np.minimum.reduce(made))


def nccl_tree_s(
    size_bytes: ArrayLike,
    gpus_per_node: int,
    nodes: int,
    bus_Bps: float,
    protocols: Sequence[str] = ("Simple",),
) -> F8:
    """Return NCCL's forecast of a double-tree all-reduce, (m,), the fastest of `protocols`.

        T = base + 2 ((g - 1) inside + log2(N) outside) + 2 S / (part bus_Bps)

    Source, Neglects: as `nccl_ring_s`; the correction factors by size.
    """
    S, g = np.asarray(size_bytes, np.float64), gpus_per_node
    depth = float(np.floor(np.log2(nodes)))
    made = [
        x.base_s + 2.0 * ((g - 1) * x.inside_s + depth * x.outside_s) + 2.0 * S / (x.part * bus_Bps)
        for x in (TREE[name] for name in protocols)
    ]
    return np.asarray(np.minimum.reduce(made))
