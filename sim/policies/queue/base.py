"""The interface of queue order."""

from __future__ import annotations

import abc

import numpy as np

from sim.policies.queue.shares import JobView
from sim.state.arrays import F8, I4


class AbstractQueuePolicy(abc.ABC):
    """Who goes first: a number a job, least first; ties go to the earlier row.

    `refresh_s` says how often time changes the answer: inf, asked once about all jobs; so many
    seconds, asked again that often about the waiting ones; 0, asked before every scheduling pass.
    With preemption it is asked about the running ones too.
    """

    refresh_s: float = np.inf
    half_life_s: float | None = None
    """Of what tenants used; None where the policy does not ask (`used_gpu_s`)."""

    def turn_s(self, jobs: JobView, now_s: float) -> F8 | None:
        """Return (k,), when each job's key changes by itself if it runs on; None: see `refresh_s`.

        A pass is made at the first of these instants among the jobs that run.
        """
        return None

    @abc.abstractmethod
    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return (k,), the key of each job in view.

        `now_s` is the instant of asking; when all jobs are asked before the run it is (k,), the
        instant at which each enters the queue.
        """


__all__ = ["F8", "I4", "AbstractQueuePolicy", "JobView"]
