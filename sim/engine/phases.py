"""Plays each step of each job on a fabric: when it computes, when it sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import simpy

from sim import kernel
from sim.engine.clock import Clock
from sim.engine.cluster import AbstractProcess, Cluster
from sim.errors import ScenarioError
from sim.rng import Streams


@final
@dataclass(frozen=True)
class Phases(AbstractProcess):
    """Jobs on several nodes compute and send by turns, instead of each for its part of the time.

    Of a step of 1 alone a job that sends for d, of which o may go beside compute, computes for
    1 - (1 - o) d while it sends o d, then sends (1 - o) d. Those who send just then share links
    max-min; each end of a phase is an event. For small studies: some tens of us each.

    Parameters
    ----------
    step_s : how long a step takes, alone, of jobs that do not say it; an assumption.
    aligned : each job begins with a whole step as it starts; else somewhere in one, by chance.

    Source: the definition of a step in `physics.parallelism.step_s`.
    Neglects: jitter of compute; a step that is cut short by its job's end is not made whole.
    """

    step_s: float = 1.0
    aligned: bool = False

    def __post_init__(self) -> None:
        """Refuse a step that takes no time."""
        if not 0.0 < self.step_s < np.inf:
            raise ScenarioError(
                [f"steps.step_s: is {self.step_s!r}; must be a time > 0, such as '1 s'"]
            )

    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Have the clock tell whoever plays the steps whenever something changes on links."""
        del cluster
        if clock.state.fabric.on:
            jobs = len(clock.state.fabric.step_s)
            begins = np.zeros(jobs) if self.aligned else streams.stream("phases").random(jobs)
            kernel.play_steps(clock.state, self.step_s, begins)
            clock.listen(Player(clock))


class Player:
    """Wakes when the next phase of any job is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_s = float("inf")  # the earliest instant at which it is to wake

    def __call__(self) -> None:
        """Let those turn who are due, and see when the next is: phases may have become shorter."""
        clock = self._clock
        at_s = float(kernel.turn_steps(clock.state, clock.now))
        if at_s < self._due_s:
            self._due_s = at_s
            clock.timeout(at_s - clock.now, at_s).callbacks.append(self._wake)

    def _wake(self, event: simpy.Event) -> None:
        """Look again; what was put off since is looked at then."""
        if event.value == self._due_s:
            self._due_s = float("inf")
        self()
