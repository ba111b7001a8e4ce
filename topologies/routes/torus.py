"""Rings along each dimension: the links of a run are side by side in a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self, final

import numpy as np

from topologies.fabric import Fabric, Ints
from topologies.routes.chance import mixed
from topologies.routes.direct import grid_halves, least_cut
from topologies.routes.walk import Walk


@lru_cache(maxsize=16)
def rings(dims: tuple[int, ...]) -> tuple[Ints, tuple[int, ...]]:
    """Return (links, where): directed links round every ring, twice round and both ways.

    Of dimension d, `where[d]` is where its part begins: a line of 2 k links a ring, forward from
    coordinate 0, then the same backward from coordinate k - 1. Edges are numbered as in a `torus`:
    in the order of their ends.
    """
    n = int(np.prod(dims))
    node, parts, pairs = np.arange(n), [], [np.zeros(0, np.int64)]
    stride = n
    for k in dims:
        stride //= k
        x = node // stride % k
        other = node + ((x + 1) % k - x) * stride
        rows = node.reshape(-1, k, stride).transpose(0, 2, 1).reshape(-1, k)
        parts.append((rows, node, other))
        if k > 1:
            pairs.append(np.minimum(node, other) * n + np.maximum(node, other))
    edges = np.unique(np.concatenate(pairs))
    links, where, begins = [], [], 0
    for rows, one, two in parts:
        where.append(begins)
        edge = np.searchsorted(edges, np.minimum(one, two) * n + np.maximum(one, two))
        ahead = (2 * edge + (one > two))[rows]  # from each point to the next
        back = (2 * edge + (one < two))[np.roll(rows, 1, axis=1)][:, ::-1]
        for way in (ahead, back):
            links.append(np.tile(way, 2).ravel())
            begins += links[-1].size
    return np.concatenate(links), tuple(where)


@final
@dataclass(frozen=True)
class Torus:
    """Dimension by dimension, the last first, the shorter way round; half-way ties by a draw."""

    dims: tuple[int, ...] = ()
    valiant: bool = False

    def detouring(self) -> Self:
        """Return the same network, each flow over a node drawn at random."""
        return replace(self, valiant=True)

    def walk(self) -> Walk:
        """Return the numbers of its arithmetic: each dimension's size and place in the table."""
        table, where = rings(self.dims)
        each = np.column_stack([self.dims, where]).ravel()
        number = np.concatenate([[np.prod(self.dims), len(self.dims)], each])
        longest = (1 + self.valiant) * sum(k // 2 for k in self.dims)
        return Walk("torus", number, longest, table=table, valiant=self.valiant)

    def sides(self) -> list[Ints]:
        """Return the halves of each dimension."""
        return grid_halves(self.dims)

    def cut_Bps(self, fabric: Fabric) -> float:
        """Return what two even halves can send each other, one way: the least over dimensions."""
        return least_cut(fabric, self.sides())

    def turns(self, here: Ints, there: Ints, drawn: Ints) -> tuple[Ints, Ints]:
        """Return (begin, hops), (flows, dimensions): each run in the table of `rings`."""
        begin = np.empty((len(here), len(self.dims)), np.int64)
        hops = np.empty_like(begin)
        now, stride, where, n = here, 1, rings(self.dims)[1], int(np.prod(self.dims))
        for turn, d in enumerate(reversed(range(len(self.dims)))):
            k = self.dims[d]
            high = now // stride
            x, goal = high % k, there // stride % k
            ahead = goal - x
            ahead += k * (ahead < 0)
            back = 2 * ahead + (drawn & 1) > k
            hops[:, turn] = np.where(back, k - ahead, ahead)
            line = high // k * stride + now % stride
            first = np.where(back, 2 * n + k - 1 - x, x)  # 2 n links lead forward
            begin[:, turn] = where[d] + line * (2 * k) + first
            now = now + (goal - x) * stride
            drawn, stride = drawn >> 1, stride * k
        return begin, hops

    def runs(
        self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints, salt: int
    ) -> tuple[Ints, Ints]:
        """Return (start, link) of each flow's path as CSR.

        Source: dimension order: Dally, Seitz 1986; Valiant, Brebner, STOC 1981, for the detour.
        """
        del fabric
        drawn = (mixed(src, dst, lane, salt) >> np.uint64(1)).astype(np.int64)
        if self.valiant:
            over = np.where(src == dst, src, (drawn // 64) % int(np.prod(self.dims)))
            made = [self.turns(src, over, drawn), self.turns(over, dst, drawn // 8)]
            begin, hops = (np.concatenate(x, axis=1) for x in zip(*made, strict=True))
        else:
            begin, hops = self.turns(src, dst, drawn)
        ends = np.cumsum(hops)
        start = np.concatenate([[0], ends[hops.shape[1] - 1 :: hops.shape[1]]])
        at = np.repeat(begin.ravel() - (ends - hops.ravel()), hops.ravel())
        at += np.arange(len(at))
        return start, rings(self.dims)[0][at]

    def links(self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints, salt: int) -> Ints:
        """Return the directed links of each flow, (flows, longest), -1 where a path is shorter."""
        src, dst = np.asarray(src), np.asarray(dst)
        start, link = self.runs(fabric, src, dst, np.broadcast_to(lane, src.shape), salt)
        hops = np.diff(start)
        path = np.full((len(src), int(hops.max(initial=0))), -1, np.int64)
        path[np.arange(path.shape[1]) < hops[:, None]] = link
        return path
