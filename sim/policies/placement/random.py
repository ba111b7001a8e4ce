"""Any node that fits, with equal chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.placement.base import F8, AbstractPlacement, Nodes, Preference


@final
@dataclass(frozen=True)
class Random(AbstractPlacement):
    """Each node that fits is taken with equal probability, by the job's own draw.

    Source: Weng et al., USENIX ATC 2023 (its Random baseline). Neglects: what is left over.
    """

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels alike, and a draw a job."""
        return Preference(np.zeros(len(free)), np.zeros(len(nodes.kind)), draw=rng.random(jobs))
