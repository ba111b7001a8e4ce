"""What the simulator needs of a fabric."""

from __future__ import annotations

import math

import networkx as nx


def faults(graph: nx.Graph) -> list[str]:
    """Return every fault of a fabric at once, each with where it is and what would be right.

    Nodes must be numbered 0 … n-1, every vertex must have a kind, every edge a capacity above 0 and
    a latency of at least 0, and all must be connected. An empty list means that it can be used.
    """
    found = []
    ends = [v for v, kind in graph.nodes(data="kind") if kind == "node"]
    if not ends:
        return ["the fabric has no vertex of kind 'node'; at least one must be"]
    if set(ends) != set(range(len(ends))):
        found.append(f"the {len(ends)} nodes must be numbered 0 … {len(ends) - 1}")
    for vertex, kind in graph.nodes(data="kind"):
        if not kind:
            found.append(f"vertex {vertex!r} has no kind; must be 'node', 'leaf', 'spine', …")
    for a, b, link in graph.edges(data=True):
        capacity, latency = link.get("capacity_Bps", 0.0), link.get("latency_s", -1.0)
        if not (math.isfinite(capacity) and capacity > 0.0):
            found.append(f"link {a!r}–{b!r}: capacity_Bps is {capacity!r}; must be above 0")
        if not (math.isfinite(latency) and latency >= 0.0):
            found.append(f"link {a!r}–{b!r}: latency_s is {latency!r}; must be at least 0")
    parts = sorted(nx.connected_components(graph), key=len, reverse=True)
    for part in parts[1:]:
        some = ", ".join(repr(v) for v in sorted(part, key=str)[:3])
        found.append(f"{len(part)} vertices cannot reach the others ({some}, …): add a link")
    return found
