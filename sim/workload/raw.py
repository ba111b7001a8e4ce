"""What a reader hands over: columns by our names, where each row stood, and what it set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sim.errors import TraceError
from sim.table import REJECTED, from_numpy

I8 = NDArray[np.int64]
SHOWN = 9
"""Faults of rows at most that are told beside the first."""
Bool = NDArray[np.bool_]


class Fault(NamedTuple):
    """Why a row cannot be used. `line` counts from 1; `column` is as the file names it."""

    line: int
    column: str
    value: str
    reason: str


@dataclass
class Raw:
    """A trace as read, not yet checked.

    Parameters
    ----------
    source : the file, or what stands for it in messages.
    table : columns by the names of JOB_REQUEST, numbers as float64 or integers, words as text;
        the rest as it is.
    lines : row numbers (k,) to line numbers (k,).
    names : how the file calls a column, where it calls it differently.
    faults : rows that could not be read: they stop the reading, or are set aside on request.
    left_out : rows read well that hold no job to simulate: always set aside.
    known : the file's own columns that need no mention as unknown.
    """

    source: str
    table: pa.Table
    lines: Callable[[I8], I8]
    names: Mapping[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    left_out: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    known: frozenset[str] = frozenset()

    def named(self, column: str) -> str:
        """Return how the file calls a column."""
        return self.names.get(column, column)


def without(
    raw: Raw, gone: Bool, column: str, reason: str, faults: list[Fault] | None = None
) -> None:
    """Take rows out of a trace, a fault for each; `column` as the file and `raw.table` name it."""
    rows = np.flatnonzero(gone)
    if not len(rows):
        return
    faults = raw.faults if faults is None else faults
    words = raw.table.column(column).take(pa.array(rows)).to_pylist()
    for line, word in zip(raw.lines(rows).tolist(), words, strict=True):
        faults.append(Fault(line, column, "" if word is None else str(word), reason))
    lines, kept = raw.lines, np.flatnonzero(~gone)
    raw.table = raw.table.filter(pa.array(~gone))
    raw.lines = lambda rows: lines(kept[rows])


def error(source: str, faults: Iterable[Fault], remedy: str = "") -> TraceError:
    """Return the earliest fault as an error to raise, which tells of the others too.

    `remedy` : what can be done about many, told where there are more than one.
    """
    first, *others = sorted(faults)
    more = [str(TraceError(source, *fault)) for fault in others[:SHOWN]]
    if len(others) > SHOWN:
        more.append(f"{source}: and {len(others) - SHOWN:,} rows more are wrong")
    return TraceError(source, *first, [*more, *([remedy] if more and remedy else [])])


def rejected(source: str, faults: Iterable[Fault]) -> pa.Table | None:
    """Return the rows set aside as a table in the order of the file, None if there are none."""
    rows = sorted(faults)
    if not rows:
        return None
    values = {name: [getattr(row, name) for row in rows] for name in Fault._fields}
    return from_numpy(REJECTED, {"file": [source] * len(rows), **values})


def from_one(rows: I8) -> I8:
    """Return row numbers counted from 1."""
    return rows + 1
