"""Asks the queue policy again, where time changes its answer."""

from __future__ import annotations

from collections.abc import Callable, Generator

import simpy

from sim.engine.clock import Clock
from sim.state.handle import State

Ask = Callable[[State, float], None]


def refresh(clock: Clock, ask: Ask, every_s: float) -> Generator[simpy.Event, None, None]:
    """Ask again every `every_s` seconds, as long as the run lasts."""
    while True:
        yield clock.timeout(every_s)
        if clock.state.queue.n[2] > 0 or clock.state.quota.n[0] > 0:
            ask(clock.state, clock.now)
