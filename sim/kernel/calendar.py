"""Nodes that are set aside: in windows of the calendar, and for jobs that are suspended."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry, jit
from sim.kernel.job import WAITING, better, touch
from sim.state.handle import State
from sim.state.waits import ASLEEP


@jit
def bound(s: State) -> bool:
    """Return whether nodes may be barred to some jobs: then each is asked for by itself."""
    return bool(s.calendar.begin_s.size > 0 or s.gives.suspends)


@jit
def shut(s: State, row: int, job: int, a_s: float, b_s: float) -> bool:
    """Return whether a window keeps a job out that would run from a to b."""
    calendar = s.calendar
    if calendar.begin_s[row] >= b_s or calendar.end_s[row] <= a_s:
        return False
    return not calendar.open_to[row, s.jobs.tenant[job]]


@jit
def bar_more(s: State, job: int, a_s: float, b_s: float) -> None:
    """Bar the nodes that are set aside from a job that would run from a to b.

    A suspended job's own nodes are kept from all that do not stand before it in the order.
    """
    for row in range(s.calendar.begin_s.size):
        if shut(s, row, job, a_s, b_s):
            for node in range(s.nodes.barred.size):
                if s.calendar.held[row, node]:
                    s.nodes.barred[node] = True
    key = s.jobs.key
    for k in range(s.waits.n[ASLEEP]):
        other = s.waits.asleep[k]
        before = key[other] < key[job] or (
            key[other] == key[job] and (other < job or s.jobs.state[job] == WAITING)
        )
        if other != job and before:
            for r in range(s.jobs.row0[other], s.jobs.row0[other] + s.jobs.rows[other]):
                s.nodes.barred[int(s.ledger.node[r])] = True


@jit
def longest_s(s: State, job: int) -> float:
    """Return how long a job may be expected to last on the slowest kind of node it may use."""
    speed, least = s.kinds.speed, np.inf
    for kind in range(s.kinds.size.size):
        here = speed[s.jobs.klass[job], kind]
        if here > 0.0:
            least = min(least, here)
    return float(s.jobs.walltime_s[job] / least)


@jit
def bar_now(s: State, job: int, now_s: float) -> None:
    """Bar the nodes that a job may not use if it starts now."""
    s.nodes.barred[:] = False
    bar_more(s, job, now_s, now_s + longest_s(s, job))


@jit
def opens_s(s: State, job: int, from_s: float) -> float:
    """Return when the first window that keeps a job out ends after `from_s`; inf if none does."""
    first_s = np.inf
    for row in range(s.calendar.begin_s.size):
        end_s = s.calendar.end_s[row]
        if from_s < end_s < first_s and not s.calendar.open_to[row, s.jobs.tenant[job]]:
            first_s = end_s
    return first_s


@jit
def in_window(s: State, job: int, a_s: float, b_s: float) -> bool:
    """Return whether the nodes just found are set aside from a job at any time from a to b."""
    for row in range(s.calendar.begin_s.size):
        if shut(s, row, job, a_s, b_s):
            for k in range(s.pick.n[0]):
                if s.calendar.held[row, s.pick.node[k]]:
                    return True
    return False


@jit
def free_late_s(s: State, node: int, row: int, begin_s: float, end_s: float) -> float:
    """Return how late after `begin_s` a node is expected to be empty; inf if it cannot be had."""
    calendar = s.calendar
    for k in range(calendar.begin_s.size):
        if k != row and calendar.held[k, node]:
            if calendar.begin_s[k] < end_s and calendar.end_s[k] > begin_s:
                return np.inf
    late_s, r = 0.0, s.nodes.row[node]
    while r >= 0:
        late_s = max(late_s, s.jobs.expect_s[int(s.ledger.job[r])] - begin_s)
        r = s.ledger.older[r]
    return float(late_s)


@entry
def open_window(
    s: State, row: int, many: int, begin_s: float, end_s: float, open_to: np.ndarray
) -> np.ndarray:
    """Set `many` nodes aside from begin to end, and return them, (k,).

    There may be fewer, where other windows hold them. Those are taken that are expected to be empty
    by then, else those that soonest will be; of equals the lower number. `open_to` says which
    tenants' jobs may run there all the same.
    """
    calendar, n = s.calendar, s.nodes.kind.size
    late_s = np.empty(n)
    for node in range(n):
        late_s[node] = free_late_s(s, node, row, begin_s, end_s)
    order = np.argsort(late_s, kind="mergesort")
    calendar.held[row, :] = False
    k = 0
    while k < n and k < many and late_s[order[k]] < np.inf:
        calendar.held[row, order[k]] = True
        k += 1
    for tenant in range(calendar.open_to.shape[1]):
        calendar.open_to[row, tenant] = open_to[tenant]
    calendar.begin_s[row], calendar.end_s[row] = begin_s, end_s
    touch(s)
    return order[:k].copy()


@entry
def close_window(s: State, row: int) -> None:
    """A window is over: its nodes are anybody's again."""
    s.calendar.begin_s[row] = s.calendar.end_s[row] = np.inf
    s.calendar.held[row, :] = False
    better(s)
