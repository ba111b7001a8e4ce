"""What the simulator needs of a fabric."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import networkx as nx

from topologies.fabric import PLACES

MOST = 2**31
"""Places are numbers below it."""


def faults(graph: nx.Graph) -> list[str]:
    """Return every fault of a fabric at once, each with where it is and what would be right.

    Nodes must be numbered 0 … n-1, every vertex must have a kind, whole numbers for its places
    (rack, pod, rail, …) and no more cables than ports, every edge a capacity above 0 both ways and
    a latency of at least 0, and all must be connected. An empty list means that it can be used.
    """
    ends = [v for v, kind in graph.nodes(data="kind") if kind == "node"]
    found = []
    if not ends:
        found.append("there is no vertex of kind 'node'; at least one must be")
    elif {*map(repr, ends)} != {*map(repr, range(len(ends)))}:
        found.append(f"the {len(ends)} nodes must be numbered 0 … {len(ends) - 1}")
    found += vertex_faults(graph)
    said = {v: repr(has.get("label", v)) for v, has in graph.nodes(data=True)}
    for a, b, link in graph.edges(data=True):
        found += [f"link {said[a]}–{said[b]}: {wrong}" for wrong in edge_faults(link)]
        if a == b:
            found.append(f"link {said[a]}–{said[b]} begins where it ends; remove it")
    parts = sorted(nx.connected_components(graph), key=len, reverse=True)
    for part in parts[1:]:
        some = ", ".join(said[v] for v in sorted(part, key=str)[:3])
        many = f"{len(part)} vertices" if len(part) > 1 else "1 vertex"
        more = ", …" if len(part) > 3 else ""
        found.append(f"{many} cannot reach the others ({some}{more}): add a link")
    return found


def vertex_faults(graph: nx.Graph) -> Iterator[str]:
    """Yield what is wrong with each vertex."""
    for at, has in graph.nodes(data=True):
        vertex = has.get("label", at)
        kind = has.get("kind")
        if not kind or not isinstance(kind, str):
            said = "has no kind" if kind is None else f"has kind {kind!r}"
            yield f"vertex {vertex!r} {said}; must be 'node', 'leaf', 'spine', …"
        for name in PLACES:
            value, least = has.get(name, 1), 1 if name == "gpus" else 0
            if not (is_number(value) and value == int(value) and least <= value < MOST):
                yield f"vertex {vertex!r}: {name} is {value!r}; must be a whole number >= {least}"
        ports = has.get("ports")
        if ports is not None:
            used = sum(n for _, _, n in graph.edges(at, data="cables", default=1) if is_number(n))
            if is_number(ports) and used > ports:
                yield (
                    f"{vertex!r} has {used} cables on {ports} ports; must be at most as many: "
                    "take off nodes or raise ports"
                )


def edge_faults(link: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an edge's attributes."""
    for name, least in (("capacity_Bps", "above 0"), ("latency_s", "at least 0")):
        if name not in link:
            yield f"has no {name}; must be {least}"
    for name in ("capacity_Bps", "back_Bps"):
        value = link.get(name, 1.0)
        if not (is_number(value) and value > 0.0):
            yield f"{name} is {value!r}; must be above 0"
    latency, cables = link.get("latency_s", 0.0), link.get("cables", 1)
    if not (is_number(latency) and latency >= 0.0):
        yield f"latency_s is {latency!r}; must be at least 0"
    if not (is_number(cables) and cables >= 1 and cables == int(cables)):
        yield f"cables is {cables!r}; must be a whole number, at least 1"


def is_number(value: object) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
