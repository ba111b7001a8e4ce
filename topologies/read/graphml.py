"""GraphML, without document types and entities."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

import networkx as nx

from topologies.read.common import MOST_VERTICES, FabricFileError, finished, text_of


def graphml(path: Path) -> nx.Graph:
    """Return the fabric of a GraphML file; attributes as in `topologies`' card.

    Quantities may carry a unit, `400 Gbps`; parallel edges are one of their sum. A directed file
    must say both ways of a link; the second becomes back_Bps. Raises FabricFileError with all
    faults; a document type or an entity is refused unread.

    Source: graphml.graphdrawing.org (the format).
    Neglects: ports, hyperedges, nested graphs.
    """
    text = text_of(path)
    try:
        guarded(path, text)
        graph = nx.parse_graphml(text)
    except (expat.ExpatError, nx.NetworkXError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, FabricFileError):
            raise
        raise FabricFileError(path, [f"is no GraphML: {str(error)[:200]}"]) from None
    return finished(path, graph)


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
