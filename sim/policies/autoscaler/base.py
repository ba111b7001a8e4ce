"""The interface of autoscalers."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import ClassVar

from sim.policies.autoscaler.faults import refuse, wrong
from sim.policies.autoscaler.held import wished
from sim.state.arrays import F8
from sim.state.scaling import NOTHING, Scrapes, Seen, Wish


class AbstractAutoscaler(abc.ABC):
    """How many replicas a service should have, asked every `every_s` seconds.

    A policy keeps nothing in itself: what it wants to know again stands in the notes of its wish,
    and is handed in with the next asking; the first time they are `NOTHING`. A wish counts
    replicas that are ready or starting. The engine holds it to `least` and `most`, stops starting
    replicas before ready ones, and lets ready ones drain.
    """

    every_s: float = 15.0
    scrape_s: float = 15.0
    """How often a service's numbers are read for it, where the service does not say itself."""
    sees_ahead: ClassVar[bool] = False
    """Whether `Seen.ahead` is told."""

    def names(self) -> tuple[str, ...]:
        """Return the services and pools that it names; of a policy for all, none."""
        return ()

    def counts(self, name: str) -> Mapping[str, Sequence[float]]:
        """Return the replicas of a service or pool that it wishes for whatever it sees, by knob."""
        del name
        return {}

    def reads_s(self, name: str) -> float:
        """Return how often the numbers of a service or pool are read for it."""
        del name
        return self.scrape_s

    def start(self, seen: Seen) -> int:
        """Return the replicas that are there, ready, when the run begins: the least, or one."""
        return max(seen.least, 1)

    @abc.abstractmethod
    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return the replicas there should be now, `least` to `most`, with notes for next time."""

    def together(self, seen: Sequence[Seen], notes: Sequence[F8]) -> list[Wish]:
        """Return a wish a service; a policy that shares something among services says more."""
        made = [self.desired(one, told) for one, told in zip(seen, notes, strict=True)]
        return wished(self, "desired", seen, made)


__all__ = [
    "F8",
    "NOTHING",
    "AbstractAutoscaler",
    "Scrapes",
    "Seen",
    "Wish",
    "refuse",
    "wrong",
]
