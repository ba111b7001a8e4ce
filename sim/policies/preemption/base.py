"""The interface of preemption."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sim.errors import ScenarioError
from sim.state.answers import Yield
from sim.state.slices import Qos


class AbstractPreemption(abc.ABC):
    """Who gives way to whom, said in the numbers of a `Yield`."""

    @abc.abstractmethod
    def rule(self) -> Yield:
        """Return the rule; wrong knobs raise ScenarioError."""

    def between(self, qoses: Sequence[str]) -> Qos | None:
        """Return who gives way to whom by quality of service; None: the queue's order decides.

        `qoses` are the names of those that jobs have, by code.
        """
        del qoses
        return None

    def names(self) -> Mapping[str, tuple[str, Iterable[str]]]:
        """Return the names that its settings hold: by path, what they are (`QOS`), and they."""
        return {}


def wrong(rule: Any) -> list[str]:
    """Return a fault for every time that is below 0."""
    return [
        f"preemption.{knob.name}: is {getattr(rule, knob.name)!r}; must be a time >= 0, such as "
        "'30 s'"
        for knob in fields(rule)
        if knob.name.endswith("_s") and not getattr(rule, knob.name) >= 0.0
    ]


def refuse_wrong(rule: Any) -> None:
    """Raise ScenarioError with every time that is below 0."""
    if found := wrong(rule):
        raise ScenarioError(found)


__all__ = ["AbstractPreemption", "Qos", "Yield", "refuse_wrong", "wrong"]
