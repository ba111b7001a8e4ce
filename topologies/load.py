"""A pattern of traffic laid on a fabric: what a drawing colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from topologies.fabric import Fabric, Floats, Ints
from topologies.routes.policy import AbstractRouting
from topologies.routes.table import Routes

MOST = 20_000_000
"""Paths of all flows together; beyond, partners are drawn instead of everybody."""


@dataclass(frozen=True)
class Load:
    """Flows and their links; each sends no more than `port_Bps`."""

    fabric: Fabric
    src: Ints  # (flows,)
    dst: Ints
    routes: Routes
    port_Bps: Floats  # (flows,) its even part of the NICs, or of NVLink, on which it leaves


def ring(nodes: int, most: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return each node and the next: neighbours in number, as in one large job."""
    del rng, most
    node = np.arange(nodes)
    return node, np.roll(node, -1)


def permutation(nodes: int, most: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return each node and one other, drawn so that everybody is drawn once, in one cycle."""
    del most
    order = rng.permutation(nodes)
    return order, np.roll(order, -1)


def all_to_all(nodes: int, most: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return every node with every other, or with some drawn if pairs are more than `most`."""
    steps = np.arange(1, nodes)
    if nodes * (nodes - 1) > most:
        steps = rng.choice(steps, most // nodes, replace=False)
    node = np.repeat(np.arange(nodes), len(steps))
    return node, (node + np.tile(steps, nodes)) % nodes


PATTERNS: dict[str, Callable[[int, int, np.random.Generator], tuple[Ints, Ints]]] = {
    "ring": ring,
    "permutation": permutation,
    "all_to_all": all_to_all,
}


def load(fabric: Fabric, pattern: str, routing: AbstractRouting, seed: int = 0) -> Load:
    """Return the flows of a pattern, one a lane of each pair of nodes, on their links.

    Raises ValueError for a pattern that is not known, a routing that the fabric does not have, or
    more paths than fit in memory.

    Neglects: NVLink domains are links as any other; GPUs of one lane are one flow.
    """
    if pattern not in PATTERNS:
        raise ValueError(f"pattern is {pattern!r}; must be one of {', '.join(PATTERNS)}")
    if fabric.nodes < 2:
        raise ValueError("1 node has nobody to send to; must be at least 2")
    router = getattr(fabric.router, "below", fabric.router)
    lanes, spines, cores = (int(getattr(router, x, 1)) for x in ("lanes", "spines", "cores"))
    most = MOST // (max(1, lanes) * max(1, spines) * max(1, cores))
    if fabric.nodes > most:
        raise ValueError(
            f"{fabric.nodes} nodes have too many paths to lay traffic on; must be at most {most}: "
            "draw a smaller fabric of the kind"
        )
    src, dst = PATTERNS[pattern](fabric.nodes, most, np.random.default_rng(seed))
    lane = np.tile(np.arange(lanes), len(src))
    src, dst = np.repeat(src, lanes), np.repeat(dst, lanes)
    routes = routing.routes(fabric, src, dst, lane, seed)
    return Load(fabric, src, dst, routes, ports_of(fabric, src, routes))


def ports_of(fabric: Fabric, src: Ints, routes: Routes) -> Floats:
    """Return each flow's even part of what its node can send, (flows,), NVLink apart from NICs."""
    inside = fabric.kind[fabric.b] == "nvlink"
    flow = np.repeat(np.arange(len(src)), np.diff(routes.start))
    over = np.bincount(flow, inside[routes.link // 2], len(src)) > 0
    port_Bps = np.empty(len(src))
    for flows, edges in ((over, inside), (~over, ~inside)):
        sent = np.bincount(fabric.a[edges], fabric.capacity_Bps[edges], len(fabric.kind))
        sent += np.bincount(fabric.b[edges], fabric.back_Bps[edges], len(fabric.kind))
        each = np.bincount(src[flows], minlength=fabric.nodes)
        port_Bps[flows] = (sent[: fabric.nodes] / np.maximum(each, 1))[src[flows]]
    return port_Bps
