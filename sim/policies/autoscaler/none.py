"""Nobody scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.autoscaler.base import F8, NOTHING, AbstractAutoscaler, Seen, Wish, refuse, wrong


@final
@dataclass(frozen=True)
class NoAutoscaler(AbstractAutoscaler):
    """As many replicas as the service has at least; who fails is replaced.

    Source: a Kubernetes ReplicaSet.
    Neglects: nothing.
    """

    every_s: float = 15.0
    scrape_s: float = 15.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self))

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return the least, or one."""
        del notes
        return Wish(max(seen.least, 1), NOTHING)
