"""When the order of jobs changes by itself."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.state.arrays import F8
from sim.state.columns import TURN, Order
from sim.state.handle import State


@jit
def next_of(order: Order, at_s: F8, now_s: float) -> float:
    """Return the first instant after now of the jobs in an order; inf if none has one."""
    next_s = np.inf
    for place in range(order.n[0]):
        block = order.line[place]
        for i in range(order.size[block]):
            job_s = at_s[order.job[block, i]]
            if job_s > now_s:
                next_s = min(next_s, job_s)
    return next_s


@jit
def next_turn(s: State, now_s: float) -> None:
    """Note when a running or waiting job's place in the order changes by itself next."""
    turn_s = next_of(s.ranked, s.jobs.turn_s, now_s)
    if s.notes.rise_s.size > 0:
        turn_s = min(turn_s, next_of(s.queue, s.notes.rise_s, now_s))
    s.face.t[TURN] = turn_s
