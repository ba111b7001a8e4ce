"""A fabric in arrays, and the way between arrays and graphs.

A family is written once, as a function that returns a `Fabric`; `@family` makes it return a graph,
and keeps the arrays at hand: `fat_tree(8)` is a graph, `fat_tree.arrays(8)` the same fabric.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, update_wrapper
from typing import Any, Generic, ParamSpec, Protocol

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from topologies.lookup import Lookup

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
P = ParamSpec("P")

PLACES = ("tier", "rail", "plane", "rack", "pod", "feed", "gpus", "ports")
"""What a vertex may have besides its kind, each a number; -1 where it has none."""


class Router(Protocol):
    """Knows a family's wiring well enough to route in arithmetic."""

    def links(self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints, salt: int) -> Ints:
        """Return the directed links of each flow, (flows, hops), -1 where a path is shorter."""
        ...

    def cut_Bps(self, fabric: Fabric) -> float | None:
        """Return what two even halves of the nodes can send each other, one way; None: unknown."""
        ...


@dataclass(frozen=True)
class Fabric:
    """A fabric of n vertices and m edges in columns.

    Directed link 2 e leads from `a[e]` to `b[e]`, link 2 e + 1 back; a < b, and the edges are in
    the order of (a, b), those to NVLink switches last. The vertices 0 … nodes - 1 are the nodes.
    """

    name: str
    kind: NDArray[np.str_]  # (n,)
    places: Mapping[str, Ints]  # each (n,), see PLACES
    a: Ints  # (m,)
    b: Ints
    capacity_Bps: Floats  # (m,) from a to b
    back_Bps: Floats  # (m,) from b to a
    latency_s: Floats
    cables: Ints  # physical cables that this edge stands for
    cable: NDArray[np.str_]  # copper, fibre, circuit
    optic: NDArray[np.str_]  # the transceiver at both ends, such as 400G; "" for none
    router: Router | None = None
    labels: tuple[Hashable, ...] = field(default=())

    @cached_property
    def nodes(self) -> int:
        """Return how many vertices hold GPUs."""
        return int(np.count_nonzero(self.kind == "node"))

    @cached_property
    def link_Bps(self) -> Floats:
        """Return the capacity of each directed link, (2 m,)."""
        return np.column_stack([self.capacity_Bps, self.back_Bps]).ravel()

    @cached_property
    def dead(self) -> NDArray[np.bool_]:
        """Return which directed links have failed, of capacity 0, (2 m,)."""
        return self.link_Bps <= 0.0

    @cached_property
    def works(self) -> bool:
        """Whether no link has failed."""
        return not self.dead.any()

    @cached_property
    def link_latency_s(self) -> Floats:
        """Return the latency of each directed link, (2 m,)."""
        return np.repeat(self.latency_s, 2)

    @cached_property
    def _ends(self) -> Lookup:
        n = len(self.kind)
        return Lookup(np.column_stack([self.a * n + self.b, self.b * n + self.a]).ravel())

    def looked_up(self) -> tuple[Ints, Ints, int]:
        """Return the table of directed links by their ends a n + b, as `Lookup.columns`."""
        return self._ends.columns

    @cached_property
    def _working(self) -> nx.Graph:
        graph = nx.Graph()
        graph.add_nodes_from(range(len(self.kind)))
        works = (self.capacity_Bps > 0.0) & (self.back_Bps > 0.0)
        graph.add_edges_from(zip(self.a[works].tolist(), self.b[works].tolist(), strict=True))
        return graph

    @cached_property
    def _searched(self) -> dict[int, dict[int, list[int]]]:
        return {}

    def towards(self, end: int, most: int = 2000) -> tuple[int, dict[int, list[int]]]:
        """Return (stop, next): where shortest paths by hops to a vertex stop, and what comes next.

        `stop` is its one neighbour, if it has just one, else itself; `next` are, of each vertex
        that can reach it, those that are one hop nearer. Links of capacity 0 either way are left
        out. Searches are kept, the last `most` or so.
        """
        near = list(self._working[end])
        stop = near[0] if len(near) == 1 else end
        if stop not in self._searched:
            if len(self._searched) >= most:
                self._searched.clear()
            self._searched[stop] = nx.predecessor(self._working, stop)
        return stop, self._searched[stop]

    def along(self, path: Ints) -> Ints:
        """Return the directed links along paths of vertices, (flows, hops); staying is -1.

        Raises ValueError where two vertices that follow each other are not wired.
        """
        here, there = path[:, :-1], path[:, 1:]
        moves = here != there
        wanted = here[moves] * len(self.kind) + there[moves]
        found = self._ends.find(wanted)
        if len(found) and found.min() < 0:
            lost = int(wanted[int(np.argmin(found))])
            one, two = (self.names()[i] for i in divmod(lost, len(self.kind)))
            raise ValueError(f"{one!r} and {two!r} are not wired, but a path needs their link")
        links = np.full(moves.shape, -1, dtype=np.int64)
        links[moves] = found
        return links

    def names(self) -> list[Hashable]:
        """Return the vertices' names: nodes by number, switches by kind and number in it."""
        if self.labels:
            return list(self.labels)
        named: list[Hashable] = list(range(self.nodes))
        count: dict[str, int] = {}
        for kind in self.kind[self.nodes :].tolist():
            number = count.get(kind, 0)
            count[kind] = number + 1
            named.append(f"{kind}{number}")
        return named

    def graph(self) -> nx.Graph:
        """Return the fabric as a graph, with the attributes of `topologies`' card."""
        graph = nx.Graph(name=self.name)
        names = self.names()
        columns = {key: column.tolist() for key, column in self.places.items()}
        for i, (name, kind) in enumerate(zip(names, self.kind.tolist(), strict=True)):
            put = {key: column[i] for key, column in columns.items() if column[i] >= 0}
            graph.add_node(name, kind=kind, **put)
        keys = ("capacity_Bps", "latency_s", "cables", "cable", "optic")
        rows = zip(
            self.a.tolist(),
            self.b.tolist(),
            *(getattr(self, key).tolist() for key in keys),
            strict=True,
        )
        graph.add_edges_from(
            (names[a], names[b], dict(zip(keys, row, strict=True))) for a, b, *row in rows
        )
        for e in np.flatnonzero(self.back_Bps != self.capacity_Bps).tolist():
            graph.edges[names[self.a[e]], names[self.b[e]]]["back_Bps"] = float(self.back_Bps[e])
        return graph


def compiled(graph: nx.Graph, router: Router | None = None) -> Fabric:
    """Return a graph as arrays; nodes first by number, then the others in the graph's order.

    Without a router, flows take shortest paths. `topologies.faults(graph)` should be empty.
    """
    data = dict(graph.nodes(data=True))
    ends = sorted(v for v, has in data.items() if has.get("kind") == "node")
    names = [*ends, *(v for v, has in data.items() if has.get("kind") != "node")]
    place = {name: i for i, name in enumerate(names)}
    edges = []
    for u, v, has in graph.edges(data=True):
        i, j = place[u], place[v]
        there = float(has["capacity_Bps"])  # from the lower to the higher
        back = float(has.get("back_Bps", there))
        edges.append((min(i, j), max(i, j), there, back, has))
    edges.sort(key=lambda edge: (data[names[edge[1]]].get("kind") == "nvlink", *edge[:2]))

    def column(key: str, otherwise: Any) -> NDArray[Any]:
        return np.array([edge[4].get(key, otherwise) for edge in edges])

    return Fabric(
        name=str(graph.graph.get("name", "")),
        kind=np.array([data[v].get("kind", "") for v in names], dtype=np.str_),
        places={
            key: np.array([data[v].get(key, -1) for v in names], dtype=np.int64)
            for key in PLACES
            if any(key in has for has in data.values())
        },
        a=np.array([edge[0] for edge in edges], dtype=np.int64),
        b=np.array([edge[1] for edge in edges], dtype=np.int64),
        capacity_Bps=np.array([edge[2] for edge in edges], dtype=np.float64),
        back_Bps=np.array([edge[3] for edge in edges], dtype=np.float64),
        latency_s=column("latency_s", 0.0).astype(np.float64),
        cables=column("cables", 1).astype(np.int64),
        cable=column("cable", "fibre").astype(np.str_),
        optic=column("optic", "").astype(np.str_),
        router=router,
        labels=tuple(names),
    )


class Family(Generic[P]):
    """A generator of one family of fabrics: called, a graph; `.arrays`, the same in arrays."""

    def __init__(self, build: Callable[P, Fabric]) -> None:
        self.arrays = build
        update_wrapper(self, build)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> nx.Graph:
        """Return the fabric as a graph."""
        return self.arrays(*args, **kwargs).graph()


def family(build: Callable[P, Fabric]) -> Family[P]:
    """Return a generator of graphs from a function that describes them in arrays."""
    return Family(build)
