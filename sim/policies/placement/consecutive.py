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

    Source: Slurm, select/cons_tres, `_eval_nodes_consec`. Neglects: node weights.
    """

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels alike, in runs."""
        del jobs, rng
        return Preference(np.zeros(len(free)), np.zeros(len(nodes.kind)), runs=True)
