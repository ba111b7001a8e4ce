"""The port with the least load, at each switch on the way up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike

from topologies.fabric import Fabric, Floats, Ints
from topologies.routes.chance import mixed
from topologies.routes.table import around, checked, wide


class Busy(NamedTuple):
    """What a switch that looks at its ports sees, in whole B/s."""

    flow_Bps: Floats  # (flows,) each of those that are told their ports now
    load_Bps: Floats  # (links,) sent already by others; what of a link does not work counts too


def balanced(switch: Ints, ports: int, drawn: Ints, salt: int) -> Ints:
    """Return a port for each flow, (flows,): among those of one switch, each port as often.

    Flows come in the order of `drawn`; every `ports` of them at a switch get its ports in an order
    that is drawn too, anew for each salt, and of the last ones, each a port of its own.
    """
    order = np.lexsort((drawn, switch))
    ranked = switch[order]
    begins = np.flatnonzero(np.diff(ranked, prepend=-1))
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    turn = ranked * (rank.max(initial=0) // ports + 1) + rank // ports  # a round of a switch
    rounds, which = np.unique(turn, return_inverse=True)
    chance = mixed(rounds[:, None], np.arange(ports)[None, :], np.zeros(1, np.int64), salt)
    port = np.empty(len(order), np.int64)
    port[order] = np.argsort(chance, axis=1)[which, rank % ports]
    return port


def fewest(switch: Ints, drawn: Ints, salt: int, flow_Bps: Floats, load_Bps: Floats) -> Ints:
    """Return a port for each flow, (flows,): in the order of `drawn`, the one with the least load.

    flow_Bps : what each sends, (flows,), which its port has then for those behind it.
    load_Bps : what ports send before, (switches, ports): of those met, by number.

    Of ports with the same the first in the order of `balanced`: where nothing is sent before and
    flows are alike, it gives what that gives.
    """
    ports = load_Bps.shape[1]
    order = np.lexsort((drawn, switch))
    ranked = switch[order]
    begins = np.flatnonzero(np.diff(ranked, prepend=-1))
    many = np.diff(begins, append=len(order))
    turns = (many.max(initial=1) - 1) // ports + 1
    load_Bps, port = load_Bps.copy(), np.empty(len(order), np.int64)
    for rank in range(int(many.max(initial=0))):  # one flow of each switch that has so many
        at = np.flatnonzero(many > rank)
        rows = order[begins[at] + rank]
        turn = ranked[begins[at]] * turns + rank // ports
        chance = mixed(turn[:, None], np.arange(ports)[None, :], np.zeros(1, np.int64), salt)
        least = load_Bps[at] <= load_Bps[at].min(axis=1, keepdims=True)
        port[rows] = np.where(least, chance, np.iinfo(np.uint64).max).argmin(axis=1)
        load_Bps[at, port[rows]] += flow_Bps[rows]
    return port


@final
@dataclass(frozen=True)
class Fewest:
    """Gives each flow at a switch the port with the fewest: of flows, or of bytes if it looks."""

    drawn: Ints
    salt: int
    busy: Busy | None = None
    up: Callable[[Ints, int], Ints] | None = None
    """Gives the link of each port of switches of a tier, (switches, ports)."""

    def cable(self, switch: Ints, rows: Ints, ports: int, tier: int) -> Ints:
        """Return the cable up that each of the flows `rows` takes from its switch."""
        drawn = self.drawn[rows] >> tier
        if self.busy is None or self.up is None:
            return balanced(switch, ports, drawn, self.salt)
        link = self.up(np.unique(switch), tier)
        bundle = (link[:, :, None] == link[:, None, :]).sum(axis=2)  # of cables, loaded alike
        load_Bps = self.busy.load_Bps[link] / bundle
        return fewest(switch, drawn, self.salt, self.busy.flow_Bps[rows], load_Bps)


def adapted(
    fabric: Fabric, src: ArrayLike, dst: ArrayLike, lane: ArrayLike, ways: int, salt: int,
    busy: Busy | None = None,
) -> Ints:  # fmt: skip
    """Return the directed links of each flow, (flows, 6 ways or more), -1 where none.

    All ways of all flows are told to the switches together; whoever meets a failed link takes a
    hashed path round it. Raises ValueError on a fabric that is not in tiers.
    """
    src, dst, lane = checked(fabric, src, dst, lane)
    climb = getattr(fabric.router, "climb", None)
    if climb is None:
        raise ValueError(f"{fabric.name} has no tiers to climb; choose hashed ECMP")
    a, b, on = (np.tile(x, ways) for x in (src, dst, lane))
    way = np.repeat(np.arange(ways), len(src))
    drawn = (mixed(a, b, on * ways + way, salt) >> np.uint64(2)).astype(np.int64)
    if busy is not None:
        load_Bps = np.where(fabric.link_Bps > 0.0, busy.load_Bps, np.inf)
        busy = Busy(np.tile(np.rint(busy.flow_Bps / ways), ways), load_Bps)
    up = getattr(fabric.router, "ports_up", None)
    path = climb(fabric, a, b, on, Fewest(drawn, salt, busy, up))
    lost = np.zeros(0, np.int64)
    if not fabric.works:
        lost = np.flatnonzero((fabric.dead[path] & (path >= 0)).any(axis=1))
    if len(lost):
        other = around(fabric, a[lost], b[lost], on[lost], salt)
        path = wide(path, other.shape[1])
        path[lost] = wide(other, path.shape[1])
    return np.asarray(path.reshape(ways, len(src), -1).transpose(1, 0, 2).reshape(len(src), -1))
