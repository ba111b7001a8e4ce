"""Paths of vertices over direct networks: dragonfly+, HyperX; minimal or Valiant's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np

from topologies.fabric import Fabric, Ints
from topologies.routes.chance import mixed
from topologies.routes.walk import Walk


@dataclass(frozen=True)
class AbstractDirect(ABC):
    """A network whose switches know their minimal paths."""

    valiant: bool = False

    @abstractmethod
    def home(self, node: Ints) -> Ints:
        """Return the switch of each node, as a vertex."""

    @abstractmethod
    def hops(self, here: Ints, there: Ints, drawn: Ints) -> Ints:
        """Return minimal paths, (flows, longest + 1) vertices; a path that is there stays."""

    @abstractmethod
    def between(self, drawn: Ints) -> Ints:
        """Return a switch drawn for each flow, for Valiant's detour."""

    @abstractmethod
    def walk(self) -> Walk:
        """Return the numbers of its arithmetic."""

    @abstractmethod
    def sides(self) -> list[Ints]:
        """Return ways to halve the network, each the half, 0 or 1, of every vertex."""

    def cut_Bps(self, fabric: Fabric) -> float:
        """Return what two even halves can send each other, one way: the least of `sides`."""
        return least_cut(fabric, self.sides())

    def detouring(self) -> Self:
        """Return the same network, each flow over a switch drawn at random."""
        return replace(self, valiant=True)

    def links(self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints, salt: int) -> Ints:
        """Return the directed links of each flow, (flows, hops), -1 where it stays.

        Source: Valiant, Brebner, STOC 1981, for the detour over a random switch.
        """
        src, dst = np.asarray(src), np.asarray(dst)
        drawn = (mixed(src, dst, lane, salt) >> np.uint64(1)).astype(np.int64)
        here, there = self.home(src), self.home(dst)
        parts = [src[:, None]]
        if self.valiant:
            over = np.where(src == dst, here, self.between(drawn // 64))
            parts += [self.hops(here, over, drawn), self.hops(over, there, drawn // 8)]
        else:
            parts.append(self.hops(here, there, drawn))
        parts.append(dst[:, None])
        path = np.concatenate(parts, axis=1)
        path[src == dst] = src[src == dst, None]
        return fabric.along(path)


def least_cut(fabric: Fabric, sides: list[Ints]) -> float:
    """Return the least capacity between the halves of `sides`, NVLink apart, one way."""
    below = fabric.kind[fabric.b] != "nvlink"
    a, b, Bps = fabric.a[below], fabric.b[below], fabric.capacity_Bps[below]
    return float(min(Bps[side[a] != side[b]].sum() for side in sides))


def grid_halves(dims: tuple[int, ...]) -> list[Ints]:
    """Return the half of each point of a grid, along each even dimension, else the longest."""
    at = np.unravel_index(np.arange(int(np.prod(dims))), dims)
    cut = [d for d, k in enumerate(dims) if k % 2 == 0] or [int(np.argmax(dims))]
    return [(at[d] >= dims[d] // 2).astype(np.int64) for d in cut]


@final
@dataclass(frozen=True)
class HyperX(AbstractDirect):
    """One hop a dimension that differs, the dimensions in an order turned by a draw."""

    dims: tuple[int, ...] = ()
    nodes_per_switch: int = 1

    def home(self, node: Ints) -> Ints:
        """Return the switch of each node."""
        return self._first + node // self.nodes_per_switch

    def sides(self) -> list[Ints]:
        """Return the halves of each dimension, nodes with their switches."""
        halves = grid_halves(self.dims)
        return [np.concatenate([np.repeat(h, self.nodes_per_switch), h]) for h in halves]

    @property
    def _first(self) -> int:
        return int(np.prod(self.dims)) * self.nodes_per_switch

    def walk(self) -> Walk:
        """Return the numbers of its arithmetic: each dimension's size and stride."""
        size = np.array(self.dims)
        strides = [int(np.prod(size[d + 1 :])) for d in range(len(size))]
        number = [self._first, self.nodes_per_switch, np.prod(size), len(size)]
        number += np.column_stack([size, strides]).ravel().tolist()
        longest = (1 + self.valiant) * len(size)
        return Walk("hyperx", np.array(number), longest, valiant=self.valiant, looks=True)

    def between(self, drawn: Ints) -> Ints:
        """Return any switch."""
        return self._first + drawn % int(np.prod(self.dims))

    def hops(self, here: Ints, there: Ints, drawn: Ints) -> Ints:
        """Return paths that set one coordinate a hop."""
        size = np.array(self.dims)
        strides = np.array([int(np.prod(size[d + 1 :])) for d in range(len(size))])
        now, goal = here - self._first, there - self._first
        path = [here]
        for turn in range(len(size)):
            d = (drawn + turn) % len(size)
            step = (goal // strides[d] % size[d] - now // strides[d] % size[d]) * strides[d]
            now = now + step
            path.append(self._first + now)
        return np.stack(path, axis=1)


@final
@dataclass(frozen=True)
class DragonflyPlus(AbstractDirect):
    """Leaf, spine, the one global link between two groups, spine, leaf."""

    groups: int = 1
    half: int = 1  # leaves and spines of a group, nodes of a leaf
    parallel: int = 1

    def home(self, node: Ints) -> Ints:
        """Return the leaf of each node."""
        return self.groups * self.half**2 + node // self.half

    def sides(self) -> list[Ints]:
        """Return the first half of the groups and the rest."""
        half = (np.arange(self.groups) >= self.groups // 2).astype(np.int64)
        leaf = np.repeat(half, self.half)
        return [np.concatenate([np.repeat(half, self.half**2), leaf, leaf])]

    @property
    def _spines(self) -> int:
        return self.groups * self.half**2 + self.groups * self.half

    def walk(self) -> Walk:
        """Return the numbers of its arithmetic."""
        number = np.array([self.groups * self.half**2, self.half, self.groups, self.parallel])
        longest = 3 * (1 + self.valiant)
        return Walk("dragonfly", number, longest, valiant=self.valiant, looks=True)

    def between(self, drawn: Ints) -> Ints:
        """Return any leaf."""
        return self.groups * self.half**2 + drawn % (self.groups * self.half)

    def hops(self, here: Ints, there: Ints, drawn: Ints) -> Ints:
        """Return leaf – spine (– spine) – leaf; within a group over a spine drawn."""
        first = self.groups * self.half**2
        x, y = (here - first) // self.half, (there - first) // self.half
        far, same = x != y, here == there
        cable = drawn % self.parallel
        out = ((y - x - 1) % self.groups * self.parallel + cable) // self.half
        back = ((x - y - 1) % self.groups * self.parallel + cable) // self.half
        near = drawn % self.half
        one = self._spines + x * self.half + np.where(far, out, near)
        two = self._spines + y * self.half + np.where(far, back, near)
        return np.stack([here, np.where(same, here, one), np.where(same, here, two), there], axis=1)
