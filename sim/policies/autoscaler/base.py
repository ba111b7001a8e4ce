"""The interface of autoscalers."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

from sim.errors import ScenarioError
from sim.state.arrays import F8
from sim.state.scaling import NOTHING, Scrapes, Seen, Wish

Names = Sequence[str]


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
        return [self.desired(one, told) for one, told in zip(seen, notes, strict=True)]


def wrong(rule: object, *, shares: Names = (), counts: Names = (), floor: Names = ()) -> list[str]:
    """Return a fault for each time below 0, asking never, and numbers that are not above 0.

    `shares` must be in 0 to 1, `counts` above 0, `floor` at least 0.
    """
    found = []
    for name, value in vars(rule).items():
        path = f"autoscaler.{name}: is {value!r}; must be"
        if name in ("every_s", "scrape_s") and not 0.0 < value < float("inf"):
            found.append(f"{path} a finite time > 0, such as '15 s'")
        elif name.endswith("_s") and value is not None and not value >= 0.0:
            found.append(f"{path} a time >= 0, such as '30 s'")
        elif name in shares and not 0.0 <= value <= 1.0:
            found.append(f"{path} a number from 0 to 1")
        elif name in counts and not value > 0:
            found.append(f"{path} a number > 0")
        elif name in floor and not value >= 0:
            found.append(f"{path} at least 0")
    return found


def refuse(found: Sequence[str]) -> None:
    """Raise ScenarioError if there are faults."""
    if found:
        raise ScenarioError(found)


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
