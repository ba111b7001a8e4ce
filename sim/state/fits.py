"""Whether a job can ever start, when the cluster is empty and whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.state.arrays import B1, I8
from sim.state.columns import WHOLE, Jobs, Kinds, Nodes
from sim.state.slices import Slices, Spans
from sim.state.spans import KNOBS, SPANS


def fits_never(
    jobs: Jobs, kinds: Kinds, nodes: Nodes, scatter: bool, slices: Slices, spans: Spans
) -> B1:
    """Return (n,) whether a job fits on no kind even when the cluster is empty and whole."""
    ever = np.zeros(len(jobs.gpus), np.bool_)
    plain = (jobs.mcpu == 0) & (jobs.mem_bytes == 0)
    if slices.on:
        plain &= ~slices.sliced[jobs.klass]
    if spans.on:
        plain &= spans.level < 0
    for kind, size in enumerate(kinds.size):  # GPUs alone are counted at once
        free = nodes.free[nodes.kind == kind]
        room_for = (free[:, None] >= np.arange(int(size) + 1)).sum(axis=0)
        each = np.where(jobs.chunk_gpus < 0, np.minimum(jobs.gpus, size), jobs.chunk_gpus)
        full = np.where(each > 0, -(-jobs.gpus // np.maximum(each, 1)), jobs.chunks)
        loose = (jobs.chunk_gpus < 0) & scatter & (jobs.gpus <= int(free.sum()))
        loose &= jobs.milli == WHOLE
        fits = (each <= size) & (full <= room_for[np.minimum(each, size)])
        room = loose | (fits & ((each > 0) | (jobs.gpus == 0)))
        ever |= plain & room & (kinds.speed[jobs.klass, kind] > 0.0)
    never = ~ever
    rows = np.flatnonzero(~plain)
    if rows.size:
        distinct, which = wishes_of(jobs, spans, rows)
        good = np.array([within(row, kinds, nodes, scatter, slices, spans) for row in distinct])
        never[rows] = ~good[which]
    return never


def wishes_of(jobs: Jobs, spans: Spans, rows: I8) -> tuple[I8, I8]:
    """Return the distinct wishes of some jobs, (k, 8), the last its span, and whose is which."""
    columns = (jobs.klass, jobs.gpus, jobs.chunks, jobs.chunk_gpus, jobs.mcpu, jobs.mem_bytes,
               jobs.milli, spans.level if spans.on else np.full(len(jobs.gpus), -1))  # fmt: skip
    wishes = np.stack([column[rows] for column in columns], axis=1)
    distinct, which = np.unique(wishes, axis=0, return_inverse=True)
    return distinct, which.reshape(-1)


def within(
    row: np.ndarray, kinds: Kinds, nodes: Nodes, scatter: bool, slices: Slices, spans: Spans
) -> bool:
    """Return whether a gang of this shape fits some kind of node, in one domain of its span."""
    klass, level = int(row[0]), int(row[7])
    devices = nodes.free
    if slices.on and slices.sliced[klass]:
        legal = slices.places[klass, slices.layout, :, 0] != 0
        devices = (legal & (np.arange(legal.shape[1]) < nodes.gpus[:, None])).sum(axis=1)
        scatter = False
    if level < 0:
        return any_kind(row, kinds, nodes, scatter, devices, np.ones(len(devices), np.bool_))
    domain = spans.domain[level]
    return any(
        any_kind(row, kinds, nodes, scatter, devices, domain == d)
        for d in range(int(spans.many[level]))
    )


def any_kind(
    row: np.ndarray, kinds: Kinds, nodes: Nodes, scatter: bool, devices: I8, inside: B1
) -> bool:
    """Return whether a gang of this shape fits some kind of node while all are empty.

    `devices` (nodes,) says how many it could use on each, `inside` which nodes it may use.
    """
    klass, gpus, chunks, chunk, mcpu, mem, milli = (int(v) for v in row[:7])
    for kind in np.flatnonzero(kinds.speed[klass] > 0):
        here = (nodes.kind == kind) & inside
        size = int(kinds.size[kind])
        if chunk < 0 and scatter and gpus > 0 and milli == WHOLE:
            share = devices[here]
            if mcpu:
                share = np.minimum(share, nodes.mcpu[here] * gpus // mcpu)
            if mem:
                share = np.minimum(share, nodes.mem_bytes[here] * gpus // mem)
            if share.sum() >= gpus:
                return True
            continue
        each = min(gpus, size) if chunk < 0 else chunk
        many = gpus // each if each > 0 else chunks
        rest = gpus - each * many
        good = [
            (devices[here] >= g)
            & (nodes.mcpu[here] >= _part(mcpu, g, gpus, chunks))
            & (nodes.mem_bytes[here] >= _part(mem, g, gpus, chunks))
            for g in (each, rest)
        ]
        if good[0].sum() >= many and (rest == 0 or good[1].sum() >= many + 1):
            return True
    return False


def too_wide(
    name: Callable[[int], str], span: np.ndarray, jobs: Jobs, kinds: Kinds, nodes: Nodes,
    scatter: bool, slices: Slices, spans: Spans,
) -> list[str]:  # fmt: skip
    """Return a fault for each word of a span in which some job has too many GPUs to fit ever."""
    found = []
    for word, knob in zip(SPANS, KNOBS, strict=False):
        rows = np.flatnonzero((span == word) & (jobs.gpus > 0))
        if not rows.size:
            continue
        distinct, which = wishes_of(jobs, spans, rows)
        distinct[:, 4:6] = 0  # cores and memory aside
        good = np.array([within(row, kinds, nodes, scatter, slices, spans) for row in distinct])
        bad = rows[~good[which]]
        if bad.size:
            job = bad[np.argmax(jobs.gpus[bad])]
            many = "1 job" if bad.size == 1 else f"{bad.size} jobs, the widest"
            found.append(
                f"span: is {word!r}, but no {word} can hold {many} {name(int(job))} with "
                f"{jobs.gpus[job]} GPUs; must be wider, or raise {knob}"
            )
    return found


def _part(total: int, gpus: int, of_gpus: int, chunks: int) -> int:
    return -(-total * gpus // of_gpus) if of_gpus else -(-total // max(chunks, 1))
