"""Jobs may be ended at their walltime."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from sim.errors import ScenarioError
from sim.policies.limits.base import AbstractLimits, Limits


@final
@dataclass(frozen=True)
class Walltime(AbstractLimits):
    """With `kill_at_walltime` a run is ended, as a timeout, once it has lasted its walltime.

    A run that would not be done `walltime_s` / speed + `over_limit_s` after its start is told to
    end then, or at the next multiple of `poll_s`, and holds its GPUs `kill_wait_s` longer. Time
    counts by the clock, for each run anew, whatever slows the job; not while it is suspended. One
    whose work is done at that very instant has completed.

    `kill_invalid_depend` cancels jobs that wait for what can no more come, such as the success of
    a job that failed; else they are reported as `never`, as are those that wait for them.

    Source: Slurm 22.05, slurm.conf(5): OverTimeLimit, KillWait, kill_invalid_depend; limits are
    looked at every 30 s (controller.c, PERIODIC_TIMEOUT).
    Neglects: the phase of the looks (here at multiples of `poll_s`); jobs that end as soon as they
    are told to; work saved in answer to it.
    """

    kill_at_walltime: bool = False
    over_limit_s: float = 0.0
    poll_s: float = 0.0
    kill_wait_s: float = 0.0
    kill_invalid_depend: bool = False

    def rule(self) -> Limits:
        """Return the limits in numbers."""
        found = [
            f"limits.{name}: is {getattr(self, name)!r}; must be a time >= 0, such as '30 s'"
            for name in ("over_limit_s", "poll_s", "kill_wait_s")
            if not 0.0 <= getattr(self, name) < math.inf
        ]
        if found:
            raise ScenarioError(found)
        return Limits(
            self.kill_at_walltime, self.over_limit_s, self.poll_s, self.kill_wait_s,
            self.kill_invalid_depend,
        )  # fmt: skip
