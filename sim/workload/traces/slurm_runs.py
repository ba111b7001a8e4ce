"""Rows of sacct to runs, and runs to jobs: duplicates and requeues."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sim.workload.raw import I8, Bool

F8 = NDArray[np.float64]


def latest(ids: pa.ChunkedArray, submit: F8, progress: F8, good: Bool) -> I8:
    """Return one row for each run, rising: of the same id and submission, the one furthest told."""
    job = _codes(ids)
    rows = np.flatnonzero(good)
    by = rows[np.lexsort((progress[rows], submit[rows], job[rows]))]
    last = np.ones(len(by), np.bool_)
    last[:-1] = (job[by[1:]] != job[by[:-1]]) | (submit[by[1:]] != submit[by[:-1]])
    return np.sort(by[last])


def runs(table: pa.Table, rows: I8, requeues: str) -> tuple[pa.Table, list[str]]:
    """Return the jobs of those rows, and a note if one of them ran more than once.

    `runs`: each run is a job; the second of job 5 is called `5#2`. `last`: a job is submitted
    as its first run was, and does what its last run did.
    """
    table = table.take(pa.array(rows))
    job = _codes(table.column("job_id"))
    submit = np.asarray(table.column("submit_s").combine_chunks())
    by = np.lexsort((submit, job))
    first = np.ones(len(by), np.bool_)
    first[1:] = job[by[1:]] != job[by[:-1]]
    begins = np.flatnonzero(first)
    if len(begins) == len(by):
        return table, []
    counts = np.diff(np.append(begins, len(by)))
    jobs, again = int(np.count_nonzero(counts > 1)), len(by) - len(begins)
    if requeues == "runs":
        number = np.empty(len(by), np.int64)
        number[by] = np.arange(len(by)) - np.repeat(begins, counts) + 1
        names = table.column("job_id").to_pylist()
        named = [n if k == 1 else f"{n}#{k}" for n, k in zip(names, number.tolist(), strict=True)]
        at = table.column_names.index("job_id")
        told = f"jobs requeued: {jobs}; each further run is a job of its own: {again} (requeues)"
        return table.set_column(at, "job_id", pa.array(named, pa.string())), [told]
    last = by[np.append(begins[1:], len(by)) - 1]
    earliest = submit[by[begins]]
    keep = np.argsort(last)
    table = table.take(pa.array(last[keep]))
    for name in ("submit_s", "eligible_s"):
        at = table.column_names.index(name)
        told_s = table.column(name).combine_chunks()
        moved = np.where(counts[keep] > 1, earliest[keep], np.asarray(told_s, np.float64))
        table = table.set_column(at, name, pa.array(moved, mask=np.isnan(moved)))
    told = f"jobs requeued: {jobs}; each is one job with its last run, {again} left out (requeues)"
    return table, [told]


def _codes(words: pa.ChunkedArray) -> I8:
    coded = words.combine_chunks().dictionary_encode().indices
    return np.asarray(coded.fill_null(-1)).astype(np.int64)
