"""What the readers share: bounded text, attributes as numbers, vertices numbered, all faults."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import networkx as nx

from sim.units import parse
from topologies.check import faults
from topologies.fabric import PLACES

MOST_BYTES = 512 * 2**20
MOST_VERTICES = 2_000_000
LATENCY_S = 1e-6
"""Of a link whose file says none, one way."""
QUANTITIES = {"capacity_Bps": "Bps", "back_Bps": "Bps", "latency_s": "s"}


class FabricFileError(ValueError):
    """A file that is no fabric, with every fault."""

    def __init__(self, path: Path, found: Sequence[str]) -> None:
        some = [*found[:50], f"… and {len(found) - 50} more"] if len(found) > 50 else found
        super().__init__(f"{path.name}: " + "\n  ".join(some))
        self.faults = list(some)


def text_of(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """Return a file's text; FabricFileError if it is longer than `most_bytes` or no UTF-8."""
    with path.open("rb") as file:
        raw = file.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise FabricFileError(path, [f"has more than {most_bytes} bytes; must be shorter"])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FabricFileError(path, [f"is no UTF-8 text at byte {error.start}"]) from None


def number_of(text: object, unit: str) -> Any:
    """Return a text as the number it stands for, whole without a unit; what stands for none as is.

    >>> number_of("400 Gbps", "Bps"), number_of("8", ""), number_of(8.0, ""), number_of("A", "")
    (50000000000.0, 8, 8, 'A')
    """
    if not isinstance(text, str | int | float) or isinstance(text, bool):
        return text
    try:
        found = parse(text, unit) if unit else float(text)
    except ValueError:
        return text
    return found if unit or found != found // 1 else int(found)


def as_numbers(has: dict[str, Any], whole: Sequence[str]) -> None:
    """Turn quantities such as `400 Gbps`, and whole numbers in other guise, into numbers."""
    for name in has:
        if name in QUANTITIES or name in whole:
            has[name] = number_of(has[name], QUANTITIES.get(name, ""))


def single(graph: nx.Graph) -> nx.Graph:
    """Return a graph without parallel edges: those between two vertices are one, of their sum.

    Capacities and `cables` (1 where an edge says none) are added; the rest is that of the first. A
    capacity that is no number stays, to be told.
    """
    if not graph.is_multigraph():
        return graph
    made = nx.DiGraph() if graph.is_directed() else nx.Graph()
    made.graph.update(graph.graph)
    made.add_nodes_from(graph.nodes(data=True))
    for a, b, has in graph.edges(data=True):
        if not made.has_edge(a, b):
            made.add_edge(a, b, **{"cables": 1} | has)
            continue
        sums, more = made.edges[a, b], {"cables": 1} | has
        back = [name for name in ("back_Bps",) if name in sums or name in more]
        for name in (*back, "capacity_Bps", "cables"):
            one, two = (x.get(name, x.get("capacity_Bps")) for x in (sums, more))
            numbers = isinstance(one, int | float) and isinstance(two, int | float)
            sums[name] = one + two if numbers else two
    return made


def finished(path: Path, graph: nx.Graph, found: Sequence[str] = ()) -> nx.Graph:
    """Return the graph with its nodes numbered 0 … n-1, or raise with all faults.

    Nodes named 0 … n-1, as numbers or texts, keep their numbers; others are numbered in the file's
    order and keep their name as attribute `label`. Quantities may carry a unit; a link without a
    latency has LATENCY_S.
    """
    if len(graph) > MOST_VERTICES:
        raise FabricFileError(path, [f"has more than {MOST_VERTICES} vertices"])
    for _, has in graph.nodes(data=True):
        as_numbers(has, PLACES)
    for _, _, has in graph.edges(data=True):
        has.setdefault("latency_s", LATENCY_S)
        as_numbers(has, ("cables",))
    graph, one_way = one_edge(single(graph)) if graph.is_directed() else (single(graph), [])
    ends = [v for v, kind in graph.nodes(data="kind") if kind == "node"]
    kept = {str(v): v for v in ends}
    if set(kept) == {str(i) for i in range(len(ends))}:
        names: dict[Hashable, Hashable] = {v: int(text) for text, v in kept.items()}
    else:
        names = {v: i for i, v in enumerate(ends)}
        for v in ends:
            graph.nodes[v]["label"] = str(v)
        names |= {v: f"_{v}" for v in graph if isinstance(v, int) and v not in names}
    numbered = nx.relabel_nodes(graph, names)
    numbered.graph.setdefault("name", path.stem)
    wrong = [*found, *one_way, *faults(numbered)]
    if wrong:
        raise FabricFileError(path, wrong)
    return numbered


def one_edge(graph: nx.DiGraph) -> tuple[nx.Graph, list[str]]:
    """Return a directed graph with each two ways as one edge, and the links that lack one."""
    made, found = nx.Graph(), []
    made.graph.update(graph.graph)
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
