"""What placements that score nodes have in common."""

from __future__ import annotations

import numpy as np

from sim.errors import ScenarioError
from sim.policies.placement.base import F8, AbstractPlacement, Asked, Nodes, Preference
from sim.state.devices import Scoring, Typical
from sim.state.words import Term


class AbstractScored(AbstractPlacement):
    """A placement that scores every node that fits, of any kind as fast; see `Scoring`."""

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all alike: nodes in order of their numbers where scores are equal."""
        del jobs, rng
        return Preference(np.zeros(len(free)), np.zeros(len(nodes.kind)))


def weights_or_fault(choice: str, **weights: int) -> None:
    """Raise ScenarioError for weights that are negative, not whole, or all 0."""
    found = [
        f"placement.{name}_weight: is {value!r}; must be a whole number from 0 to 1000"
        for name, value in weights.items()
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1000
    ]
    if not found and not any(weights.values()):
        found = [f"placement: {choice} weighs nothing; a weight must be > 0"]
    if found:
        raise ScenarioError(found)


def largest(cpus: float | None, gpus: int | None) -> tuple[float | None, float | None]:
    """Return what counts as one whole of cores and GPUs, in thousandths; a fault raises."""
    found = [
        f"placement.{name}: is {value!r}; must be a number > 0, or null for the largest node's"
        for name, value in (("cpus", cpus), ("gpus_per_node", gpus))
        if value is not None and not value > 0
    ]
    if found:
        raise ScenarioError(found)
    return (
        None if cpus is None else 1000.0 * cpus,
        None if gpus is None else 1000.0 * gpus,
    )


__all__ = ["AbstractScored", "Asked", "Scoring", "Term", "Typical", "largest", "weights_or_fault"]
