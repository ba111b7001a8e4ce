"""What a failure costs a job that writes checkpoints: what it has done since the last one.

Compiled apart, for runs with a fabric.
"""

from __future__ import annotations

from sim.kernel.jit import forked, jit
from sim.kernel.rate import settle
from sim.kernel.steps import mate, writer
from sim.state.handle import State


@jit
def all_lost(s: State, job: int, lost_s: float, now_s: float) -> float:
    """Return as much as was said: nobody writes checkpoints."""
    return lost_s


@jit
def since_checkpoint(s: State, job: int, lost_s: float, now_s: float) -> float:
    """Return no more than what a job has done since its last checkpoint, if it writes any."""
    if not writer(s, job) or not s.fabric.spans[mate(s, job)]:
        return lost_s
    settle(s, job, now_s)
    return min(lost_s, (s.jobs.work_s[job] - s.jobs.left_s[job]) % s.fabric.every_s[0])


unsaved = forked(all_lost, since_checkpoint, "fabric")
"""(s, job, lost_s, now_s): of the work of a job that is to be stopped, `lost_s` at most."""
