"""Steps of jobs played phase by phase: who computes, who sends, and when that changes.

Compiled apart, for runs that play them.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry, jit
from sim.kernel.links import again, ask, bind
from sim.kernel.order import rows
from sim.kernel.steps import COMPUTES, MEAN, next_phase, over_s
from sim.state.columns import EVENTS
from sim.state.fabric import PLAYED
from sim.state.handle import State


@entry
def play_steps(s: State, step_s: float, begins: np.ndarray) -> None:
    """Play the steps of all jobs from now on, before any runs.

    Parameters
    ----------
    step_s : of jobs that do not say how long one takes, alone.
    begins : (jobs,) at which part of a step each begins, 0 … 1, whenever it starts.
    """
    f = s.fabric
    f.n[PLAYED] = 1
    f.begins[:] = begins
    for job in range(f.step_s.size):
        if not f.step_s[job] > 0.0:
            f.step_s[job] = step_s


@jit
def turn(s: State, job: int, sent: bool) -> None:
    """Let a job begin to send, or leave off, if it has; all whom that reaches look anew."""
    f, sends = s.fabric, s.fabric.phase[job] != COMPUTES
    if sends == sent:
        ask(s, job)
        return
    f.part[job] = 1.0 if sends else 0.0
    f.share[job] = f.top[job] if sends else 0.0
    if not sends:
        bind(s, job, -1)
    again(s, job)


@entry
def turn_steps(s: State, now_s: float) -> float:
    """Let those go over to their next phase who are due; return when somebody is next.

    inf if nobody will be, or if somebody was due: then what all get is settled first.
    """
    f, at_s, turned = s.fabric, np.inf, False
    for job in rows(s.running):
        if f.spans[job] and f.phase[job] != MEAN:
            sent = f.phase[job] != COMPUTES
            if next_phase(s, job, now_s):
                turn(s, job, sent)
                s.face.n[EVENTS] += 1
                turned = True
            at_s = min(at_s, over_s(s, job))
    return np.inf if turned else at_s
