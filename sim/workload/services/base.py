"""Which services there are, and the parts they are made of."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from sim.state.services import Serving
from sim.workload.requests import AbstractRequests


class AbstractServices(abc.ABC):
    """Which services run on the cluster."""

    @abc.abstractmethod
    def listed(self) -> tuple[tuple[Serving, AbstractRequests], ...]:
        """Return them with what is asked of each, in the order in which they act at one instant."""

    @abc.abstractmethod
    def issues(self, path: str = "services") -> list[str]:
        """Return every fault of the parameters, each as `path: what is; what must be`."""


class AbstractReplica(abc.ABC):
    """How fast one replica is, and what it can hold."""

    @abc.abstractmethod
    def fill(self) -> dict[str, Any]:
        """Return what of a Serving it decides, by name."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""


class AbstractPool(abc.ABC):
    """Replicas alike that do one part of the work."""

    @abc.abstractmethod
    def fill(self) -> dict[str, Any]:
        """Return what of a Serving it decides, by name."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""


class AbstractColdStart(abc.ABC):
    """How long a replica takes from its GPUs to its first request."""

    @abc.abstractmethod
    def fill(self) -> dict[str, Any]:
        """Return what of a Serving it decides, by name."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""


class AbstractOrder(abc.ABC):
    """Who of a service's requests is let in first."""

    @abc.abstractmethod
    def fill(self) -> dict[str, Any]:
        """Return what of a Serving it decides, by name."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""


@final
@dataclass(frozen=True)
class NoServices(AbstractServices):
    """None: jobs only."""

    def listed(self) -> tuple[tuple[Serving, AbstractRequests], ...]:
        """Return nothing."""
        return ()

    def issues(self, path: str = "services") -> list[str]:
        """Return nothing."""
        del path
        return []


@final
@dataclass(frozen=True)
class Several(AbstractServices):
    """Some services side by side, each with replicas of its own."""

    services: Sequence[AbstractServices] = ()

    def listed(self) -> tuple[tuple[Serving, AbstractRequests], ...]:
        """Return them all."""
        return tuple(one for part in self.services for one in part.listed())

    def issues(self, path: str = "services") -> list[str]:
        """Return the faults of each, and names that stand twice."""
        found = []
        for i, part in enumerate(self.services):
            found += part.issues(f"{path}.services[{i}]")
        if not found:
            names = [one.title for one, _ in self.listed()]
            twice = sorted({name for name in names if names.count(name) > 1})
            found += [f"{path}.services: name {name!r} stands twice; must differ" for name in twice]
        return found
