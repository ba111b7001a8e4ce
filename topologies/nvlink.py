"""NVLink domains laid over any fabric: 8, 72 or 576 GPUs behind one NVSwitch plane."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import networkx as nx
import numpy as np

from topologies.fabric import Fabric, Floats, Ints, Router, compiled
from topologies.routes.shortest import Shortest
from topologies.routes.walk import Walk
from topologies.sound import sound


@final
@dataclass(frozen=True)
class Domains:
    """Within a domain over NVLink, else as the fabric below routes."""

    below: Router
    first: int  # vertex of the first domain
    edges: int  # edges of the fabric below
    nodes_per_domain: int

    @property
    def lanes(self) -> int:
        """Return the lanes of the fabric below."""
        return int(getattr(self.below, "lanes", 1))

    def walk(self) -> Walk | None:
        """Return the numbers of the arithmetic below, and of domains; None where there is none."""
        way = getattr(self.below, "walk", None)
        found: Walk | None = None if way is None else way()
        return None if found is None else found._replace(together=self.nodes_per_domain)

    def links(self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints, salt: int) -> Ints:
        """Return the directed links of each flow, (flows, hops), -1 where none."""
        near = src // self.nodes_per_domain == dst // self.nodes_per_domain
        path = self.below.links(fabric, src, np.where(near, src, dst), lane, salt)
        path = np.pad(path, ((0, 0), (0, max(0, 2 - path.shape[1]))), constant_values=-1)
        moves = np.flatnonzero(near & (src != dst))
        path[moves, 0] = 2 * (self.edges + src[moves])
        path[moves, 1] = 2 * (self.edges + dst[moves]) + 1
        return path

    def cut_Bps(self, fabric: Fabric) -> float | None:
        """Return the even cut of the fabric below."""
        return self.below.cut_Bps(fabric)

    def spread(
        self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints | None = None
    ) -> tuple[Ints, Floats]:
        """Return (links, weights): sprayed below, whole over NVLink."""
        near = src // self.nodes_per_domain == dst // self.nodes_per_domain
        spread = getattr(self.below, "spread", None)
        if spread is None:
            raise ValueError("the fabric below has no tiers to spray over; set ways to 16 or so")
        links, weights = spread(fabric, src, np.where(near, src, dst), lane)
        over = np.stack([2 * (self.edges + src), 2 * (self.edges + dst) + 1], axis=1)
        over = np.where((near & (src != dst))[:, None], over, -1)
        return np.concatenate([links, over], axis=1), np.pad(
            weights, ((0, 0), (0, 2)), constant_values=1.0
        )


def nvlink_arrays(fabric: Fabric, domain_gpus: int = 72, gpu_Bps: float = 900e9) -> Fabric:
    """Return the fabric with an NVLink switch plane a domain, in arrays.

    Domain d holds nodes d m … d m + m - 1, m = domain_gpus / GPUs of a node; it is one vertex
    "nvlink{d}" with one edge a node of (GPUs of the node) gpu_Bps each way. gpu_Bps is 450e9 for
    NVLink 4 (H100), 900e9 for NVLink 5 (B200, GB200). The edges come last; the fabric's own links
    keep their numbers. n nodes add ceil(n / m) vertices and n edges.

    Raises
    ------
    ValueError : nodes of different sizes, a domain that is not whole nodes, domains laid twice.

    Source: NVIDIA DGX H100 (8), GB200 NVL72 (72); NVLink 5's limit of 576 GPUs.
    Neglects: the NVSwitch chips of a domain one by one; they are non-blocking, hence one vertex.
    """
    sound(above={"gpu_Bps": gpu_Bps})
    sizes = np.unique(fabric.places.get("gpus", np.zeros(0, np.int64))[: fabric.nodes])
    if len(sizes) != 1 or sizes[0] < 1:
        raise ValueError("nodes must have one number of GPUs, attribute gpus, to form domains")
    gpus = int(sizes[0])
    if domain_gpus < gpus or domain_gpus % gpus:
        raise ValueError(
            f"domain_gpus is {domain_gpus}; must be a multiple of the {gpus} GPUs of a node"
        )
    if "nvlink" in fabric.kind:
        raise ValueError("the fabric has NVLink domains already; lay them once")
    per, node = domain_gpus // gpus, np.arange(fabric.nodes)
    count, first = -(-fabric.nodes // per), len(fabric.kind)
    places = {k: np.concatenate([v, np.full(count, -1)]) for k, v in fabric.places.items()}
    some = np.full(fabric.nodes, gpus * gpu_Bps)
    names = fabric.labels and (*fabric.labels, *(f"nvlink{d}" for d in range(count)))
    return replace(
        fabric,
        kind=np.concatenate([fabric.kind, np.full(count, "nvlink")]),
        places=places,
        a=np.concatenate([fabric.a, node]),
        b=np.concatenate([fabric.b, first + node // per]),
        capacity_Bps=np.concatenate([fabric.capacity_Bps, some]),
        back_Bps=np.concatenate([fabric.back_Bps, some]),
        latency_s=np.concatenate([fabric.latency_s, np.full(fabric.nodes, 5e-7)]),
        cables=np.concatenate([fabric.cables, np.full(fabric.nodes, gpus)]),
        cable=np.concatenate([fabric.cable, np.full(fabric.nodes, "copper")]),
        optic=np.concatenate([fabric.optic, np.full(fabric.nodes, "")]),
        router=Domains(fabric.router or Shortest(), first, len(fabric.a), per),
        labels=names,
    )


def nvlink(graph: nx.Graph, domain_gpus: int = 72, gpu_Bps: float = 900e9) -> nx.Graph:
    """Return a graph like `graph` with NVLink domains; see `nvlink_arrays`."""
    return nvlink_arrays(compiled(graph), domain_gpus, gpu_Bps).graph()
