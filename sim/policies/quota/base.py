"""The interface of quotas."""

from __future__ import annotations

import abc

from sim.state.tree import Cap, Tree, Ways
from sim.state.tree_read import LIMITS, SCALE, Reader


class AbstractQuota(abc.ABC):
    """How much of the cluster each queue may hold, and what queues lend each other."""

    @abc.abstractmethod
    def tree(self) -> Tree | None:
        """Return the tree, None for no quota; wrong knobs raise ScenarioError with all faults."""


__all__ = ["LIMITS", "SCALE", "AbstractQuota", "Cap", "Reader", "Tree", "Ways"]
