"""Shortest paths by hops over any fabric: for graphs that came from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import networkx as nx
import numpy as np

from topologies.fabric import Fabric, Ints
from topologies.routes.chance import mixed


@final
@dataclass(frozen=True)
class Shortest:
    """ECMP over all shortest paths by hops, one search a destination."""

    def links(self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints, salt: int) -> Ints:
        """Return the directed links of each flow, (flows, longest), -1 where a path is shorter.

        At every hop one of the next vertices on a shortest path is drawn by hash, uniformly; links
        of capacity 0 either way are left out.
        Raises ValueError where a flow's end cannot be reached.

        Neglects: capacity and latency as weights; a node with several links may relay.
        """
        drawn = mixed(src, dst, lane, salt).tolist()
        paths: list[list[int]] = [[]] * len(src)
        for end in np.unique(dst).tolist():
            stop, towards = fabric.towards(end)
            for flow in np.flatnonzero(dst == end).tolist():
                here, chance = int(src[flow]), drawn[flow]
                if here != end and here not in towards:
                    raise ValueError(f"node {here} cannot reach node {end}: add a link")
                path = [here]
                while here not in (stop, end):
                    ways = towards[here]
                    here = ways[chance % len(ways)]
                    chance = (chance // len(ways)) ^ (chance << 7 & 0xFFFFFFFFFFFFFFFF)
                    path.append(here)
                paths[flow] = path if path[-1] == end else [*path, end]
        longest = max((len(path) for path in paths), default=1)
        table = np.array([p + [p[-1]] * (longest - len(p)) for p in paths], dtype=np.int64)
        return fabric.along(table.reshape(len(src), longest))

    def cut_Bps(self, fabric: Fabric, most: int = 20_000) -> float | None:
        """Return the greatest flow from the first half of the nodes to the rest, one way.

        None for more than `most` edges: a greatest flow takes too long there.
        """
        if len(fabric.a) > most or fabric.nodes < 2:
            return None
        graph = nx.DiGraph()
        ways = (fabric.a, fabric.b, fabric.capacity_Bps), (fabric.b, fabric.a, fabric.back_Bps)
        for a, b, Bps in ways:
            for u, v, capacity in zip(a.tolist(), b.tolist(), Bps.tolist(), strict=True):
                graph.add_edge(u, v, capacity=capacity)
        half = fabric.nodes // 2
        graph.add_edges_from(("first", node) for node in range(half))
        graph.add_edges_from((node, "rest") for node in range(half, fabric.nodes))
        return float(nx.maximum_flow_value(graph, "first", "rest"))
