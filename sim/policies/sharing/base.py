"""The interface of sharing."""

from __future__ import annotations

import abc
from typing import Literal

from sim.errors import ScenarioError
from sim.state.answers import Share

Position = Literal["spare", "first"]
"""Where a MIG instance lies: where it spoils fewest larger ones, or at the first legal place."""


class AbstractSharing(abc.ABC):
    """How jobs that share a device slow each other, said in the numbers of a `Share`."""

    @abc.abstractmethod
    def rule(self) -> Share:
        """Return the rule; wrong knobs raise ScenarioError."""


def spares(position: str) -> bool:
    """Return whether instances spare the places of larger ones; another word is refused."""
    if position not in ("spare", "first"):
        raise ScenarioError([f"sharing.mig_position: is {position!r}; must be spare or first"])
    return position == "spare"


__all__ = ["AbstractSharing", "Position", "Share", "spares"]
