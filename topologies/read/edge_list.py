"""A plain edge list: two names, a capacity and maybe a latency a line."""

from __future__ import annotations

from pathlib import Path

import networkx as nx

from sim.units import parse
from topologies.read.common import LATENCY_S, FabricFileError, finished, text_of


def edge_list(path: Path, latency_s: float = LATENCY_S) -> nx.Graph:
    """Return the fabric of lines `a b capacity [latency]`, such as `0 leaf0 400Gbps 1us`.

    A vertex named by a whole number, or node0, node1 …, is a node; any other is a switch, whose
    kind is its name without digits at the end. What follows # is a comment. Words stand between
    blanks or, where a line has one, commas; a first line that names its columns is passed over.
    Quantities are bare SI numbers or carry a unit, without a blank unless between commas. Raises
    FabricFileError with all faults by line.

    Neglects: attributes other than capacity and latency.
    """
    graph, found, header = nx.Graph(name=path.stem), [], True
    for number, line in enumerate(text_of(path).splitlines(), 1):
        said = line.split("#")[0].strip()
        words = [word.strip() for word in said.split(",")] if "," in said else said.split()
        if not words:
            continue
        first, header = header, False
        if first and len(words) > 2 and words[2].lower().startswith("capacity"):
            continue
        if len(words) not in (3, 4) or not all(words):
            found.append(
                f"line {number} has {len(words)} words; must be `a b capacity [latency]`, between "
                "commas if a unit stands apart, as in `0,leaf0,400 Gbps`"
            )
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
    if not any(kind == "node" for _, kind in graph.nodes(data="kind")):
        told = "no vertex is a node; those that hold GPUs must be named 0, 1 … or node0 …"
        raise FabricFileError(path, found or [told])
    return finished(path, graph, found)
