"""The lane with passes that few runs need: made in it, for a call from Python costs more than one.

Measured with 20 queues: of 11 microseconds a job 6 went to coming back to Python and calling again.
Compiled only where the first such pass is due.
"""

from __future__ import annotations

from sim.kernel.advance import PASS, advance
from sim.kernel.apart import pass_apart
from sim.kernel.jit import entry
from sim.kernel.quota_cycle import pass_quota
from sim.kernel.quota_limits import pass_limits
from sim.state.columns import EVENTS, NOW, PLAN
from sim.state.handle import State


@entry
def advance_apart(s: State, now_s: float, until_s: float, ask: bool, room: int, budget: int) -> int:
    """Run the jobs' own events as `advance` does, and the passes of rare rules."""
    budget += s.face.n[EVENTS]
    while True:
        why = advance(s, now_s, until_s, ask, room, budget - s.face.n[EVENTS])
        if why != PASS:
            return int(why)
        now_s = s.face.t[NOW]
        pass_apart(s, now_s)


@entry
def advance_quota(s: State, now_s: float, until_s: float, ask: bool, room: int, budget: int) -> int:
    """Run the jobs' own events as `advance` does, and passes where quotas come before nodes."""
    budget += s.face.n[EVENTS]
    while True:
        why = advance(s, now_s, until_s, ask, room, budget - s.face.n[EVENTS])
        if why != PASS:
            return int(why)
        now_s = s.face.t[NOW]
        pass_quota(s, now_s)
        pass_apart(s, now_s)


@entry
def advance_limits(
    s: State, now_s: float, until_s: float, ask: bool, room: int, budget: int
) -> int:
    """Run the jobs' own events as `advance` does, and passes under Slurm's limits."""
    budget += s.face.n[EVENTS]
    while True:
        why = advance(s, now_s, until_s, ask, room, budget - s.face.n[EVENTS])
        if why != PASS:
            return int(why)
        now_s = s.face.t[NOW]
        pass_limits(s, now_s)
        if s.face.t[PLAN] <= now_s:
            return PASS  # Slurm's cycle: see `cycle_limits`
