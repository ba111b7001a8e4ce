"""Whether a job can ever start, when the cluster is empty and whole."""

from __future__ import annotations

import numpy as np

from sim.state.columns import WHOLE, Jobs, Kinds, Nodes
from sim.state.devices import forms_of


def fits_never(jobs: Jobs, kinds: Kinds, nodes: Nodes, scatter: bool) -> np.ndarray:
    """Return (n,) whether a job fits on no kind even when the cluster is empty and whole."""
    ever = np.zeros(len(jobs.gpus), np.bool_)
    plain = (jobs.mcpu == 0) & (jobs.mem_bytes == 0)
    for kind, size in enumerate(kinds.size):  # GPUs alone are counted at once
        many = int((nodes.kind == kind).sum())
        each = np.where(jobs.chunk_gpus < 0, np.minimum(jobs.gpus, size), jobs.chunk_gpus)
        full = np.where(each > 0, -(-jobs.gpus // np.maximum(each, 1)), jobs.chunks)
        loose = (jobs.chunk_gpus < 0) & scatter & (jobs.gpus <= many * int(size))
        loose &= jobs.milli == WHOLE
        room = loose | ((each <= size) & (full <= many) & ((each > 0) | (jobs.gpus == 0)))
        ever |= plain & room & (kinds.speed[jobs.klass, kind] > 0.0)
    never = ~ever
    rows = np.flatnonzero(~plain)
    if rows.size:
        distinct, which = forms_of(jobs, rows)
        good = np.array([any_kind(row, kinds, nodes, scatter) for row in distinct], np.bool_)
        never[rows] = ~good[which.reshape(-1)]
    return never


def any_kind(row: np.ndarray, kinds: Kinds, nodes: Nodes, scatter: bool) -> bool:
    """Return whether a gang of this shape fits some kind of node while all are empty."""
    klass, gpus, chunks, chunk, mcpu, mem, milli = (int(v) for v in row)
    for kind in np.flatnonzero(kinds.speed[klass] > 0):
        here = nodes.kind == kind
        size = int(kinds.size[kind])
        if chunk < 0 and scatter and gpus > 0 and milli == WHOLE:
            share = np.full(here.sum(), size)
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
            (nodes.gpus[here] >= g)
            & (nodes.mcpu[here] >= _part(mcpu, g, gpus, chunks))
            & (nodes.mem_bytes[here] >= _part(mem, g, gpus, chunks))
            for g in (each, rest)
        ]
        if good[0].sum() >= many and (rest == 0 or good[1].sum() >= many + 1):
            return True
    return False


def _part(total: int, gpus: int, of_gpus: int, chunks: int) -> int:
    return -(-total * gpus // of_gpus) if of_gpus else -(-total // max(chunks, 1))
