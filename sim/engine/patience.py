"""Jobs that insist on few leaves for a time are asked again when it is over."""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np
import simpy

from sim import kernel
from sim.engine.clock import Clock
from sim.state.words import JobState


def relent(clock: Clock, poll_s: float) -> Generator[simpy.Event, None, None]:
    """Ask for a pass when a wait for `switches` is over, at a multiple of `poll_s` if that is > 0.

    Waits of jobs that have started by then cost nothing.
    """
    topology = clock.state.topology
    waits = np.flatnonzero((topology.most > 0) & (clock.state.jobs.state == JobState.UNBORN))
    for job in waits[np.argsort(topology.until_s[waits], kind="stable")]:
        at_s = float(topology.until_s[job])
        if poll_s > 0.0:
            at_s = math.ceil(at_s / poll_s) * poll_s
        if clock.state.jobs.state[job] > JobState.WAITING:
            continue
        if at_s > clock.now:
            yield clock.timeout(at_s - clock.now)
        if clock.state.jobs.state[job] == JobState.WAITING:
            kernel.relent(clock.state)
