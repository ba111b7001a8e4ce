"""Jobs are dealt kinds of node: who runs elsewhere, or is dealt none, goes back to the queue."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry
from sim.kernel.victims import evict
from sim.state.columns import NOW
from sim.state.handle import State
from sim.state.words import JobState

RUNNING = int(JobState.RUNNING)


@entry
def deal(s: State, jobs: np.ndarray, kind: np.ndarray, notes: np.ndarray) -> None:
    """Let each of `jobs` run on one kind of node only, (jobs,); -1 any, -2 none.

    `notes`, (jobs, numbers), is what the policy wants to see again.
    """
    for i in range(jobs.size):
        job, dealt = jobs[i], kind[i]
        s.notes.value[job, :] = notes[i]
        if s.jobs.state[job] == RUNNING and dealt != -1 and dealt != s.jobs.kind[job]:
            evict(s, job, s.face.t[NOW], True)
        base = s.jobs.klass[job] // s.notes.stride * s.notes.stride
        s.jobs.tried[job] = -1  # what was refused on other kinds
        s.jobs.klass[job] = base + (dealt + 1 if dealt >= -1 else s.notes.stride - 1)
