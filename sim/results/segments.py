"""Who ran and who waited, from when to when."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.state import JobState, State
from sim.state.columns import WHOLE
from sim.state.words import Ended

F8 = NDArray[np.float64]


class Segments(NamedTuple):
    """Stretches of time, (k,) each: from, to, and how much of something in between."""

    begin_s: F8
    end_s: F8
    weight: F8


def milli_held(state: State, n: int) -> NDArray[np.int64]:
    """Return the thousandths of each of its GPUs that a row of the ledger holds, (n,).

    A MIG instance counts by its memory slices.
    """
    job = state.ledger.job[:n]
    milli = state.jobs.milli[job]
    if state.slices.on:
        slices = state.slices
        bits = np.unpackbits((state.ledger.slices[:n] & 255).astype(np.uint8), axis=1).sum(axis=1)
        whole = slices.whole[slices.layout[state.ledger.node[:n]]] * state.ledger.gpus[:n]
        part = WHOLE * bits.astype(np.int64) // np.maximum(whole, 1)
        milli = np.where((job >= 0) & slices.sliced[state.jobs.klass[job]], part, milli)
    return milli


def held(state: State, end_s: float) -> tuple[Segments, NDArray[np.int64]]:
    """Return the GPUs held by jobs, a segment a ledger row, and the node of each.

    A share of a GPU counts as such.
    """
    led, n = state.ledger, int(state.ledger.n[0])
    rows = np.flatnonzero(led.job[:n] >= 0)
    until = led.end_s[rows]
    until = np.where(np.isnan(until), end_s, until)
    weight = led.gpus[rows].astype(float)
    if state.devices.shared:
        weight *= milli_held(state, n)[rows] / WHOLE
    return Segments(led.start_s[rows], until, weight), led.node[rows].astype(np.int64)


def outages(state: State, end_s: float) -> tuple[Segments, NDArray[np.int64]]:
    """Return the GPUs out of service, a segment an outage or absence, and the node of each."""
    led, n = state.ledger, int(state.ledger.n[0])
    rows = np.flatnonzero(led.job[:n] < 0)
    until = led.end_s[rows]
    until = np.where(np.isnan(until), end_s, until)
    return Segments(led.start_s[rows], until, led.gpus[rows].astype(float)), led.node[rows].astype(
        np.int64
    )


def runs(state: State, end_s: float) -> tuple[Segments, NDArray[np.int64], NDArray[np.int8]]:
    """Return the runs of jobs, each counting 1, the job of each, and why it ended, by start."""
    led, n = state.ledger, int(state.ledger.n[0])
    rows = np.flatnonzero(led.job[:n] >= 0)
    job, begin_s = led.job[rows], led.start_s[rows]
    first = np.ones(len(rows), np.bool_)
    first[1:] = (job[1:] != job[:-1]) | (begin_s[1:] != begin_s[:-1])
    rows = rows[first]
    until = led.end_s[rows]
    until = np.where(np.isnan(until), end_s, until)
    segments = Segments(led.start_s[rows], until, np.ones(len(rows)))
    return segments, led.job[rows].astype(np.int64), led.why[rows]


def waits(state: State, end_s: float) -> tuple[Segments, NDArray[np.int64]]:
    """Return when jobs waited, each counting 1, and the job of each.

    From being eligible to the first start, or to giving up, or to the end of the run; and again
    after each restart, and while suspended. Jobs that can never fit do not wait, nor do those that
    wait for other jobs, for a place in their array, or for the delay after an eviction.
    """
    jobs = state.jobs
    came = (jobs.state != JobState.UNFIT) & (jobs.enter_s <= end_s)
    if state.waits.need.size:
        came &= state.waits.need <= 0  # the others never became eligible
    until = np.where(np.isnan(jobs.start_s), jobs.end_s, jobs.start_s)
    until = np.where(np.isnan(until), end_s, until)
    rows = np.flatnonzero(came & (until > jobs.enter_s))
    begin, end, who = [jobs.enter_s[rows]], [until[rows]], [rows]
    slept = state.ledger.why[: int(state.ledger.n[0])] == Ended.SUSPENDED
    if jobs.restarts.any() or slept.any():
        run, job, why = runs(state, end_s)
        often = jobs.restarts > 0
        often[job[why == Ended.SUSPENDED]] = True
        again = np.flatnonzero(often[job])
        again = again[np.lexsort((run.begin_s[again], job[again]))]
        job, left, next_s = job[again], run.end_s[again], np.full(len(again), end_s)
        same = job[1:] == job[:-1]
        next_s[:-1][same] = run.begin_s[again][1:][same]
        last, asleep = np.append(~same, True), why[again] == Ended.SUSPENDED
        keep = ~last | (jobs.state[job] == JobState.WAITING) | asleep
        delay_s = np.where(asleep, 0.0, state.gives.requeue_s)  # not eligible before
        left = np.minimum(left + delay_s, next_s)
        begin.append(left[keep])
        end.append(next_s[keep])
        who.append(job[keep])
    segments = Segments(np.concatenate(begin), np.concatenate(end), np.ones(sum(map(len, begin))))
    return segments, np.concatenate(who).astype(np.int64)
