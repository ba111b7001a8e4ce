"""When the order of jobs changes by itself."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.state.columns import TURN
from sim.state.handle import State


@jit
def next_rise(s: State, now_s: float) -> float:
    """Return when a waiting job's place in the order changes by itself next."""
    rise_s = np.inf
    for place in range(s.queue.n[0]):
        block = s.queue.line[place]
        for i in range(s.queue.size[block]):
            at_s = s.notes.rise_s[s.queue.job[block, i]]
            if at_s > now_s:
                rise_s = min(rise_s, at_s)
    return rise_s


@jit
def next_turn(s: State, now_s: float) -> None:
    """Note when a running job's place in the order changes by itself next."""
    turn_s = np.inf
    for place in range(s.ranked.n[0]):
        block = s.ranked.line[place]
        for i in range(s.ranked.size[block]):
            at_s = s.jobs.turn_s[s.ranked.job[block, i]]
            if at_s > now_s:
                turn_s = min(turn_s, at_s)
    if s.notes.rise_s.size > 0:
        turn_s = min(turn_s, next_rise(s, now_s))
    s.face.t[TURN] = turn_s
