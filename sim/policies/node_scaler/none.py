"""Nodes stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.node_scaler.base import (
    F8,
    NOTHING,
    AbstractNodeScaler,
    FleetSeen,
    NodeWish,
    nothing,
)


@final
@dataclass(frozen=True)
class NoNodeScaler(AbstractNodeScaler):
    """Nothing is asked for, nothing is given back: it is never asked.

    Source: none.
    Neglects: nothing.
    """

    every_s: float = float("inf")

    def wish(self, seen: FleetSeen, notes: F8) -> NodeWish:
        """Return nothing."""
        del notes
        return NodeWish(*nothing(seen), NOTHING)
