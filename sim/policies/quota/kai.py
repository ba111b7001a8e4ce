"""KAI-Scheduler's queues, which are Run:ai's projects and departments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from sim.policies.quota.base import AbstractQuota, Reader, Shared, Tree, Ways
from sim.state.fair_share import QUOTA_FIRST, Split
from sim.state.quota import LOWER, NEVER

KINDS = ("", "limit_")


@final
@dataclass(frozen=True)
class Kai(AbstractQuota):
    """A project's fair share is its quota, and of what others leave, a part by its weight.

    Projects and departments have gpus, cpus, mem_bytes (the quota), `over_quota_weight`, limit_…
    and `priority`. Down the tree: share = min(quota, ask); then by priority, whole units by weight,
    at most what is asked. The queue is served that is not beyond its share, then within its quota,
    then least saturated (held / share). What is free may be borrowed beyond shares, and those below
    theirs take it back by eviction, as long as they end less saturated. In its own project a job
    evicts those of lower priority (`preempts`). Jobs with `fixed_priority` or more are never
    evicted, and stay within the quota. For its order choose queue=priority, backfill=skip.

    Source: NVIDIA KAI-Scheduler, docs/fairness, plugins/proportion, actions allocate, reclaim,
    preempt; Run:ai, "How the scheduler works".
    Neglects: its cycle of 1 s (here a pass an event); weights and limits apart for each resource;
    time-based fair share; node pools; consolidation; elastic gangs; that one project alone in its
    priority is due all that is left; jobs alike that find no nodes count once in a pass.
    """

    projects: Mapping[str, Any] = field(default_factory=dict)
    departments: Mapping[str, Any] = field(default_factory=dict)
    default: str | None = None
    fixed_priority: float | None = 100.0
    preempts: bool = True
    multiplier: float = 1.0

    def tree(self) -> Tree:
        """Return the tree; ScenarioError holds all faults at once."""
        read = Shared(Reader("projects", "departments", "department"), "over_quota_weight", KINDS)
        departments = read.inner(self.departments)
        projects = read.leaves(self.projects, departments)
        fixed = self.fixed_priority
        ways = Ways(within=LOWER if read.flag("preempts", self.preempts) else NEVER)
        split = Split(
            QUOTA_FIRST, quota_first=True,
            multiplier=read.reader.number("multiplier", self.multiplier, "a number >= 1", 1.0),
            fixed_priority=float("inf") if fixed is None else read.reader.number(
                "fixed_priority", fixed, "a number, or null"
            ),
            limit=read.amounts["limit_"], priority=read.priority,
        )  # fmt: skip
        return read.tree(projects, departments, ways, split, self.default)
