"""Nodes stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.node_scaler.base import (
    B1,
    F8,
    NOTHING,
    AbstractNodeScaler,
    FleetSeen,
    NodeWish,
    nothing,
    refuse,
    wrong,
)


@final
@dataclass(frozen=True)
class NoNodeScaler(AbstractNodeScaler):
    """Nothing is asked for, nothing is given back: it is never asked.

    Source: none.
    Neglects: nothing.
    """

    every_s: float = float("inf")
    asks_only = "asks for none: choose another, such as node_scaler=cluster_autoscaler"

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self) if self.every_s < float("inf") else ())

    def asks(self, node_h_usd: F8) -> B1:
        """Return no pool."""
        return np.zeros(len(node_h_usd), np.bool_)

    def wish(self, seen: FleetSeen, notes: F8) -> NodeWish:
        """Return nothing."""
        del notes
        return NodeWish(*nothing(seen), NOTHING)
