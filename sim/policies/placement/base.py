"""The interface of placement."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.state.arrays import F8
from sim.state.columns import Jobs, Nodes
from sim.state.devices import Scoring
from sim.state.topology import Climb, Grouping


@dataclass(frozen=True)
class Preference:
    """How a placement ranks nodes: first by level, then by node; least first.

    `level` (levels,) says how it likes a node with 0, 1, 2 … GPUs free; equal numbers are alike.
    `node` (nodes,) decides among nodes alike; ties go to the lower number. `draw` (jobs,), where
    given, picks at random instead, by the job's own number in [0, 1). `scatter`: a gang without a
    shape may take any free GPUs; `runs`: a gang takes runs of consecutive nodes, and with
    `first_alone` one node the first that has room; `topology`: it lies on leaves, or in blocks.
    """

    level: F8
    node: F8
    draw: F8 | None = None
    scatter: bool = False
    runs: bool = False
    first_alone: bool = False
    topology: Grouping | None = None


def in_domains(climb: Climb, levels: int, nodes: int) -> Preference:
    """Return all levels and nodes alike, gangs in the domains that `climb` says."""
    grouping = Grouping(first_alone=False, climb=climb)
    return Preference(np.zeros(levels), np.zeros(nodes), topology=grouping)


@dataclass(frozen=True)
class Asked:
    """What a placement that scores may know before the run: the jobs' wishes, not their work.

    `gpu_types` says the text that each `jobs.klass` stands for; `rng` is the placement's own.
    """

    jobs: Jobs
    gpu_types: Sequence[str]
    rng: np.random.Generator


class AbstractPlacement(abc.ABC):
    """Where a gang sits."""

    @abc.abstractmethod
    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return the preference; `free` (levels,) is 0, 1, 2 … up to the largest node's GPUs."""

    def scoring(self, asked: Asked) -> Scoring | None:
        """Return what nodes are scored by for each job; None if the preference is all."""
        del asked
        return None


__all__ = ["F8", "AbstractPlacement", "Asked", "Grouping", "Nodes", "Preference", "Scoring"]
