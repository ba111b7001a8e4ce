"""A plain edge list: two names, a capacity and maybe a latency a line."""

from __future__ import annotations

from pathlib import Path

import networkx as nx

from sim.units import parse
from topologies.read.common import finished, text_of


def edge_list(path: Path, latency_s: float = 1e-6) -> nx.Graph:
    """Return the fabric of lines `a b capacity [latency]`, such as `0 leaf0 400Gbps 1us`.

    A vertex named by a whole number is a node; any other is a switch, whose kind is its name
    without digits at the end. What follows # is a comment. Quantities are bare SI numbers or
    carry a unit, without blanks. Raises FabricFileError with all faults by line.

    Neglects: attributes other than capacity and latency.
    """
    graph, found = nx.Graph(name=path.stem), []
    for number, line in enumerate(text_of(path).splitlines(), 1):
        words = line.split("#")[0].replace(",", " ").split()
        if not words:
            continue
        if len(words) not in (3, 4):
            found.append(f"line {number} has {len(words)} words; must be `a b capacity [latency]`")
            continue
        a, b = words[:2]
        if graph.has_edge(a, b):
            found.append(f"line {number}: {a}–{b} stands twice; give one line with the sum")
            continue
        for vertex in (a, b):
            whole = vertex.isdecimal()
            graph.add_node(
                vertex, kind="node" if whole else vertex.rstrip("0123456789") or "switch"
            )
        try:
            capacity_Bps = parse(words[2], "Bps")
            delay_s = parse(words[3], "s") if len(words) == 4 else latency_s
        except ValueError as error:
            found.append(f"line {number}: {error}")
            continue
        graph.add_edge(a, b, capacity_Bps=capacity_Bps, latency_s=delay_s)
    return finished(path, graph, found)
