"""Asks the queue policy again, where time changes its answer."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
import simpy

from sim.engine.clock import Clock
from sim.state.columns import ARRIVED
from sim.state.handle import State
from sim.state.words import JobState

FEW = 64
"""So many jobs are sorted sooner than it is found out what is tied."""
Ask = Callable[[State, float], None]


def refresh(
    clock: Clock, ask: Ask, every_s: float, foresees: bool = False
) -> Generator[simpy.Event, None, None]:
    """Ask again every `every_s` seconds; who foresees is asked at once, and though nobody waits."""
    if foresees:
        ask(clock.state, clock.now)
    while True:
        yield clock.timeout(every_s)
        if foresees or clock.state.queue.n[2] > 0 or clock.state.quota.n[0] > 0:
            ask(clock.state, clock.now)


def soon(state: State, until_s: float) -> np.ndarray:
    """Return the jobs that enter up to an instant and have not yet, (k,)."""
    left = state.events.arrive[state.face.n[ARRIVED] :]
    many = 64
    while many < left.size and state.jobs.enter_s[left[many - 1]] <= until_s:
        many *= 2
    rows = left[:many]
    return rows[(state.jobs.enter_s[rows] <= until_s) & (state.jobs.state[rows] == JobState.UNBORN)]


def in_order(key: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the places of jobs in the order of their keys, ties by row, (k,).

    They come in the order of keys that are a little older, so a sort that finds what is sorted
    already costs a quarter of one that does not; a few are sorted by both at once.
    """
    if len(key) <= FEW:
        return np.lexsort((rows, key))
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    alike = np.zeros(len(order) + 1, np.bool_)
    alike[1:-1] = sorted_key[1:] == sorted_key[:-1]
    tied = np.flatnonzero(alike[1:] | alike[:-1])
    if tied.size:
        who = order[tied]
        order[tied] = who[np.lexsort((rows[who], key[who]))]
    return order
