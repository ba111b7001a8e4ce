"""Runs of consecutive nodes, as Slurm chooses without a topology."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference


@final
@dataclass(frozen=True)
class Consecutive(AbstractPlacement):
    """The smallest run of consecutive nodes that suffices, else the largest, from its start.

    With `first_alone` one node is the first that has room, as in Slurm from 26.11 on.

    Source: Slurm, select/cons_tres, `_eval_nodes_consec`, `_get_one_res`. Neglects: node weights.
    """

    first_alone: bool = False

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels alike, in runs."""
        del jobs, rng
        even, nodes_even = np.zeros(len(free)), np.zeros(len(nodes.kind))
        return Preference(even, nodes_even, runs=True, first_alone=self.first_alone)
