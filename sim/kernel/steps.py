"""A job's step, phase by phase: what is left of it, how fast that goes, what comes next.

Of a step of 1 alone it sends for `duty` d, of which a part `overlap` o may go beside compute:
first it computes for 1 - (1 - o) d while o d is sent, then it sends (1 - o) d. All in work: a node
twice as fast computes and sends in half the time.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.duty import sending, slowness, with_writes
from sim.kernel.jit import inlined, jit
from sim.state.fabric import STORE
from sim.state.handle import State
from sim.state.words import Cause, Phase

FABRIC, NODE = int(Cause.FABRIC), int(Cause.NODE)
MEAN, COMPUTES, BOTH, WAITS, SENDS = (int(phase) for phase in Phase)
COMPUTE, BESIDE, AFTER = 0, 1, 2
"""Rows of what is left: to compute, to send beside that, to send after it."""
NOTHING = 1e-12
"""Of a step, what counts as nothing left: what ends together is one event."""


@jit
def mate(s: State, sender: int) -> int:
    """Return the sender that is a job's writes, of a job; of its writes the job.

    Under the number of a job that writes nothing, others may send: see `transfers`.
    """
    jobs = s.fabric.ran_s.size
    return sender + jobs if sender < jobs else sender - jobs


@jit
def writer(s: State, job: int) -> bool:
    """Return whether a job writes to storage where it runs."""
    return bool(s.fabric.n[STORE] >= 0 and s.fabric.mean_Bps[job] > 0.0)


@inlined
def duty_of(s: State, job: int) -> float:
    """Return the part of its time, alone, in which a job sends: less beside a slow node.

    All here is of the time that it takes on its nodes alone, however slow they are.
    """
    return float(s.fabric.duty[job] * s.paces.factor[NODE, job])


@jit
def unwritten(s: State, job: int) -> float:
    """Return how long a job takes at its share for what takes 1 alone, its writes left out."""
    f = s.fabric
    return slowness(duty_of(s, job), f.share[job], f.overlap[job]) if f.spans[job] else 1.0


@jit
def whole(s: State, job: int) -> float:
    """Return the same with what it writes to storage meanwhile."""
    f, alone = s.fabric, unwritten(s, job)
    if not writer(s, job) or not f.spans[mate(s, job)]:
        return alone
    writes = mate(s, job)
    write = f.duty[writes] * s.paces.factor[NODE, job]
    return with_writes(alone, write, f.share[writes], f.overlap[writes] > 0.0)


@inlined
def part_sent(s: State, sender: int) -> float:
    """Return in what part of its time a sender sends now, at the share it has."""
    f = s.fabric
    if f.phase[sender] != MEAN:
        return 0.0 if f.phase[sender] == COMPUTES else 1.0
    if f.n[STORE] < 0:
        return sending(duty_of(s, sender), f.share[sender], f.overlap[sender])
    if f.share[sender] <= 0.0:
        return 1.0
    sent, job = f.duty[sender] / f.share[sender], min(sender, mate(s, sender))
    if sender != job and not writer(s, job):
        return min(sent, 1.0)
    return min(sent * s.paces.factor[NODE, job] / whole(s, job), 1.0)


@jit
def speed(s: State, job: int) -> float:
    """Return how fast a job's work goes on, of what it would alone, at the share it has."""
    f = s.fabric
    if f.phase[job] == MEAN:
        return 1.0 / whole(s, job)
    if f.phase[job] == SENDS:
        return float(f.share[job])
    return 0.0 if f.phase[job] == WAITS else 1.0


@jit
def step_on(s: State, job: int, now_s: float) -> None:
    """Bring what is left of a job's step up to now."""
    f = s.fabric
    for k in range(3):
        f.todo_s[k, job] -= (now_s - f.played_s[job]) * f.going[k, job]
    f.played_s[job] = now_s


@jit
def go_on(s: State, job: int, now_s: float) -> None:
    """Let what a job does now go on at the speed and share that it has."""
    f, own = s.fabric, s.kinds.speed[s.jobs.klass[job], s.jobs.kind[job]]
    for cause in range(s.paces.factor.shape[0]):
        if cause != FABRIC:
            own *= s.paces.factor[cause, job]
    step_on(s, job, now_s)
    phase, sends = f.phase[job], f.share[job] * own
    f.going[COMPUTE, job] = own if phase in (COMPUTES, BOTH) else 0.0
    f.going[BESIDE, job] = sends if phase in (BOTH, WAITS) else 0.0
    f.going[AFTER, job] = sends if phase == SENDS else 0.0


@jit
def name_phase(s: State, job: int) -> None:
    """Say what a job does now, by what is left of its step."""
    f = s.fabric
    if f.todo_s[COMPUTE, job] > 0.0:
        f.phase[job] = BOTH if f.todo_s[BESIDE, job] > 0.0 else COMPUTES
    else:
        f.phase[job] = WAITS if f.todo_s[BESIDE, job] > 0.0 else SENDS


@jit
def new_step(s: State, job: int, begin: float) -> None:
    """Let a job begin a step at such a part of it, 0 … 1: there as it would be alone."""
    f, step = s.fabric, s.fabric.step_s[job]
    sent, at = duty_of(s, job) * step, begin * step if 1.0 - begin > NOTHING else 0.0
    beside = f.overlap[job] * sent
    after = (1.0 - f.overlap[job]) * sent
    f.todo_s[COMPUTE, job] = max(step - after - at, 0.0)
    f.todo_s[BESIDE, job] = max(beside - at, 0.0)
    f.todo_s[AFTER, job] = min(after, step - at)
    for k in range(3):
        if f.todo_s[k, job] <= NOTHING * step:
            f.todo_s[k, job] = 0.0
    name_phase(s, job)


@jit
def over_s(s: State, job: int) -> float:
    """Return when something of a job's step is over, as it goes now; inf if nothing goes."""
    f, wait_s = s.fabric, np.inf
    for k in range(3):
        if f.going[k, job] > 0.0 and f.todo_s[k, job] > 0.0:
            wait_s = min(wait_s, f.todo_s[k, job] / f.going[k, job])
    return float(f.played_s[job] + wait_s)


@jit
def next_phase(s: State, job: int, now_s: float) -> bool:
    """Let a job go over to what comes next, if something of its step is over; return whether."""
    f = s.fabric
    if not over_s(s, job) <= now_s:
        return False
    step_on(s, job, now_s)
    for k in range(3):
        if f.going[k, job] > 0.0 and f.todo_s[k, job] > 0.0:
            near = f.todo_s[k, job] <= NOTHING * f.step_s[job]
            if near or now_s + f.todo_s[k, job] / f.going[k, job] <= now_s:
                f.todo_s[k, job] = 0.0
    if f.todo_s[COMPUTE, job] + f.todo_s[BESIDE, job] + f.todo_s[AFTER, job] <= 0.0:
        new_step(s, job, 0.0)
    else:
        name_phase(s, job)
    f.going[:, job] = 0.0  # until the instant is settled: see `go_on`
    return True
