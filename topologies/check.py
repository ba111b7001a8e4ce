"""What the simulator needs of a fabric."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import networkx as nx


def faults(graph: nx.Graph) -> list[str]:
    """Return every fault of a fabric at once, each with where it is and what would be right.

    Nodes must be numbered 0 … n-1, every vertex must have a kind and no more cables than ports,
    every edge a capacity above 0 both ways and a latency of at least 0, and all must be connected.
    An empty list means that it can be used.
    """
    ends = [v for v, kind in graph.nodes(data="kind") if kind == "node"]
    if not ends:
        return ["the fabric has no vertex of kind 'node'; at least one must be"]
    found = []
    if {*map(repr, ends)} != {*map(repr, range(len(ends)))}:
        found.append(f"the {len(ends)} nodes must be numbered 0 … {len(ends) - 1}")
    found += vertex_faults(graph)
    for a, b, link in graph.edges(data=True):
        found += [f"link {a!r}–{b!r}: {wrong}" for wrong in edge_faults(link)]
        if a == b:
            found.append(f"link {a!r}–{b!r} begins where it ends; remove it")
    parts = sorted(nx.connected_components(graph), key=len, reverse=True)
    for part in parts[1:]:
        some = ", ".join(repr(v) for v in sorted(part, key=str)[:3])
        found.append(f"{len(part)} vertices cannot reach the others ({some}, …): add a link")
    return found


def vertex_faults(graph: nx.Graph) -> Iterator[str]:
    """Yield what is wrong with each vertex."""
    for vertex, has in graph.nodes(data=True):
        if not has.get("kind"):
            yield f"vertex {vertex!r} has no kind; must be 'node', 'leaf', 'spine', …"
        ports = has.get("ports")
        if ports is not None:
            used = sum(
                n for _, _, n in graph.edges(vertex, data="cables", default=1) if is_number(n)
            )
            if not is_number(ports) or used > ports:
                yield (
                    f"{vertex!r} has {used} cables on {ports} ports; must be at most as many: "
                    "take off nodes or raise ports"
                )


def edge_faults(link: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an edge's attributes."""
    for name in ("capacity_Bps", "back_Bps"):
        value = link.get(name, link.get("capacity_Bps", 0.0))
        if not (is_number(value) and value > 0.0) and (name in link or name == "capacity_Bps"):
            yield f"{name} is {value!r}; must be above 0"
    latency, cables = link.get("latency_s", -1.0), link.get("cables", 1)
    if not (is_number(latency) and latency >= 0.0):
        yield f"latency_s is {latency!r}; must be at least 0"
    if not (is_number(cables) and cables >= 1 and cables == int(cables)):
        yield f"cables is {cables!r}; must be a whole number, at least 1"


def is_number(value: object) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
