"""As many replicas as the peak needs, always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from sim.policies.autoscaler.base import (
    F8,
    NOTHING,
    AbstractAutoscaler,
    Seen,
    Wish,
    refuse,
    wrong,
)


@final
@dataclass(frozen=True)
class StaticPeak(AbstractAutoscaler):
    """`replicas` of them from the first instant to the last; null: as many as are allowed.

    Source: none; what is bought today. Give `replicas` from `sim.physics.queueing` for the peak.
    Neglects: nothing; it does not look.
    """

    replicas: int | None = None
    every_s: float = 3600.0
    scrape_s: float = 15.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        found = wrong(self)
        if self.replicas is not None and self.replicas < 1:
            found.append(f"autoscaler.replicas: is {self.replicas}; must be at least 1, or null")
        refuse(found)

    def counts(self, name: str) -> Mapping[str, Sequence[float]]:
        """Return its number, if it has one."""
        del name
        return {} if self.replicas is None else {"replicas": [self.replicas]}

    def start(self, seen: Seen) -> int:
        """Return all of them."""
        return self.desired(seen, NOTHING).replicas

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return the same number each time."""
        del notes
        asked = seen.most if self.replicas is None else self.replicas
        return Wish(min(max(asked, seen.least), seen.most), NOTHING)
