"""EASY: the head of the queue is promised a start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from sim.policies.backfill.base import AbstractBackfill, Rule, many, refuse_wrong


@final
@dataclass(frozen=True)
class Easy(AbstractBackfill):
    """The first blocked job gets a reservation; up to `depth` jobs behind it may not delay it.

    `reservation="nodes"` keeps the very nodes that placement would choose at the promised instant,
    as Slurm and batsched do; "counts" keeps a number of GPUs, as most papers and simulators do. By
    counts more jobs slip through, but GPUs scattered over nodes may not take the gang when its time
    comes. Source: Lifka, JSSPP 1995; Mu'alem and Feitelson, IEEE TPDS 12 (2001). Neglects: promises
    to any but the first blocked job, and failures to come.
    """

    reservation: Literal["nodes", "counts"] = "nodes"
    depth: int | None = 100

    def rule(self) -> Rule:
        """Return a rule with one reservation."""
        refuse_wrong(self)
        return Rule(depth=many(self.depth), reserves=1, by_nodes=self.reservation == "nodes")
