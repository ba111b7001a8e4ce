"""Who holds quota, in lists of jobs alike: kins, low priorities first, and each newest first."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.state.handle import State


@jit
def join_kin(s: State, job: int) -> None:
    """A job that holds quota from now on joins the holders alike: newest first, then by row.

    Kins of lower priority come first in their queue's list.
    """
    q = s.quota
    kin, flavor, queue = q.kin[job], q.flavor[job], q.queue[q.form[job]]
    last, other = -1, q.first_kin[kin, flavor]
    if other < 0:
        at = q.live[queue, flavor]
        while at >= 0 and s.jobs.priority[q.first_kin[at, flavor]] < s.jobs.priority[job]:
            last, at = at, q.next_live[at, flavor]
        q.last_live[kin, flavor], q.next_live[kin, flavor] = last, at
        if at >= 0:
            q.last_live[at, flavor] = kin
        if last >= 0:
            q.next_live[last, flavor] = kin
        else:
            q.live[queue, flavor] = kin
        last = -1
    while other >= 0 and q.since_s[other] == q.since_s[job] and other < job:
        last, other = other, q.next_kin[other]
    q.last_kin[job], q.next_kin[job] = last, other
    if other >= 0:
        q.last_kin[other] = job
    if last >= 0:
        q.next_kin[last] = job
    else:
        q.first_kin[kin, flavor] = job


@jit
def part_kin(s: State, job: int) -> None:
    """A job leaves the holders alike; a kin without any leaves its queue's list."""
    q = s.quota
    kin, flavor, queue = q.kin[job], q.flavor[job], q.queue[q.form[job]]
    last, other = q.last_kin[job], q.next_kin[job]
    if other >= 0:
        q.last_kin[other] = last
    if last >= 0:
        q.next_kin[last] = other
        return
    q.first_kin[kin, flavor] = other
    if other < 0:
        last, after = q.last_live[kin, flavor], q.next_live[kin, flavor]
        if after >= 0:
            q.last_live[after, flavor] = last
        if last >= 0:
            q.next_live[last, flavor] = after
        else:
            q.live[queue, flavor] = after
