"""The interface of the start rule."""

from __future__ import annotations

import abc

from sim.state.columns import PLENTY, Rule


class AbstractBackfill(abc.ABC):
    """What may start behind a blocked job, said in the numbers of a `Rule`."""

    @abc.abstractmethod
    def rule(self) -> Rule:
        """Return the rule; wrong knobs raise ScenarioError."""


def many(count: int | None) -> int:
    """Return a count; None is without limit."""
    return PLENTY if count is None else count


__all__ = ["PLENTY", "AbstractBackfill", "Rule", "many"]
