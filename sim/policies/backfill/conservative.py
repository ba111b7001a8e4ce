"""Conservative: every job is promised a start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.backfill.base import PLENTY, AbstractBackfill, Rule, many, refuse_wrong


@final
@dataclass(frozen=True)
class Conservative(AbstractBackfill):
    """Every blocked job gets a slot by counts of GPUs; nobody may delay one ahead.

    Up to `depth` jobs behind the first blocked one are planned; the plan is made anew whenever
    anything happens. Source: Mu'alem and Feitelson, IEEE TPDS 12 (2001).
    Neglects: on which nodes the GPUs are (see `slurm` for reservations of specific nodes).
    """

    depth: int | None = 100

    def rule(self) -> Rule:
        """Return a rule with a reservation for everybody."""
        refuse_wrong(self)
        return Rule(depth=many(self.depth), reserves=PLENTY)
