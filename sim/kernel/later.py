"""What is to be looked at before the next pass: jobs that ended or started, jobs due to come."""

from __future__ import annotations

from sim.kernel.agenda import push
from sim.kernel.jit import jit
from sim.state.columns import RELEASE
from sim.state.handle import State
from sim.state.waits import NEWS


@jit
def note(s: State, what: int, now_s: float) -> None:
    """Note that a job has ended (its row) or started (-1 - row): somebody may wait for it."""
    n = s.waits.n[NEWS]
    s.waits.news[n] = what
    s.waits.n[NEWS] = n + 1
    s.face.t[RELEASE] = min(s.face.t[RELEASE], now_s)


@jit
def hold(s: State, job: int, until_s: float) -> None:
    """Let a job come into the queue at an instant."""
    push(s.due, until_s, job, 0)
    s.face.t[RELEASE] = min(s.face.t[RELEASE], until_s)
