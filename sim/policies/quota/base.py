"""The interface of quotas."""

from __future__ import annotations

import abc
from collections.abc import Mapping

from sim.state.qos_limits import QosLimits
from sim.state.tree import Cap, Tree, Ways
from sim.state.tree_read import LIMITS, SCALE, Reader
from sim.state.tree_shares import Shared


class AbstractQuota(abc.ABC):
    """How much of the cluster each queue may hold, and what queues lend each other."""

    @abc.abstractmethod
    def tree(self) -> Tree | None:
        """Return the tree, None for no quota; wrong knobs raise ScenarioError with all faults."""

    def by_qos(self) -> Mapping[str, QosLimits]:
        """Return the limits of each QOS that has some; the tree has a queue for each pair then."""
        return {}


__all__ = [
    "LIMITS", "SCALE", "AbstractQuota", "Cap", "QosLimits", "Reader", "Shared", "Tree", "Ways",
]  # fmt: skip
