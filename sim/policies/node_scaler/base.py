"""The interface of node scalers."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import numpy as np

from sim.errors import ScenarioError
from sim.state.arrays import B1, F8, I8
from sim.state.scaling import NOTHING, FleetSeen, NodeWish
from sim.state.words import Going


class AbstractNodeScaler(abc.ABC):
    """Which nodes come and go, asked every `every_s` seconds.

    A policy keeps nothing in itself: notes go out with its wish and come in with the next asking.
    Nodes that are asked for take their time, or do not come (`FleetSeen.failed`); nodes that are
    given back are emptied first, and whoever runs there is stopped after the notice it is due.
    The wish may say why a node goes (`Going`) and by when it is wanted elsewhere.
    The engine holds a wish to `least` and `most` of each pool.
    """

    every_s: float = 10.0
    notice_s: float | None = None
    """Notice of nodes that it gives back; None: as the supply says."""
    asks_only = "asks for nodes of node_scaler.pool only"
    """Why it asks for none of the pools that `asks` leaves out, and what to change."""

    @property
    def lends(self) -> int | None:
        """Return the pool whose nodes that are not here at instant 0 are lent to others."""
        return None

    def asks(self, node_h_usd: F8) -> B1:
        """Return of which pools it ever asks for nodes, (p,), by the price of one."""
        pools, lends = np.arange(len(node_h_usd)), self.lends
        return np.ones(len(pools), np.bool_) if lends is None else pools == lends

    @abc.abstractmethod
    def wish(self, seen: FleetSeen, notes: F8) -> NodeWish:
        """Return the nodes to ask for, by pool, and those to give back."""


def wrong(rule: object, *, shares: Sequence[str] = (), counts: Sequence[str] = ()) -> list[str]:
    """Return a fault for each time below 0, asking never, shares beyond 0 to 1, counts below 0."""
    found = []
    for name, value in vars(rule).items():
        path = f"node_scaler.{name}: is {value!r}; must be"
        if name == "every_s" and not 0.0 < value < float("inf"):
            found.append(f"{path} a finite time > 0, such as '10 s'")
        elif name.endswith("_s") and not value >= 0.0:
            found.append(f"{path} a time >= 0, such as '10 min'")
        elif name in shares and not 0.0 <= value <= 1.0:
            found.append(f"{path} a number from 0 to 1")
        elif name in counts and not value >= 0:
            found.append(f"{path} at least 0")
    return found


def refuse(found: Sequence[str]) -> None:
    """Raise ScenarioError if there are faults."""
    if found:
        raise ScenarioError(found)


def nothing(seen: FleetSeen) -> tuple[I8, B1]:
    """Return an empty wish: no node of any pool, none of those that are up."""
    return np.zeros(len(seen.pools.gpus), np.int64), np.zeros(len(seen.nodes.pool), np.bool_)


def room(seen: FleetSeen) -> I8:
    """Return how many more nodes each pool may have, (p,)."""
    pools = seen.pools
    return np.maximum(pools.most - pools.ready - pools.booting, 0)


def held_back(seen: FleetSeen, remove: B1) -> B1:
    """Return the removals that leave each pool its least, earlier rows first, (n,)."""
    made = remove.copy()
    for pool in range(len(seen.pools.gpus)):
        spare = max(int(seen.pools.ready[pool] - seen.pools.least[pool]), 0)
        made[np.flatnonzero(remove & (seen.nodes.pool == pool))[spare:]] = False
    return made


__all__ = ["B1", "F8", "I8", "NOTHING", "AbstractNodeScaler", "FleetSeen", "Going", "NodeWish",
           "held_back", "nothing", "refuse", "room", "wrong"]  # fmt: skip
