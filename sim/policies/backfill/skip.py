"""Whatever fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.backfill.base import AbstractBackfill, Rule, many, refuse_wrong


@final
@dataclass(frozen=True)
class Skip(AbstractBackfill):
    """A blocked job is passed by whatever fits, up to `depth` jobs behind the first blocked one.

    Nothing is kept for the blocked: wide gangs can starve.
    Source: Tiresias' `fjf`, the FIFO of Alibaba's PAI simulator. Neglects: how long jobs run.
    """

    depth: int | None = 1000

    def rule(self) -> Rule:
        """Return a rule without reservations."""
        refuse_wrong(self)
        return Rule(depth=many(self.depth), reserves=0)
