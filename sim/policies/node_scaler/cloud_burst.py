"""Nodes rented for those that have waited too long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.node_scaler.backoff import backed_off
from sim.policies.node_scaler.base import (
    B1,
    F8,
    AbstractNodeScaler,
    FleetSeen,
    NodeWish,
    held_back,
    refuse,
    room,
    wrong,
)
from sim.policies.node_scaler.gangs import for_gangs


@final
@dataclass(frozen=True)
class CloudBurst(AbstractNodeScaler):
    """A job that has waited `patience_s`, and fits on nothing there or coming, gets nodes of the
    pool that is cheapest for it; a gang gets what it misses from one pool, or nothing.

    A pool that had nothing to give is left alone for `backoff_s`, twice as long each time up to
    `backoff_most_s`, and the next cheapest is asked. A rented node that has been empty for `idle_s`
    goes back. Only pools with a price are rented from.

    Source: Slurm's cloud nodes (SuspendTime), AWS ParallelCluster (10 min; insufficient capacity
    is retried after 10 min).
    Neglects: moving data there; budgets of money; renting ahead.
    """

    patience_s: float = 600.0
    idle_s: float = 600.0
    backoff_s: float = 600.0
    backoff_most_s: float = 600.0
    backoff_forget_s: float = 3600.0
    every_s: float = 60.0
    asks_only = "rents only nodes that have a price: set supply.node_h_usd"

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self))

    def asks(self, node_h_usd: F8) -> B1:
        """Return which pools have a price."""
        return node_h_usd > 0.0

    def wish(self, seen: FleetSeen, notes: F8) -> NodeWish:
        """Return the nodes to rent, and those to give back."""
        rest = self.backoff_s, self.backoff_most_s, self.backoff_forget_s
        closed, kept = backed_off(seen, notes, *rest)
        nodes, price = seen.nodes, seen.pools.node_h_usd
        patient = seen.now_s - seen.waiting.since_s >= self.patience_s
        most = np.where(self.asks(price) & ~closed, room(seen), 0)
        add, wanted = for_gangs(seen, patient, most, price)
        idle = (seen.now_s - nodes.idle_since_s >= self.idle_s) & self.asks(price)[nodes.pool]
        return NodeWish(add, held_back(seen, idle & ~wanted), kept)
