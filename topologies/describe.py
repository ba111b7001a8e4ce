"""A fabric in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from topologies.bill import Bill, Prices, bill
from topologies.fabric import Fabric, compiled
from topologies.routes.shortest import Shortest


@dataclass(frozen=True)
class Description:
    """Counts, bisection and bill of a fabric."""

    name: str
    nodes: int
    gpus: int
    vertices: int
    edges: int
    links: int  # directed
    injection_Bps: float  # what all nodes together can send into the fabric, NVLink apart
    bisection_Bps: float | None  # one way, between two even halves; None where not computed
    bill: Bill
    dims: tuple[int, ...] = ()  # of a grid: nodes along each dimension of a torus, or switches

    @property
    def oversubscription(self) -> float | None:
        """Return how many times more half of the nodes can send than the bisection carries."""
        return self.injection_Bps / 2 / self.bisection_Bps if self.bisection_Bps else None


def describe(fabric: nx.Graph | Fabric, prices: Prices | None = None) -> Description:
    """Return the numbers of a graph, or of a fabric in arrays.

    The bisection of a family is its formula over its links, that of a foreign graph the greatest
    flow between the first half of the nodes and the rest (None beyond 20,000 edges).
    """
    f = fabric if isinstance(fabric, Fabric) else compiled(fabric)
    made = bill(f, prices)
    wired = f.kind[f.b] != "nvlink"
    own_a, own_b = (f.kind[f.a] == "node") & wired, (f.kind[f.b] == "node") & wired
    return Description(
        name=f.name,
        nodes=f.nodes,
        gpus=made.gpus,
        vertices=len(f.kind),
        edges=len(f.a),
        links=2 * len(f.a),
        injection_Bps=float(f.capacity_Bps[own_a].sum() + f.back_Bps[own_b].sum()),
        bisection_Bps=(f.router or Shortest()).cut_Bps(f),
        bill=made,
        dims=tuple(getattr(getattr(f.router, "below", f.router), "dims", ())),
    )
