"""Neighbours on a device: whoever comes or goes changes the rate of those who share it."""

from __future__ import annotations

from sim.kernel.jit import forked, jit
from sim.kernel.rate import pace, slow
from sim.kernel.slices import sliced
from sim.state.columns import WHOLE
from sim.state.handle import State
from sim.state.words import Cause

SHARED = int(Cause.SHARED)


@jit
def never_sliced(s: State, job: int) -> bool:
    """Return that no job takes instances."""
    return False


apart = forked(never_sliced, sliced, "slices")
"""(s, job): whether a job has slices of its own, so that neighbours do not matter."""


@jit
def meets_others(s: State, job: int) -> bool:
    """Return whether a job may have neighbours on its devices."""
    return bool(s.jobs.gpus[job] > 0 and s.jobs.milli[job] < WHOLE and not apart(s, job))


@jit
def crowd(s: State, node: int, d: int) -> int:
    """Return how many jobs compute on a device."""
    n, row = 0, s.nodes.row[node]
    while row >= 0:
        if s.ledger.devices[row] >> d & 1:
            n += 1
        row = s.ledger.older[row]
    return n


@jit
def share_factor(s: State, job: int) -> float:
    """Return what neighbours make of a running job's rate: its most crowded device decides."""
    most = 1
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        node = int(s.ledger.node[r])
        for d in range(s.nodes.gpus[node]):
            if s.ledger.devices[r] >> d & 1:
                most = max(most, crowd(s, node, d))
    return float(s.sharing.factor[min(most, s.sharing.factor.size - 1)])


@jit
def tell_neighbours(s: State, job: int, now_s: float) -> None:
    """Set the rates of those who share a device with a job that has come or gone."""
    for r in range(s.jobs.row0[job], s.jobs.row0[job] + s.jobs.rows[job]):
        row = s.nodes.row[int(s.ledger.node[r])]
        while row >= 0:
            other = int(s.ledger.job[row])
            if other != job and s.ledger.devices[row] & s.ledger.devices[r] != 0:
                slow(s, other, SHARED, share_factor(s, other), now_s)
            row = s.ledger.older[row]


@jit
def alone(s: State, job: int, now_s: float) -> None:
    """Do nothing: nobody has neighbours who matter."""


@jit
def come(s: State, job: int, now_s: float) -> None:
    """Give a job that has just taken its devices its rate there, and its neighbours theirs."""
    if meets_others(s, job):
        s.paces.factor[SHARED, job] = share_factor(s, job)
        s.jobs.rate[job] = pace(s, job)
        tell_neighbours(s, job, now_s)


@jit
def go(s: State, job: int, now_s: float) -> None:
    """Let those whom a job has just left go on without it."""
    if meets_others(s, job):
        s.paces.factor[SHARED, job] = 1.0
        tell_neighbours(s, job, now_s)


joined = forked(alone, come, "sharing")
"""(s, job, now_s): a job's rows of the ledger are open, its end not booked yet."""
parted = forked(alone, go, "sharing")
"""(s, job, now_s): a job's rows of the ledger are closed."""
