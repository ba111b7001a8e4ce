"""The lane: the jobs' own events, from now to a horizon, without asking Python."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from sim.kernel.agenda import next_finish_s, pop
from sim.kernel.cycle import next_cycle_s
from sim.kernel.dispatch import dispatch
from sim.kernel.fabric import links_shared
from sim.kernel.jit import entry, jit
from sim.kernel.job import enter, finish, give_up
from sim.kernel.limits import next_pass_s, round_after
from sim.kernel.order import refill, rows
from sim.kernel.quota import forget, wait, waiting
from sim.state.columns import (
    APART,
    ARRIVED,
    ASKED,
    AWAITED,
    CANCELS,
    DIRTY,
    EVENTS,
    LAST,
    LEFT,
    NOW,
    PLAN,
    RELEASE,
    SEEKING,
    TURN,
)
from sim.state.handle import State
from sim.state.waits import ASLEEP
from sim.state.words import JobState

UNBORN = int(JobState.UNBORN)
WAITING = int(JobState.WAITING)


class Why(IntEnum):
    """Why the lane came back to Python."""

    HORIZON = 0
    """Nothing more before the horizon."""
    WAKE = 1
    """A job has ended that somebody waits for, or the last one of all."""
    DECIDE = 2
    """A pass is due, and the queue policy wants to be asked first."""
    FULL = 3
    """The ledger needs room before the next pass."""
    PAUSE = 4
    """So many events have passed that Python may want to show progress or stop."""
    PASS = 5
    """A pass is due by rules that the lane does not hold: see `pass_apart`."""
    RELEASE = 6
    """Jobs may come that waited for others, or for a while: see `waits.release`."""
    ROUTE = 7
    """Jobs have started whose ways over the fabric are to be found: see `links.lay`."""


HORIZON, WAKE, DECIDE, FULL, PAUSE, PASS, LET_IN, ROUTE = (int(why) for why in Why)


@jit
def next_s(s: State) -> float:
    """Return when jobs do something by themselves next."""
    at_s = next_finish_s(s)
    i = s.face.n[ARRIVED]
    if i < s.events.arrive.size:
        at_s = min(at_s, s.jobs.enter_s[s.events.arrive[i]])
    i = s.face.n[CANCELS]
    if i < s.events.cancel.size:
        at_s = min(at_s, s.jobs.cancel_s[s.events.cancel[i]])
    return float(at_s)


@jit
def happen(s: State, now_s: float) -> None:
    """Let all happen that is due: ends, then arrivals, then those who give up; lower rows first."""
    while next_finish_s(s) == now_s:
        job = s.agenda.job[0]
        pop(s.agenda)
        finish(s, job, now_s)
    i = s.face.n[ARRIVED]
    while i < s.events.arrive.size and s.jobs.enter_s[s.events.arrive[i]] <= now_s:
        job = s.events.arrive[i]
        i += 1
        if s.jobs.state[job] == UNBORN:
            enter(s, job)
            s.face.n[EVENTS] += 1
    s.face.n[ARRIVED] = i
    i = s.face.n[CANCELS]
    while i < s.events.cancel.size and s.jobs.cancel_s[s.events.cancel[i]] <= now_s:
        job = s.events.cancel[i]
        i += 1
        give_up(s, job, now_s)
    s.face.n[CANCELS] = i


@jit
def later_pass_s(s: State, now_s: float) -> float:
    """Return the end of the round at which a pass is to be made; inf if none is due.

    In rounds, time alone changes who goes first: as long as jobs wait each round has a pass, and
    where kinds of node are dealt as long as any run.
    """
    idle = s.queue.n[2] == 0 and (s.running.n[2] == 0 or not s.gives.deals)
    if s.gives.round_s == 0.0 or (s.face.n[DIRTY] == 0 and idle):
        return np.inf
    s.face.n[DIRTY] = 1
    at_s = round_after(s.gives.round_s, now_s)
    return at_s if at_s > now_s else round_after(s.gives.round_s, now_s + 0.75 * s.gives.round_s)


@entry
def advance(s: State, now_s: float, until_s: float, ask: bool, room: int, budget: int) -> int:
    """Run the jobs' own events in [now, until), one pass an instant; return why it stopped.

    At one instant: ends, arrivals, those who give up; then those whom these set free; then one
    pass; then the backfill cycle if
    one is due. Passes of rare rules are left to `pass_apart`. `room` is how many rows of the ledger
    one pass can need, `budget` after how many events Python wants to hear.
    """
    budget += s.face.n[EVENTS]
    while True:
        t = next_s(s)
        if t > now_s:  # all of this instant is in
            if now_s >= until_s:  # no: SimPy has more of it
                return HORIZON
            s.face.t[NOW] = now_s
            if s.face.t[RELEASE] <= now_s:
                return LET_IN
            due = s.face.t[PLAN] <= now_s
            if s.face.t[TURN] <= now_s:
                s.face.n[DIRTY] = 1
            dirty = s.face.n[DIRTY] == 1 and next_pass_s(s, now_s) == now_s
            if dirty or due:
                waits = s.queue.n[2] + s.quota.n[0] + s.waits.n[ASLEEP] > 0
                asks = waits or (s.gives.turns and s.face.n[LEFT] > 0)
                if ask and asks and s.face.n[ASKED] == 0:
                    return DECIDE
                if waits and s.ledger.n[0] + room > s.ledger.job.size:
                    return FULL
                if dirty and s.face.n[APART] == 1 and (waits or s.gives.turns):
                    return PASS
                s.face.n[ASKED] = 0
                if dirty:
                    dispatch(s, now_s)
                    s.face.t[PLAN] = next_cycle_s(s, now_s)
                if s.face.t[PLAN] <= now_s:
                    return PASS
            if s.face.n[SEEKING] == 1:
                s.face.n[SEEKING] = 0
                return ROUTE
            links_shared(s, now_s)
            if s.face.n[AWAITED] == 1:
                s.face.n[AWAITED] = 0
                return WAKE
            if s.face.n[EVENTS] >= budget:
                return PAUSE
            t = next_s(s)
        t = min(t, s.face.t[PLAN], s.face.t[TURN], s.face.t[RELEASE], later_pass_s(s, now_s))
        if t >= until_s or t == np.inf:
            return HORIZON
        now_s = t
        happen(s, now_s)


@entry
def rekey(s: State, jobs: np.ndarray, key: np.ndarray) -> bool:
    """Put `jobs`, all that wait and those that run by rank, under new keys, (jobs,).

    They come in their new order: by key, ties by row. Return whether all keys are numbers: with a
    nan among them nothing is changed.
    """
    for i in range(jobs.size):
        if np.isnan(key[i]):
            return False
    for i in range(jobs.size):
        s.jobs.key[jobs[i]] = key[i]
    forget(s)
    waiting, running = np.empty(jobs.size, np.int64), np.empty(jobs.size, np.int64)
    n, m = 0, 0
    for job in jobs:
        if s.quota.rule > 0 and s.quota.flavor[job] < 0:
            wait(s, job)
        elif s.jobs.state[job] == WAITING:
            waiting[n] = job
            n += 1
        else:
            running[m] = job
            m += 1
    refill(s.queue, s.jobs.key, waiting[:n])
    refill(s.ranked, s.jobs.key, running[:m])
    s.face.n[LAST] = -1
    s.face.n[DIRTY] = 1
    return True


@entry
def standing(s: State) -> np.ndarray:
    """Return the jobs in order, (k,): waiting, then running by rank, then waiting for quota."""
    if s.ranked.n[2] == 0 and s.quota.n[0] == 0:
        return rows(s.queue)
    return np.concatenate((rows(s.queue), rows(s.ranked), waiting(s)))
