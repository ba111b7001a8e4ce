"""Strict order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.backfill.base import AbstractBackfill, Rule


@final
@dataclass(frozen=True)
class NoBackfill(AbstractBackfill):
    """The head blocks: nobody starts before a job ahead of it has.

    Source: Slurm documentation, slurm.conf, SchedulerType=sched/builtin. Neglects: partitions, in
    each of which sched/builtin has a head of its own.
    """

    def rule(self) -> Rule:
        """Return a rule of depth 0."""
        return Rule(depth=0)
