"""What jobs waited for: GPUs that were not free, GPUs in the wrong places, or their turn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.kernel.changes import around
from sim.results.segments import F8, Segments, held, outages, waits
from sim.state import JobState, State
from sim.state.columns import WHOLE

MOST = 48
"""Shapes of jobs told apart, those that waited longest in all; the causes of others stay nan."""


class Causes(NamedTuple):
    """The time each job waited, after restarts too, and by cause: (jobs,) seconds each."""

    waiting_s: F8  # in all; nan of those that never waited for their turn
    for_gpus_s: F8  # fewer GPUs were free than it asks for
    scattered_s: F8  # enough were free, but not side by side as it needs them
    held_back_s: F8  # they lay ready: order, a reservation, cores or memory kept it waiting


class Steps(NamedTuple):
    """What is free on each kind of node after each change, in order of time.

    Of several at one instant, that are true for no time, the last one tells.
    """

    time_s: F8  # (changes,)
    kind: np.ndarray  # (changes,) kind of node it was on
    before: np.ndarray  # (changes,) thousandths of GPUs free on that node before it
    after: np.ndarray


def steps_of(state: State, end_s: float) -> Steps:
    """Return every change of what is free on a node."""
    times, nodes, change = [], [], []
    for part, node in (held(state, end_s), outages(state, end_s)):
        times += [part.begin_s, part.end_s]
        nodes += [node, node]
        milli = np.rint(part.weight * WHOLE).astype(np.int64)
        change += [-milli, milli]
    at_s: F8 = np.concatenate(times)
    order = np.argsort(at_s, kind="stable")
    node = np.concatenate(nodes)[order]
    before, after = np.empty((2, len(node)), np.int64)
    free = state.nodes.gpus.astype(np.int64) * WHOLE
    around(node, np.concatenate(change)[order], free, before, after)
    return Steps(at_s[order], state.nodes.kind[node], before, after)


def lasting(segments: Segments, steps: Steps, holds: np.ndarray, end_s: float) -> F8:
    """Return for how long something held within each segment, (segments,) seconds.

    `holds` is (changes,), from each change to the next; it holds before the first, when all is
    free.
    """
    time_s = np.concatenate([[-np.inf], steps.time_s])
    true = np.concatenate([[True], holds])
    spans = np.diff(np.append(steps.time_s, max(end_s, steps.time_s[-1])))
    total_s = np.concatenate([[0.0, 0.0], np.cumsum(spans * holds)])[:-1]
    out = np.zeros(len(segments.begin_s))
    for moment, sign in ((segments.end_s, 1.0), (segments.begin_s, -1.0)):
        place = np.searchsorted(time_s, moment, side="right") - 1
        start_s = np.where(place > 0, time_s[place], time_s[1])
        out += sign * (total_s[place] + np.where(true[place], moment - start_s, 0.0))
    return out


def ready_on(state: State, steps: Steps, shape: np.ndarray, kind: int) -> tuple[np.ndarray, ...]:
    """Return whether after each change enough is free on a kind, and side by side, (changes,) each.

    A gang takes chunks of the same number of GPUs, each on a node of its own, and a last one of
    what remains; an elastic job takes them where they lie.
    """
    _, gpus, chunk, milli, loose = (int(v) for v in shape)
    size, many = int(state.kinds.size[kind]), int((state.nodes.kind == kind).sum())
    here = steps.kind == kind

    def count(before: np.ndarray, after: np.ndarray, at_first: int) -> np.ndarray:
        total: np.ndarray = many * at_first + np.cumsum(np.where(here, after - before, 0))
        return total

    def nodes_with(least: int) -> np.ndarray:
        before, after = (v.astype(np.int64) for v in (steps.before >= least, steps.after >= least))
        return count(before, after, int(size * WHOLE >= least))

    enough = count(steps.before, steps.after, size * WHOLE) >= gpus * milli
    spread = chunk < 0 and state.taste.scatter and gpus > size
    if gpus == 0 or loose or spread:
        return enough, enough
    each = min(gpus, size) if chunk < 0 else max(chunk, 1)
    ready = nodes_with(each * milli) >= gpus // each
    if gpus % each:
        ready &= nodes_with(gpus % each * milli) > gpus // each
    return enough, enough & ready


def causes(state: State, end_s: float) -> Causes:
    """Return what each job waited for, (jobs,) seconds each; their sum is all its waiting.

    At each instant a waiting job lacks GPUs if on no kind of node that it may use as many are free
    as it asks for, an elastic one as its least; else they are scattered if on none of these kinds
    the nodes can give them in the chunks it asks for; else it is held back. Of jobs of rare shapes,
    beyond `MOST`, nan.

    Neglects: cores and memory, spans, leaves and blocks, that shares of one node may lie on several
    devices, and nodes that are up but not offered: what these keep from a job counts as held back.
    """
    jobs = state.jobs
    segments, who = waits(state, end_s)
    waited_s = segments.end_s - segments.begin_s
    came = (jobs.state != JobState.UNFIT) & (jobs.enter_s <= end_s)
    total_s = np.where(came, np.bincount(who, waited_s, len(jobs.gpus)), np.nan)
    made = Causes(total_s, *(np.zeros(len(jobs.gpus)) for _ in Causes._fields[1:]))
    if not len(who):
        return made
    steps = steps_of(state, end_s)
    if not len(steps.time_s):  # nothing ever ran
        made.held_back_s[:] = np.bincount(who, waited_s, len(jobs.gpus))
        return made
    gpus, loose = jobs.gpus, np.zeros(len(jobs.gpus), np.bool_)
    if state.elastic.least.size:
        gpus, loose = state.elastic.least, state.elastic.least < state.elastic.most
    shape = np.stack([jobs.klass, gpus, jobs.chunk_gpus, jobs.milli, loose])[:, who]
    distinct, which = np.unique(shape, axis=1, return_inverse=True)
    order = np.argsort(which.reshape(-1), kind="stable")
    cut = np.searchsorted(which.reshape(-1)[order], np.arange(distinct.shape[1] + 1))
    heavy = np.argsort(-np.bincount(which.reshape(-1), waited_s), kind="stable")
    for n, k in enumerate(heavy):
        rows = order[cut[k] : cut[k + 1]]
        if n >= MOST:
            for column in made[1:]:
                column[who[rows]] = np.nan
            continue
        enough = np.zeros(len(steps.time_s), np.bool_)
        ready = enough.copy()
        for kind in np.flatnonzero(state.kinds.speed[distinct[0, k]] > 0.0):
            here, side_by_side = ready_on(state, steps, distinct[:, k], int(kind))
            enough |= here
            ready |= side_by_side
        own = Segments(*(column[rows] for column in segments))
        free_s, ready_s = (lasting(own, steps, holds, end_s) for holds in (enough, ready))
        parts = (waited_s[rows] - free_s, free_s - ready_s, ready_s)
        for column, part_s in zip(made[1:], parts, strict=True):
            np.add.at(column, who[rows], np.maximum(part_s, 0.0))
    return made
