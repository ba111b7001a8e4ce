"""Node-link JSON, as networkx writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx

from topologies.read.common import FabricFileError, finished, text_of


def node_link(path: Path) -> nx.Graph:
    """Return the fabric of a node-link JSON file: {"nodes": [{"id": …}], "edges": [{"source": …}]}.

    "links" may stand for "edges". Attributes as in `topologies`' card; quantities may carry a unit,
    `400 Gbps`. Of a `multigraph`, parallel edges are one of their sum; a `directed` file must say
    both ways of a link, the second becomes back_Bps. Raises FabricFileError with all faults: an
    entry that is no object, an id twice, an edge to an id that is not there.

    Source: networkx.readwrite.json_graph (the format).
    Neglects: graph attributes other than `name`.
    """
    try:
        data = json.loads(text_of(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise FabricFileError(path, [f"is no JSON: {error}"]) from None
    if not isinstance(data, dict) or not isinstance(data.get("nodes"), list):
        raise FabricFileError(path, ["must be an object with a list `nodes`"])
    edges = data.get("edges", data.get("links"))
    if not isinstance(edges, list):
        raise FabricFileError(path, ["must have a list `edges`, or `links`"])
    many, directed = bool(data.get("multigraph")), bool(data.get("directed"))
    found: list[str] = []
    graph = (nx.MultiDiGraph if directed else nx.MultiGraph)(**named(data))
    for i, has in enumerate(data["nodes"]):
        if not isinstance(has, dict) or not isinstance(has.get("id"), str | int):
            found.append(f"nodes[{i}] must be an object with an `id`, a text or a number")
        elif has["id"] in graph:
            found.append(f"nodes[{i}]: id {has['id']!r} stands twice")
        else:
            graph.add_node(has["id"], **plain(has, ("id",)))
    for i, has in enumerate(edges):
        ends = [has.get("source"), has.get("target")] if isinstance(has, dict) else []
        known = [isinstance(v, str | int) and v in graph for v in ends]
        if not ends or not all(known):
            found.append(f"edges[{i}]: source and target must be ids of nodes, are {ends}")
        elif not many and graph.has_edge(*ends):
            found.append(f"edges[{i}]: {ends} stands twice; give one edge with `cables`")
        else:
            graph.add_edge(*ends, **plain(has, ("source", "target", "key")))
    return finished(path, graph, found)


def plain(has: dict[str, Any], without: tuple[str, ...]) -> dict[str, Any]:
    """Return the attributes that are texts or numbers."""
    return {k: v for k, v in has.items() if k not in without and isinstance(v, str | int | float)}


def named(data: dict[str, Any]) -> dict[str, str]:
    """Return the graph's name, if it has one."""
    said = data.get("graph")
    name = said.get("name") if isinstance(said, dict) else None
    return {"name": name} if isinstance(name, str) else {}
