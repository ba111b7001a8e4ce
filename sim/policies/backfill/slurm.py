"""Slurm's own: a strict pass at every event, and a backfill cycle now and then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.backfill.base import AbstractBackfill, Rule, many, refuse_wrong


@final
@dataclass(frozen=True)
class Slurm(AbstractBackfill):
    """Pending jobs reserve specific nodes in a cycle, as sched/backfill does.

    `depth` is bf_max_job_test, `interval_s` bf_interval, `resolution_s` bf_resolution, `window_s`
    bf_window, `reserve` bf_job_part_count_reserve (null: every job reserves; 1 is close to EASY).
    `idle_first` is Slurm up to 24.05; false is 24.11 and later. Use it with placement=consecutive,
    Slurm's own choice of nodes. Source: Slurm 22.05 and 26.11, backfill.c and job_test.c.
    Neglects: one partition only; priorities of preemption, licences, bf_busy_nodes.
    """

    depth: int | None = 500
    interval_s: float = 30.0
    resolution_s: float = 60.0
    window_s: float = 86400.0
    reserve: int | None = None
    idle_first: bool = True

    def rule(self) -> Rule:
        """Return a rule with a cycle; running ends are grouped from 30 s on, as Slurm does."""
        refuse_wrong(self)
        return Rule(
            depth=many(self.depth),
            reserves=many(self.reserve),
            by_nodes=True,
            interval_s=self.interval_s,
            resolution_s=self.resolution_s,
            window_s=self.window_s,
            group_s=30.0,  # cons_tres/job_test.c: the first window, doubled each time
            idle_first=self.idle_first,
        )
