"""The order of a `job_request`: one that the order of the file does not touch."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sim.table import AS_IT_IS, JOB_REQUEST, TRACE, described
from sim.workload.check import as_float, whole_ids

_DIGITS = re.compile(r"0*([0-9]+)")
INSTANTS = (
    "submit_s",
    "eligible_s",
    "deadline_s",
    "cancel_s",
    "recorded_start_s",
    "recorded_end_s",
)


def sorted_jobs(table: pa.Table) -> pa.Table:
    """Return the jobs by submit_s, then by job_id, whose runs of digits count as numbers."""
    submit, _ = as_float(table.column("submit_s"))
    if len(submit) < 2 or np.all(submit[1:] > submit[:-1]):
        return table
    ids = table.column("job_id")
    key = whole_ids(ids)
    if key is None:
        key = _ranks(ids, submit)
    by = np.lexsort((key, submit))
    return table if np.all(by[1:] > by[:-1]) else table.take(pa.array(by))


def _ranks(ids: pa.ChunkedArray, submit: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the place of each id among those of one instant; 0 for ids alone at theirs."""
    by = np.argsort(submit, kind="stable")
    same = submit[by[1:]] == submit[by[:-1]]
    tied = np.zeros(len(submit), np.bool_)
    tied[by[1:][same]] = tied[by[:-1][same]] = True
    rows = np.flatnonzero(tied)
    rank = np.zeros(len(submit), np.int64)
    words = ids.combine_chunks().take(pa.array(rows))
    rank[rows[np.asarray(pc.sort_indices(_natural(words)))]] = np.arange(len(rows))
    return rank


def _natural(words: pa.Array) -> pa.Array:
    """Return text that sorts as the words do if each run of digits is a number: 7_2 before 7_10.

    A number begins with how many digits it has; the word itself, after all, parts 7 from 07.
    """
    keys = [
        _DIGITS.sub(lambda found: f"{len(found[1]):07}{found[1]}", word or "") + f"\0{word}"
        for word in words.to_pylist()
    ]
    return pa.array(keys, pa.large_string())


def shifted(table: pa.Table, by_s: float) -> pa.Table:
    """Return the jobs with every instant later by `by_s`."""
    if by_s == 0 or table.num_rows == 0:
        return table
    for name in INSTANTS:
        if name in table.column_names:
            at = table.column_names.index(name)
            moved = pc.add(table.column(name).cast(pa.float64()), by_s)
            table = table.set_column(at, name, moved)
    return table


def from_zero(table: pa.Table) -> tuple[pa.Table, float]:
    """Return sorted jobs moved so that the first is submitted at 0, and where it was before."""
    if not table.num_rows:
        return table, 0.0
    origin_s = float(table.column("submit_s")[0].as_py())
    return shifted(table, -origin_s), origin_s


def finished(table: pa.Table, origin_s: float = 0.0) -> pa.Table:
    """Return the jobs with unit and meaning at every column, one chunk a column."""
    about = {"origin_s": repr(origin_s)}
    table = described(table, (*JOB_REQUEST, *TRACE), AS_IT_IS)
    return table.combine_chunks().replace_schema_metadata(about)
