"""What real platforms reach: constants with their sources, and curves that were measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.physics.collective import double_tree_load

F8 = NDArray[np.float64]


@dataclass(frozen=True)
class Platform:
    """Bus bandwidths of one kind of node, before anything is fitted.

    A number that no source of ours verifies is None: what needs it is refused, never guessed.
    """

    gpus_per_node: int
    ring_Bps: float | None  # of a ring inside a node
    nvls_Bps: float | None = None  # of an all-reduce in the NVSwitches; None: not known or not had
    nics: int = 8
    nic_Bps: float | None = None  # what one NIC's port reaches


PLATFORMS: Mapping[str, Platform] = {
    # ring: 12 NVLinks of 20.0, 18 of 20.6, 18 of 40.1 GB/s: NVIDIA/nccl 5067397, graph/topo.h
    # NVLS 475 (H100), 215 (H800) and NICs 23.5 (CX6), 48.5 (CX7) GB/s: aliyun/SimAI cef83f9
    "a100": Platform(8, 240e9, nic_Bps=23.5e9),
    "h100": Platform(8, 370.8e9, 475e9, nic_Bps=48.5e9),
    "h200": Platform(8, 370.8e9, 475e9, nic_Bps=48.5e9),
    "h800": Platform(8, None, 215e9, nic_Bps=48.5e9),
    "h100_200g": Platform(8, 370.8e9, 475e9, nic_Bps=23.5e9),  # eight ports of 200 Gbit/s
    "b200": Platform(8, 721.8e9),  # NVLS and 400G or 800G ports: not verified
    "gb200_nvl72": Platform(72, 721.8e9, nics=72),
}
"""Kinds of nodes."""


def peak_bus_Bps(platform: Platform, nodes: int = 1, in_network: bool = True) -> float:
    """Return the bus bandwidth of a very large all-reduce on so many whole nodes.

    One node: its switches', or its ring's. More: all NICs of a node together, in a ring or, where
    that is faster (two and three nodes), in double trees, whose busiest node sends less.

        nics nic_Bps max(1, 2 (n - 1) / n / double_tree_load(nodes)),  at most what is inside

    Raises ValueError where a number that this needs is not verified.

    Source: as of `PLATFORMS`; the trees: `collective.double_tree_load`.
    Neglects: NVLS together with NICs (NVLSTree), SHARP in the fabric, PCIe, rails that are not one
        a GPU.
    """
    inside = platform.nvls_Bps if in_network and platform.nvls_Bps else platform.ring_Bps
    if inside is None:
        raise ValueError("a bandwidth inside the node is not verified for this platform: give it")
    if nodes == 1:
        return inside
    if platform.nic_Bps is None:
        raise ValueError("nic_Bps is not verified for this platform: give it")
    n = platform.gpus_per_node * nodes
    trees = 2.0 * (n - 1) / n / float(double_tree_load(nodes))
    return min(
        platform.nics * platform.nic_Bps * max(1.0, trees), max(inside, platform.ring_Bps or 0.0)
    )


class Curve(NamedTuple):
    """An all-reduce as measured: the least of some lines, a protocol or algorithm each."""

    ranks: int
    alpha_s: tuple[float, ...]
    algorithm_Bps: tuple[float, ...]  # S over the time that is not alpha


CURVES: Mapping[str, Curve] = {
    # fitted by `fitted` to what the sources measured; a line's reach is in the tests
    # Azure/AI-benchmarking-guide, Azure_Results (NCCL 2.18.5, 2.20.5, 2.25.1), 1 KB to 8 GB
    "a100_8": Curve(8, (42.2e-6, 124.4e-6, 310.6e-6), (73.66e9, 112.43e9, 134.92e9)),
    "h100_8": Curve(8, (25.3e-6, 39.6e-6, 81.5e-6), (3.84e9, 207.89e9, 269.54e9)),
    "h200_8": Curve(8, (30.1e-6, 68.1e-6, 170.5e-6), (179.38e9, 265.72e9, 276.33e9)),
    "gb200_4": Curve(4, (16.1e-6, 31.7e-6, 124.0e-6), (175.55e9, 417.20e9, 455.31e9)),
    # lessizzmore/create-a3mega-ztan-fork: 2 nodes of 8 ports of 200 Gbit/s, 1 KB to 8 GB
    "h100_200g_16": Curve(16, (129.3e-6, 152.7e-6, 889.0e-6), (1.44e9, 20.14e9, 182.87e9)),
    # coreweave/nccl-tests cb86553, README; from 512 MB on only
    "h100_64": Curve(64, (259.3e-6,), (195.98e9,)),
    "gb200_nvl72_72": Curve(72, (605.6e-6,), (439.19e9,)),
    "gb200_nvl72_144": Curve(144, (889.8e-6,), (410.46e9,)),
    "gb200_nvl72_1440": Curve(1440, (4673.9e-6,), (212.95e9,)),
}
"""Measured all-reduces; those of one line know nothing of messages below 512 MB."""


def curve_s(curve: Curve, size_bytes: ArrayLike) -> F8:
    """Return the time of an all-reduce by a measured curve, (m,).

    NCCL takes for each size the protocol (LL, LL128, Simple) and algorithm that it expects to be
    fastest: the least of straight lines.

        T = min over lines (alpha + S / B)

    Source: NCCL's own model, src/graph/tuning.cc, has this form; numbers as of `CURVES`.
    Neglects: other numbers of ranks, sizes outside those measured, choices that were not the best.
    """
    S = np.atleast_1d(np.asarray(size_bytes, np.float64))
    lines = np.asarray(curve.alpha_s) + S[:, None] / np.asarray(curve.algorithm_Bps)
    return np.asarray(lines.min(axis=1))


def line_of(size_bytes: F8, time_s: F8) -> tuple[float, float]:
    """Return (alpha_s, Bps) of the line with the least sum of squared relative errors."""
    rows = np.stack([1.0 / time_s, size_bytes / time_s], axis=1)
    alpha, beta = np.linalg.lstsq(rows, np.ones(len(time_s)), rcond=None)[0]
    return float(alpha), float(1.0 / beta)


def fitted(ranks: int, size_bytes: ArrayLike, time_s: ArrayLike, lines: int = 3) -> Curve:
    """Return the curve of so many lines nearest to measured times, by squared relative error.

    Sizes, ascending, are cut into that many runs, each with its own line; all cuts are tried.

    Raises ValueError for fewer than two sizes a line.

    Source: least squares; the form is `curve_s`'.
    Neglects: cuts that would leave a line one point.
    """
    S, T = np.asarray(size_bytes, np.float64), np.asarray(time_s, np.float64)
    if len(S) < 2 * lines or len(S) != len(T):
        raise ValueError(f"{len(S)} sizes, {len(T)} times; must be as many, at least {2 * lines}")
    best, least = Curve(ranks, (), ()), np.inf
    for cuts in combinations(range(2, len(S) - 1), lines - 1):
        runs = np.split(np.arange(len(S)), cuts)
        if min(map(len, runs)) < 2:
            continue
        made = [line_of(S[run], T[run]) for run in runs]
        curve = Curve(ranks, *map(tuple, zip(*made, strict=True)))
        error = float(np.mean((curve_s(curve, S) / T - 1.0) ** 2))
        if error < least:
            best, least = curve, error
    return best
