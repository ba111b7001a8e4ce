"""What is common to policies whose jobs go down and up between a few queues."""

from __future__ import annotations

import abc

import numpy as np

from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView
from sim.policies.queue.levels import Levels


class AbstractLevels(AbstractQueuePolicy):
    """A policy whose jobs stand in queues by the service they had."""

    @property
    @abc.abstractmethod
    def levels(self) -> Levels:
        """Return its queues."""

    def turn_s(self, jobs: JobView, now_s: float) -> F8:
        """Return when each passes its queue's limit if it runs on, (k,)."""
        levels, run_s = self.levels, self.levels.ran_s(jobs)
        limit_s = np.array([*levels.limits_s, np.inf])[np.floor(jobs.key).astype(np.int64)]
        gpus = jobs.gpus if levels.by_gpus else 1
        wait_s = np.floor((limit_s - run_s) / gpus) if levels.late_timer else limit_s / gpus - run_s
        return now_s + np.maximum(wait_s, 0.0)

    def remembers(self, kinds: int) -> int:
        """Return 3: service when a job last began anew, its wait since, and as of when."""
        return 3 if self.levels.starve_limit < np.inf else 0

    def remember(self, jobs: JobView, now_s: float) -> F8:
        """Return these, (k, 3); a wait counts from the first run since a job began anew."""
        none = np.array([[0.0], [0.0], [now_s]])  # of whom it is asked for the first time
        base_s, waited_s, seen_s = np.where(np.isnan(jobs.notes.T), none, jobs.notes.T)
        run_s, attained_s = self.levels.ran_s(jobs), jobs.attained_s
        waits = ~jobs.running & (run_s > 0.0)
        waited_s = waited_s + np.where(waits, now_s - seen_s, 0.0)
        anew = waits & (jobs.key >= 1.0) & (waited_s >= self.levels.starve_limit * run_s)
        seen_s = np.full(len(base_s), now_s)
        return np.stack(
            [np.where(anew, attained_s, base_s), np.where(anew, 0, waited_s), seen_s], 1
        )

    def rise_s(self, jobs: JobView, now_s: float) -> F8:
        """Return when each is back in queue 0 if it waits on, (k,)."""
        run_s, low = self.levels.ran_s(jobs), jobs.key >= 1.0
        at_s: F8 = now_s + self.levels.starve_limit * run_s - jobs.notes[:, 1]
        return np.where(low & (run_s > 0.0), at_s, np.inf)
