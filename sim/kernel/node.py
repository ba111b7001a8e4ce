"""What can happen to a node: it fails, is repaired, is withdrawn from jobs and offered again."""

from __future__ import annotations

import numpy as np

from sim.kernel.devices import changed
from sim.kernel.jit import entry
from sim.kernel.job import better, requeue
from sim.kernel.levels import show
from sim.kernel.rows import open_row
from sim.kernel.saved import unsaved
from sim.state.columns import DOWN, HOLDS
from sim.state.handle import State
from sim.state.words import Ended

NODE_FAIL = int(Ended.NODE_FAIL)
PREEMPTED = int(Ended.PREEMPTED)
REPAIRED = int(Ended.REPAIRED)
ABSENT = int(Ended.ABSENT)


@entry
def withdraw(s: State, node: int) -> None:
    """Offer the node to no more jobs; those on it go on."""
    if s.nodes.up[node]:
        show(s, node, -1)
        s.nodes.up[node] = False
        changed(s, node)
        s.face.n[DOWN] += 1
        s.face.n[HOLDS] = 0
        better(s)


@entry
def offer(s: State, node: int) -> None:
    """Offer the node to jobs again; one that is out of service stays so until its repair."""
    if not s.nodes.up[node] and s.nodes.outage[node] < 0:
        s.nodes.up[node] = True
        changed(s, node)
        s.face.n[DOWN] -= 1
        show(s, node, 1)
        s.face.n[HOLDS] = 0
        better(s)


@entry
def fail(s: State, node: int, lost_s: float, now_s: float) -> int:
    """A node goes down: its jobs go back to the queue, up to `lost_s` of work the poorer.

    Those that write checkpoints lose no more than what they have done since.
    Return how many jobs were hit. An outage is a row of the ledger without a job.
    """
    if s.nodes.outage[node] >= 0:
        return 0
    withdraw(s, node)
    hit = 0
    while s.nodes.row[node] >= 0:
        job = int(s.ledger.job[s.nodes.row[node]])
        requeue(s, job, unsaved(s, job, lost_s, now_s), now_s, NODE_FAIL)
        hit += 1
    row = open_row(s, -1, node, s.nodes.gpus[node], now_s)
    s.nodes.outage[node] = row
    s.nodes.row[node] = -1  # an outage is nobody's allocation
    return hit


@entry
def turn_out(s: State, job: int, lost_s: float, now_s: float) -> float:
    """A job must leave its nodes and goes back to the queue; return the work it does again.

    That is `lost_s` at most, and of one that writes checkpoints what it has done since.
    """
    return requeue(s, job, unsaved(s, job, lost_s, now_s), now_s, PREEMPTED)


@entry
def repair(s: State, node: int, now_s: float) -> None:
    """A node comes back, empty; not one that is no more there."""
    row = s.nodes.outage[node]
    if row >= 0 and s.ledger.why[row] == ABSENT:
        return
    if row >= 0:
        s.ledger.end_s[row], s.ledger.why[row] = now_s, REPAIRED
        s.nodes.outage[node] = -1
    offer(s, node)


@entry
def go(s: State, node: int, now_s: float) -> None:
    """An empty node is no more there, until it comes: a row of the ledger without a job."""
    withdraw(s, node)
    row = s.nodes.outage[node]
    if row >= 0:  # it had failed
        s.ledger.end_s[row], s.ledger.why[row] = now_s, REPAIRED
    row = open_row(s, -1, node, s.nodes.gpus[node], now_s)
    s.ledger.why[row] = ABSENT
    s.nodes.outage[node] = row
    s.nodes.row[node] = -1


@entry
def come(s: State, node: int, now_s: float) -> None:
    """A node that was not there is, empty."""
    row = s.nodes.outage[node]
    if row >= 0 and s.ledger.why[row] == ABSENT:
        s.ledger.end_s[row] = now_s
        s.nodes.outage[node] = -1
        offer(s, node)


@entry
def on_node(s: State, node: int) -> np.ndarray:
    """Return the jobs on a node, newest first, (k,)."""
    n = 0
    row = s.nodes.row[node]
    while row >= 0:
        n += 1
        row = s.ledger.older[row]
    out = np.empty(n, np.int64)
    row = s.nodes.row[node]
    for i in range(n):
        out[i] = int(s.ledger.job[row])
        row = s.ledger.older[row]
    return out
