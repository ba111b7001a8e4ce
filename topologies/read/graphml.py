"""GraphML, without document types and entities."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

import networkx as nx

from topologies.read.common import MOST_VERTICES, FabricFileError, finished, text_of


def graphml(path: Path) -> nx.Graph:
    """Return the fabric of a GraphML file; attributes as in `topologies`' card.

    A directed file must say both ways of a link; the second becomes back_Bps. Raises
    FabricFileError with all faults; a document type or an entity is refused unread.

    Source: graphml.graphdrawing.org (the format).
    Neglects: ports, hyperedges, nested graphs, parallel edges.
    """
    text = text_of(path)
    try:
        guarded(path, text)
        graph = nx.parse_graphml(text)
    except (expat.ExpatError, nx.NetworkXError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, FabricFileError):
            raise
        raise FabricFileError(path, [f"is no GraphML: {str(error)[:200]}"]) from None
    if graph.is_multigraph():
        raise FabricFileError(path, ["has parallel edges; must be one edge with `cables` of them"])
    return finished(path, *one_edge(graph)) if graph.is_directed() else finished(path, graph)


def guarded(path: Path, text: str) -> None:
    """Raise FabricFileError for a document type, an entity or too many elements."""
    count = 0

    def refused(*_: object) -> NoReturn:
        raise FabricFileError(path, ["declares a document type or entities; must have none"])

    def element(*_: object) -> None:
        nonlocal count
        count += 1
        if count > 20 * MOST_VERTICES:
            raise FabricFileError(path, ["has too many elements"])

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refused
    parser.EntityDeclHandler = refused
    parser.StartElementHandler = element
    parser.Parse(text.encode(), True)


def one_edge(graph: nx.DiGraph) -> tuple[nx.Graph, list[str]]:
    """Return a directed graph with each two ways as one edge, and the links that lack one."""
    made, found = nx.Graph(**graph.graph), []
    made.add_nodes_from(graph.nodes(data=True))
    for a, b, has in graph.edges(data=True):
        if not graph.has_edge(b, a):
            found.append(f"link {a!r}–{b!r} goes one way; add the way back")
        if not made.has_edge(a, b):
            made.add_edge(a, b, **has)
            back = graph.edges[b, a] if graph.has_edge(b, a) else has
            if back.get("capacity_Bps") != has.get("capacity_Bps"):
                down = list(graph).index(a) < list(graph).index(b)
                low, high = (has, back) if down else (back, has)
                made.edges[a, b]["capacity_Bps"] = low.get("capacity_Bps")
                made.edges[a, b]["back_Bps"] = high.get("capacity_Bps")
    return made, found
