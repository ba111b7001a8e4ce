"""A fabric as hashing sees it: parallel cables one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from topologies.fabric import Fabric, Ints
from topologies.routes.chance import mixed
from topologies.routes.shortest import Shortest
from topologies.routes.walk import Walk


@final
@dataclass(frozen=True, eq=False)
class Cabled:
    """Routes as the fabric below; of parallel cables a hash draws one."""

    below: Fabric
    first: Ints  # (edges below + 1,) the first cable of each

    @property
    def lanes(self) -> int:
        """Return the lanes of the fabric below."""
        return int(getattr(self.below.router, "lanes", 1))

    def walk(self) -> Walk | None:
        """Return the numbers of the arithmetic below, and the cables; None where there is none."""
        way = getattr(self.below.router, "walk", None)
        found: Walk | None = None if way is None else way()
        return None if found is None else found._replace(first=self.first)

    def links(self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints, salt: int) -> Ints:
        """Return the directed links of each flow, (flows, hops), -1 where none."""
        router = self.below.router or Shortest()
        return self.drawn(router.links(self.below, src, dst, lane, salt), src, dst, lane, salt)

    def drawn(self, path: Ints, src: Ints, dst: Ints, lane: Ints, salt: int) -> Ints:
        """Return links below as cables, each drawn by a hash of the flow and the link."""
        edge, back = path // 2, path % 2
        many = np.diff(self.first)[edge]
        cable = np.zeros_like(path)
        row, hop = np.nonzero((path >= 0) & (many > 1))
        chance = mixed(src[row] * 64 + lane[row], dst[row], edge[row, hop], salt)
        cable[row, hop] = (chance % many[row, hop].astype(np.uint64)).astype(np.int64)
        return np.where(path >= 0, 2 * (self.first[edge] + cable) + back, -1)

    def cut_Bps(self, fabric: Fabric) -> float | None:
        """Return the even cut of the fabric below."""
        return (self.below.router or Shortest()).cut_Bps(self.below)


def cabled(fabric: Fabric) -> Fabric:
    """Return the fabric with an edge a cable: hashed flows meet on cables, not on bundles.

    The opposite of `bundled`. Edges of c cables become c edges of 1 / c of the capacity, in the
    same order; flows must be hashed, for spraying sees no difference. It has no graph: networkx
    knows one edge between two vertices.

    Neglects: link aggregation, which hashes in the same way.
    """
    many = fabric.cables
    first = np.concatenate([[0], np.cumsum(many)])
    return replace(
        fabric,
        a=np.repeat(fabric.a, many),
        b=np.repeat(fabric.b, many),
        capacity_Bps=np.repeat(fabric.capacity_Bps / many, many),
        back_Bps=np.repeat(fabric.back_Bps / many, many),
        latency_s=np.repeat(fabric.latency_s, many),
        cables=np.ones(first[-1], np.int64),
        cable=np.repeat(fabric.cable, many),
        optic=np.repeat(fabric.optic, many),
        router=Cabled(fabric, first),
    )
