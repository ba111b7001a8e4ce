"""What a SimPy process holds: the kernel's verbs, at the clock's instant."""

from __future__ import annotations

import abc

import numpy as np
import simpy

from sim import kernel
from sim.engine.clock import Clock
from sim.rng import Streams
from sim.state.words import Ended


class Cluster:
    """The cluster as a process sees it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def nodes(self) -> int:
        """Nodes in all."""
        return len(self._clock.state.nodes.kind)

    def fail(self, node: int, lost_s: float = np.inf) -> int:
        """A node goes down; return how many jobs were hit.

        Each goes back to the queue and does up to `lost_s` seconds of its work again; by default
        all of it, as without checkpoints.
        """
        self._clock.room(1)
        hit: int = kernel.fail(self._clock.state, node, lost_s, self._clock.now)
        return hit

    def repair(self, node: int) -> None:
        """A node comes back, empty."""
        kernel.repair(self._clock.state, node, self._clock.now)

    def withdraw(self, node: int) -> None:
        """Offer a node to no more jobs; those on it go on."""
        kernel.withdraw(self._clock.state, node)

    def offer(self, node: int) -> None:
        """Offer a node to jobs again."""
        kernel.offer(self._clock.state, node)

    def on(self, node: int) -> np.ndarray:
        """Return the jobs on a node, newest first, (k,)."""
        jobs: np.ndarray = kernel.on_node(self._clock.state, node)
        return jobs

    def evict(self, job: int, lost_s: float = 0.0) -> None:
        """Send a running job back to the queue."""
        kernel.requeue(self._clock.state, job, lost_s, self._clock.now, int(Ended.PREEMPTED))

    def set_rate(self, job: int, rate: float) -> None:
        """Let a running job go on at another rate, work seconds a second; 0 holds it."""
        kernel.set_rate(self._clock.state, job, rate, self._clock.now)

    def done(self, job: int) -> simpy.Event:
        """Return an event that happens when a job ends."""
        return self._clock.done(job)


class AbstractProcess(abc.ABC):
    """Something with a life of its own: nodes that fail, maintenance, autoscalers, caps."""

    @abc.abstractmethod
    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Start its SimPy processes on the clock."""
