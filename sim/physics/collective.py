"""What a collective takes alone: alpha-beta formulas, a function an algorithm.

All arguments are arrays of one shape (m,) or plain numbers. `size_bytes` S is what a rank ends with
or begins with: its buffer of an all-reduce, the whole of an all-gather or reduce-scatter, all that
it sends in an all-to-all (its own part too). `Bps` B is a rank's way out, each way. One rank: 0 s.
What B is while others share the links is not known here: give the shared one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

F8 = NDArray[np.float64]


def _floats(*values: ArrayLike) -> list[F8]:
    """Return the values as arrays of one shape."""
    return list(np.broadcast_arrays(*(np.asarray(v, np.float64) for v in values)))


def _rounds(ranks: F8) -> F8:
    """Return the depth of a binary tree over ranks."""
    return np.asarray(np.ceil(np.log2(np.maximum(ranks, 1.0))))


def ring_all_reduce_s(
    size_bytes: ArrayLike, ranks: ArrayLike, Bps: ArrayLike, alpha_s: ArrayLike = 0.0
) -> F8:
    """Return the time of a ring all-reduce, (m,).

    Each rank sends S / n to its neighbour 2 (n - 1) times: once round to reduce, once to gather.

        T = 2 (n - 1) (S / (n B) + alpha)

    Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009).
    Neglects: pipelining, protocol switches by size, the reduction's own arithmetic.
    """
    return 2.0 * ring_gather_s(size_bytes, ranks, Bps, alpha_s)


def ring_gather_s(
    size_bytes: ArrayLike, ranks: ArrayLike, Bps: ArrayLike, alpha_s: ArrayLike = 0.0
) -> F8:
    """Return the time of a ring all-gather, or of a ring reduce-scatter, (m,).

        T = (n - 1) (S / (n B) + alpha)

    Source: Thakur, Rabenseifner, Gropp, Int. J. High Perform. Comput. Appl. 19 (2005).
    Neglects: as `ring_all_reduce_s`.
    """
    S, n, B, alpha = _floats(size_bytes, ranks, Bps, alpha_s)
    return np.asarray((n - 1.0) * (S / (n * B) + alpha))


def tree_all_reduce_s(
    size_bytes: ArrayLike, ranks: ArrayLike, Bps: ArrayLike, alpha_s: ArrayLike = 0.0
) -> F8:
    """Return the time of an all-reduce up and down one pipelined binary tree, (m,).

    A rank inside the tree takes S from each of two children and S from above; with two ranks it is
    S each way, with three (a root and two leaves) 2 S.

        T = 2 ceil(log2 n) alpha + min(n - 1, 3) S / B

    Source: Sanders, Speck, Träff, Parallel Comput. 35 (2009), 2: what one tree costs.
    Neglects: the fill of the pipeline, a chunk a level.
    """
    S, n, B, alpha = _floats(size_bytes, ranks, Bps, alpha_s)
    return np.asarray(2.0 * _rounds(n) * alpha + np.minimum(n - 1.0, 3.0) * S / B)


def double_tree_load(ranks: ArrayLike) -> F8:
    """Return how many times S the busiest rank of a double binary tree sends, (m,).

    Each half goes over a tree of its own; who is inside one is a leaf of the other. Two ranks: S,
    three: 3/2 S, more: 2 S.
    """
    n = np.asarray(ranks, np.float64)
    return np.where(n > 1.0, np.minimum(n / 2.0, 2.0), 0.0)


def double_tree_all_reduce_s(
    size_bytes: ArrayLike, ranks: ArrayLike, Bps: ArrayLike, alpha_s: ArrayLike = 0.0
) -> F8:
    """Return the time of an all-reduce over two complementary binary trees, (m,).

        T = 2 ceil(log2 n) alpha + load S / B          load 1, 3/2, 2: `double_tree_load`

    Source: Sanders, Speck, Träff, Parallel Comput. 35 (2009); NCCL 2.4's trees.
    Neglects: the fill of the pipeline; NCCL itself reckons with 0.92 of this bandwidth.
    """
    S, n, B, alpha = _floats(size_bytes, ranks, Bps, alpha_s)
    return np.asarray(2.0 * _rounds(n) * alpha + double_tree_load(n) * S / B)


def hierarchical_all_reduce_s(
    size_bytes: ArrayLike,
    gpus_per_node: ArrayLike,
    nodes: ArrayLike,
    inside_Bps: ArrayLike,
    rail_Bps: ArrayLike,
    inside_alpha_s: ArrayLike = 0.0,
    rail_alpha_s: ArrayLike = 0.0,
    pipelined: bool = True,
) -> F8:
    """Return the time of an all-reduce in three stages, rail by rail, (m,).

    Reduce-scatter among the g GPUs of a node, a ring all-reduce of S / g on each of g rails over N
    nodes, all-gather inside again. Pipelined, the slowest stage's bytes and everybody's alphas
    count; unpipelined, the sum. The two inside share B_inside, so they are one stage there.

        inside: 2 (g - 1) (S / (g B_inside) + alpha)
        rails:  2 (N - 1) (S / (g N B_rail) + alpha)

    Source: Cho et al., BlueConnect, MLSys 2019; NVIDIA's rail-optimised designs.
    Neglects: the pipeline's fill; rails that are not alike.
    """
    S, g, N, Bi, Br, ai, ar = _floats(
        size_bytes, gpus_per_node, nodes, inside_Bps, rail_Bps, inside_alpha_s, rail_alpha_s
    )
    waits = 2.0 * (g - 1.0) * ai + 2.0 * (N - 1.0) * ar
    inside, rail = ring_all_reduce_s(S, g, Bi), ring_all_reduce_s(S / g, N, Br)
    return np.asarray(waits + (np.maximum(inside, rail) if pipelined else inside + rail))


def all_to_all_s(
    size_bytes: ArrayLike,
    gpus_per_node: ArrayLike,
    nodes: ArrayLike,
    inside_Bps: ArrayLike,
    rail_Bps: ArrayLike,
    alpha_s: ArrayLike = 0.0,
    forwarded: bool = True,
) -> F8:
    """Return the time of an all-to-all of n = g N ranks, (m,), every rank S / n to every rank.

    The rail carries what leaves the node, NVLink what stays; `forwarded`, it also carries what must
    change rails first (PXN): (g - 1) / g of what leaves.

        T = max(S (n - g) / (n B_rail), [S (g - 1) / n + S (n - g) / n (g - 1) / g] / B_inside)
            + (n - 1) alpha

    Source: the loads counted; PXN: NVIDIA, "Doubling all2all performance", 2022.
    Neglects: the order of sends; skewed parts, as of experts in favour.
    """
    S, g, N, Bi, Br, alpha = _floats(
        size_bytes, gpus_per_node, nodes, inside_Bps, rail_Bps, alpha_s
    )
    n = g * N
    out, stay = S * (n - g) / n, S * (g - 1.0) / n
    inside = stay + (out * (g - 1.0) / g if forwarded else 0.0)
    return np.asarray(np.maximum(out / Br, inside / Bi) + (n - 1.0) * alpha)


def in_network_all_reduce_s(
    size_bytes: ArrayLike, ranks: ArrayLike, Bps: ArrayLike, alpha_s: ArrayLike = 0.0
) -> F8:
    """Return the time of an all-reduce that switches reduce, (m,): S up once, S down once.

        T = 2 alpha + S / B

    Source: Graham et al., SHARP, COM-HPC 2016; NVLink SHARP from NVLink 4 on.
    Neglects: how many reductions a switch holds at once; what a switch reaches of its line rate
        (NVLS on H100: 0.61, NVIDIA/nccl-tests issue 212): give it in B.
    """
    S, n, B, alpha = _floats(size_bytes, ranks, Bps, alpha_s)
    return np.where(n > 1.0, 2.0 * alpha + S / B, 0.0)


def broadcast_s(
    size_bytes: ArrayLike, ranks: ArrayLike, Bps: ArrayLike, alpha_s: ArrayLike = 0.0
) -> F8:
    """Return the time of a pipelined broadcast or reduce, (m,): (n - 1) alpha + S / B in a chain.

    With two ranks it is one message: alpha + S / B.

    Source: nccl-tests, doc/PERFORMANCE.md (its bus bandwidth is S / T).
    Neglects: the fill of the pipeline beyond its alphas.
    """
    S, n, B, alpha = _floats(size_bytes, ranks, Bps, alpha_s)
    return np.where(n > 1.0, (n - 1.0) * alpha + S / B, 0.0)


FACTORS = {
    "all_reduce": (2.0, 1.0),
    "all_gather": (1.0, 1.0),
    "reduce_scatter": (1.0, 1.0),
    "all_to_all": (1.0, 1.0),
    "broadcast": (1.0, 0.0),
    "reduce": (1.0, 0.0),
    "send": (1.0, 0.0),
}
"""Of each collective (f, h): bus bandwidth is S / T times f (n - h) / n."""


def bus_Bps(collective: str, size_bytes: ArrayLike, ranks: ArrayLike, time_s: ArrayLike) -> F8:
    """Return the bus bandwidth of a collective that took so long, (m,), as nccl-tests defines it.

    Raises KeyError for a collective that is not in `FACTORS`.

    Source: NVIDIA/nccl-tests, doc/PERFORMANCE.md.
    Neglects: nothing: a definition.
    """
    factor, own = FACTORS[collective]
    S, n, T = _floats(size_bytes, ranks, time_s)
    return np.asarray(S / T * factor * (n - own) / n)
