"""Nodes that are slow for a while: a job goes at the pace of its slowest."""

from __future__ import annotations

from sim.kernel.jit import entry, forked, jit
from sim.kernel.links import again
from sim.kernel.rate import NODE, pace_beside, slow
from sim.kernel.steps import mate, part_sent, writer
from sim.state.handle import State


@jit
def untied(s: State, job: int) -> None:
    """Do nothing: there is no fabric."""


@jit
def send_less(s: State, job: int) -> None:
    """Let a job send for the part of its time that it now does; all whom that reaches look anew."""
    f = s.fabric
    if f.spans[job]:
        f.part[job] = part_sent(s, job)
        again(s, job)
    if writer(s, job) and f.spans[mate(s, job)]:
        f.part[mate(s, job)] = part_sent(s, mate(s, job))
        again(s, mate(s, job))


sends = forked(untied, send_less, "fabric")
"""(s, job): a job goes at another pace, for its nodes."""


@entry
def hobble(s: State, node: int, keeps: float, now_s: float) -> None:
    """Let a node keep a part of its speed from now on, above 0; 1 is all of it.

    Its jobs go at the pace of their slowest node; what that does on links is settled at the end of
    the instant.
    """
    s.paces.keeps[node] = keeps
    row = s.nodes.row[node]
    while row >= 0:
        job = int(s.ledger.job[row])
        row = s.ledger.older[row]
        if job >= 0:
            factor = pace_beside(s, job)
            if factor != s.paces.factor[NODE, job]:
                slow(s, job, NODE, factor, now_s)
                sends(s, job)
