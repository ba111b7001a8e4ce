"""The port with the fewest flows, at each switch on the way up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from topologies.fabric import Fabric, Ints
from topologies.routes.chance import mixed
from topologies.routes.table import around, checked, wide


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


@final
@dataclass(frozen=True)
class Fewest:
    """Gives each flow at a switch the port with the fewest."""

    drawn: Ints
    salt: int

    def cable(self, switch: Ints, rows: Ints, ports: int, tier: int) -> Ints:
        """Return the cable up that each of the flows `rows` takes from its switch."""
        return balanced(switch, ports, self.drawn[rows] >> tier, self.salt)


def adapted(
    fabric: Fabric, src: ArrayLike, dst: ArrayLike, lane: ArrayLike, ways: int, salt: int
) -> Ints:
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
    path = climb(fabric, a, b, on, Fewest(drawn, salt))
    lost = np.zeros(0, np.int64)
    if not fabric.works:
        lost = np.flatnonzero((fabric.dead[path] & (path >= 0)).any(axis=1))
    if len(lost):
        other = around(fabric, a[lost], b[lost], on[lost], salt)
        path = wide(path, other.shape[1])
        path[lost] = wide(other, path.shape[1])
    return np.asarray(path.reshape(ways, len(src), -1).transpose(1, 0, 2).reshape(len(src), -1))
