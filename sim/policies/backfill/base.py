"""The interface of the start rule."""

from __future__ import annotations

import abc
from dataclasses import fields
from typing import Any

from sim.errors import ScenarioError
from sim.state.answers import Rule
from sim.state.columns import PLENTY


class AbstractBackfill(abc.ABC):
    """What may start behind a blocked job, said in the numbers of a `Rule`."""

    @abc.abstractmethod
    def rule(self) -> Rule:
        """Return the rule; wrong knobs raise ScenarioError."""


def refuse_wrong(rule: Any) -> None:
    """Raise ScenarioError with every knob out of range: a count below 0, a time not above 0."""
    knobs = {knob.name: getattr(rule, knob.name) for knob in fields(rule)}
    times = {n: v for n, v in knobs.items() if n.endswith("_s") and not v > 0.0}
    counts = {n: v for n, v in knobs.items() if n not in times and isinstance(v, int) and v < 0}
    found = [
        f"backfill.{n}: is {v!r}; must be a time > 0, such as '30 s'" for n, v in times.items()
    ]
    found += [
        f"backfill.{n}: is {v!r}; must be a whole number >= 0, or null for all"
        for n, v in counts.items()
    ]
    if found:
        raise ScenarioError(found)


def many(count: int | None) -> int:
    """Return a count; None is without limit."""
    return PLENTY if count is None else count


__all__ = ["PLENTY", "AbstractBackfill", "Rule", "many", "refuse_wrong"]
