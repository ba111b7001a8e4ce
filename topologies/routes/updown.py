"""Up and down through tiers of switches, by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from topologies.fabric import Fabric, Floats, Ints
from topologies.routes.chance import mixed
from topologies.routes.spread import sprayed
from topologies.routes.walk import Walk


class Ports(Protocol):
    """Chooses the way up."""

    def cable(self, switch: Ints, rows: Ints, ports: int, tier: int) -> Ints:
        """Return a cable, 0 … ports - 1, for each of the flows `rows` at its switch of a tier."""
        ...


@final
@dataclass(frozen=True)
class Hashed:
    """Draws a cable by a hash of the flow."""

    drawn: NDArray[np.uint64]  # (flows,)
    leaf_up: int

    def cable(self, switch: Ints, rows: Ints, ports: int, tier: int) -> Ints:
        """Return the cable that each flow's hash says, whatever the switch."""
        del switch
        drawn = self.drawn[rows]
        left = drawn if tier == 1 else drawn // np.uint64(self.leaf_up)
        return (left % np.uint64(ports)).astype(np.int64)


@final
@dataclass(frozen=True)
class Tiers:
    """Up to three tiers: leaves, spines in groups, cores in sections.

    Lane l of node i (a rail, a plane, or rail planes + plane) hangs on leaf
    i // nodes_per_leaf lanes + l. A leaf reaches the `spines` of its group; spine s of every group
    of a part reaches the `cores` of section s. Lanes of different parts never meet.
    """

    nodes: int
    nodes_per_leaf: int
    lanes: int = 1
    planes: int = 1
    parts: int = 1
    units: int = 1  # units (nodes of one leaf a lane) that share spines
    spines: int = 0  # of a group
    cores: int = 0  # of a section
    leaf_up: int = 1  # cables from a leaf to its spines, dealt round and round
    spine_up: int = 1

    @property
    def unit_count(self) -> int:
        """Return the number of units."""
        return -(-self.nodes // self.nodes_per_leaf)

    @property
    def leaves(self) -> int:
        """Return the number of leaves."""
        return self.unit_count * self.lanes

    @property
    def groups(self) -> int:
        """Return the number of groups of a part."""
        return -(-self.unit_count // self.units)

    @property
    def all_spines(self) -> int:
        """Return the number of spines."""
        return self.groups * self.parts * self.spines

    @property
    def all_cores(self) -> int:
        """Return the number of cores."""
        return self.parts * self.spines * self.cores

    def part(self, lane: Ints) -> Ints:
        """Return the part of each lane: all one, a plane's, a rail's, or each its own."""
        if self.parts == 1:
            return np.zeros_like(lane)
        if self.parts == self.lanes:
            return lane
        return lane % self.planes if self.parts == self.planes else lane // self.planes

    def group(self, unit: Ints, lane: Ints) -> Ints:
        """Return the group of spines of each leaf."""
        return unit // self.units * self.parts + self.part(lane)

    def walk(self) -> Walk:
        """Return the numbers of its arithmetic."""
        number = [self.nodes, self.nodes_per_leaf, self.units, self.spines, self.cores,
                  self.leaf_up, self.spine_up, self.leaves, self.parts]  # fmt: skip
        return Walk("tiers", np.array(number), 4, table=self.part(np.arange(self.lanes)))

    def links(self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints, salt: int) -> Ints:
        """Return the directed links of each flow, (flows, 6), -1 where none.

        A flow leaves and arrives on its lane; the spine and the cable to the core are drawn by a
        hash of (src, dst, lane, salt), uniformly over cables.
        """
        src, dst = np.asarray(src), np.asarray(dst)
        lane = np.broadcast_to(np.asarray(lane), src.shape)
        drawn = Hashed(mixed(src, dst, lane, salt), self.leaf_up)
        return self.climb(fabric, src, dst, lane, drawn)

    def climb(self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints, ports: Ports) -> Ints:
        """Return the directed links of each flow, (flows, 6); `ports` says which way up."""
        path = np.full((len(src), 6), -1, dtype=np.int64)
        from_unit, to_unit = src // self.nodes_per_leaf, dst // self.nodes_per_leaf
        moves = src != dst
        path[:, 0] = np.where(moves, 2 * (src * self.lanes + lane), -1)
        path[:, 5] = np.where(moves, 2 * (dst * self.lanes + lane) + 1, -1)
        up = np.flatnonzero(from_unit != to_unit)
        if not len(up):
            return path
        if not self.spines:
            raise ValueError("two nodes of different leaves, and no spine: raise the tiers to 2")
        a, b, on = from_unit[up], to_unit[up], lane[up]
        leaf = a * self.lanes + on
        spine = (leaf * self.leaf_up + ports.cable(leaf, up, self.leaf_up, 1)) % self.spines
        base = self.nodes * self.lanes
        path[up, 1] = 2 * (base + leaf * self.spines + spine)
        path[up, 4] = 2 * (base + (b * self.lanes + on) * self.spines + spine) + 1
        far = np.flatnonzero(a // self.units != b // self.units)
        if len(far):
            if not self.cores:
                raise ValueError("two nodes of different pods, and no core: raise the tiers to 3")
            base += self.leaves * self.spines
            one = self.group(a[far], on[far]) * self.spines + spine[far]
            two = self.group(b[far], on[far]) * self.spines + spine[far]
            cable = ports.cable(one, up[far], self.spine_up, 2)
            core = (a[far] // self.units * self.spine_up + cable) % self.cores
            path[up[far], 2] = 2 * (base + one * self.cores + core)
            path[up[far], 3] = 2 * (base + two * self.cores + core) + 1
        return path

    def ports_up(self, switch: Ints, tier: int) -> Ints:
        """Return the link up of each port of switches of a tier, (switches, ports)."""
        base, turn = self.nodes * self.lanes, switch
        ports, wide = self.leaf_up, self.spines
        if tier == 2:
            base += self.leaves * self.spines
            turn = switch // (self.parts * self.spines)
            ports, wide = self.spine_up, self.cores
        cable = turn[:, None] * ports + np.arange(ports)
        return 2 * (base + switch[:, None] * wide + cable % wide)

    def spread(
        self, fabric: Fabric, src: Ints, dst: Ints, lane: Ints | None = None
    ) -> tuple[Ints, Floats]:
        """Return (links, weights) of even spraying over every lane, spine and core.

        With `lane`, over the planes of each flow's rail alone.
        """
        if lane is None:
            every = np.broadcast_to(np.arange(self.lanes), (len(src), self.lanes))
        else:
            every = (lane // self.planes * self.planes)[:, None] + np.arange(self.planes)
        return sprayed(self, fabric, src, dst, every)

    def cut_Bps(self, fabric: Fabric) -> float:
        """Return what two even halves can send each other, one way.

        Half of what reaches the top: a leaf passes the lesser of what its nodes send and its
        cables up carry, a pod the lesser of what its leaves pass and its spines carry. Exact where
        the halves are whole leaves (whole pods of three tiers).
        """
        node = self.nodes * self.lanes
        leaf = node + self.leaves * self.spines
        sent = np.bincount(fabric.b[:node], fabric.capacity_Bps[:node])[self.nodes :]
        if self.unit_count > 1:
            sent = np.minimum(sent, fabric.capacity_Bps[node:leaf].reshape(-1, self.spines).sum(1))
        if self.groups > 1:
            unit = np.arange(self.leaves) // self.lanes
            group = self.group(unit, np.arange(self.leaves) % self.lanes)
            end = leaf + self.all_spines * self.cores
            up = fabric.capacity_Bps[leaf:end].reshape(self.groups * self.parts, -1).sum(1)
            sent = np.minimum(np.bincount(group, sent), up)
        return float(sent.sum()) / 2
