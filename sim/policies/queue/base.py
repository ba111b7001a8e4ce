"""The interface of queue order."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from sim.policies.queue.shares import JobView
from sim.state.arrays import F8, I4, I8

ANY, NONE = -1, -2
"""Kinds of node that a job may be dealt: all that it asks for, and none."""


class Deal(NamedTuple):
    """What a round brings each job: its place in the order, and where it may run."""

    key: F8  # (k,)
    kind: I8  # (k,) a kind of node, ANY or NONE
    notes: F8  # (k, numbers) what the policy wants to see again as `jobs.notes`


class AbstractQueuePolicy(abc.ABC):
    """Who goes first: a number a job, least first; ties go to the earlier row.

    `refresh_s` says how often time changes the answer: inf, asked once about all jobs; so many
    seconds, asked again that often about the waiting ones; 0, asked before every scheduling pass.
    With preemption it is asked about the running ones too.
    """

    refresh_s: float = np.inf
    deals: ClassVar[bool] = False
    """Whether it deals each job a kind of node a round (`deal`)."""
    foresees: ClassVar[bool] = False
    """Whether those who enter before it is asked again are in view too: at what is known now."""
    half_life_s: float | None = None
    """Of what tenants used; None where the policy does not ask (`used_gpu_s`)."""
    round_s: float = 0.0
    """Of the rounds in which it deals kinds of node, where preemption makes none of its own."""

    def issues(self, gpu_types: Sequence[str]) -> list[str]:
        """Return what of it does not suit a cluster of these types of GPU."""
        del gpu_types
        return []

    def names(self) -> Mapping[str, tuple[str, Iterable[str]]]:
        """Return the names that its settings hold: by path, what they are, and they.

        They are of a `tenant`, a `partition` or a `QOS`.
        """
        return {}

    def turn_s(self, jobs: JobView, now_s: float) -> F8 | None:
        """Return (k,), when each job's key changes by itself if it runs on; None: see `refresh_s`.

        A pass is made at the first of these instants among the jobs that run.
        """
        return None

    def remembers(self, kinds: int) -> int:
        """Return how many numbers a job it wants to see again as `jobs.notes`; 0 is nothing."""
        return 0

    def remember(self, jobs: JobView, now_s: float) -> F8:
        """Return these numbers, (k, numbers); asked before `key`, if it remembers and deals not."""
        return jobs.notes

    def rise_s(self, jobs: JobView, now_s: float) -> F8:
        """Return when each job's key changes by itself if it waits on, (k,); asked after `key`."""
        return np.full(len(jobs.gpus), np.inf)

    def deal(self, jobs: JobView, now_s: float) -> Deal:
        """Return what this round brings each job, in place of `key`; asked only if it `deals`."""
        raise AssertionError("a policy that deals must say what")

    @abc.abstractmethod
    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return (k,), the key of each job in view.

        `now_s` is the instant of asking; when all jobs are asked before the run it is (k,), the
        instant at which each enters the queue.
        """


__all__ = ["ANY", "F8", "I4", "I8", "NONE", "AbstractQueuePolicy", "Deal", "JobView"]
