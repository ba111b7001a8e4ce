"""The interface of limits."""

from __future__ import annotations

import abc

from sim.state.answers import Limits


class AbstractLimits(abc.ABC):
    """What happens at a job's walltime, said in the numbers of a `Limits`."""

    @abc.abstractmethod
    def rule(self) -> Limits:
        """Return the rule; wrong knobs raise ScenarioError."""


__all__ = ["AbstractLimits", "Limits"]
