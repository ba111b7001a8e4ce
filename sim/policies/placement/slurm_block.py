"""One block, or nothing, as Slurm chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.placement.base import F8, AbstractPlacement, Grouping, Nodes, Preference


@final
@dataclass(frozen=True)
class SlurmBlock(AbstractPlacement):
    """The smallest block that could hold the gang, of these the fullest that suffices, or none.

    Base blocks are the racks of the cluster, of one rack the leaves of its fabric. `block_sizes`
    are the sizes, in nodes, that blocks of them may have, the base block's first, each a power of 2
    times it; empty: 1, 2, 4, 8 and 16 times the first rack. Each `segment` of a job lies in a block
    by itself. Every node of a gang must have as many GPUs free as the first. With `first_alone` one
    node is the first with room (Slurm from 26.11 on).

    Source: Slurm 26.11, topology/block, eval_nodes_block.c; BlockSizes of topology.conf.
    Neglects: node weights, --spread-segments, --consolidate-segments, --exclusive=topo.
    """

    block_sizes: Sequence[int] = ()
    first_alone: bool = True

    def __post_init__(self) -> None:
        """Refuse sizes that are no whole numbers above 0."""
        for n in self.block_sizes:
            if n != int(n) or n < 1:
                told = f"is {list(self.block_sizes)}; must be whole numbers of nodes above 0"
                raise ScenarioError([f"placement.block_sizes: {told}"])

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels and nodes alike, in blocks."""
        del jobs, rng
        sizes = tuple(int(n) for n in self.block_sizes)
        want = Grouping(blocks=True, sizes=sizes, first_alone=self.first_alone)
        return Preference(np.zeros(len(free)), np.zeros(len(nodes.kind)), topology=want)
