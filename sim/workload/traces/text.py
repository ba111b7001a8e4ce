"""Words of traces to numbers: instants, and columns read once a different word."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sim.workload.check import as_float, null_mask
from sim.workload.raw import Raw, without

F8 = NDArray[np.float64]
Bool = NDArray[np.bool_]
UNKNOWN = ("", "unknown", "none", "n/a", "null", "nan", "nat", "invalid")
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}$"


def text_of(words: Any) -> pa.ChunkedArray:
    """Return words as one chunked column of text."""
    if isinstance(words, pa.ChunkedArray):
        return words.cast(pa.string())
    return pa.chunked_array([pa.array(words, pa.string())])


def without_unknown(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column with null for `Unknown`, `None`, `N/A` and the like."""
    plain = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    gone = pc.is_in(plain, pa.array(UNKNOWN, pa.string()))
    return pc.if_else(gone, pa.scalar(None, pa.string()), column)


def instants(column: pa.ChunkedArray) -> tuple[F8, Bool]:
    """Return seconds since 1970, (n,), nan where unknown, and a mask of words that are no instant.

    Reads `2026-11-23T07:32:42`, the same with a blank, with a fraction, with a zone, and seconds
    since 1970. Neglects: an instant without a zone is taken as UTC, so local times are an hour
    off for half of the year where clocks change: export with TZ=UTC.
    """
    column = without_unknown(column)
    plain = pc.fill_null(pc.match_substring_regex(column, _ISO), False)
    if pc.all(pc.or_(plain, column.is_null())).as_py():
        try:
            seconds = column.cast(pa.timestamp("s")).cast(pa.int64())
            return as_float(seconds)[0], np.zeros(len(column), np.bool_)
        except pa.ArrowInvalid:
            pass
    return by_word(column, _instant)


def timed(raw: Raw, column: str) -> F8:
    """Return a column of instants as seconds, (n,), after taking out the rows that hold none."""
    seconds, unread = instants(text_of(raw.table.column(column)))
    unread |= np.isnan(seconds)
    without(raw, unread, column, "must be a time, as 2026-11-23 07:32:42")
    return seconds[~unread]


def _instant(word: str) -> float:
    try:
        return float(word) if "_" not in word else np.nan
    except ValueError:
        at = dt.datetime.fromisoformat(word.strip())
        return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()


def by_word(column: pa.ChunkedArray, reads: Callable[[str], float]) -> tuple[F8, Bool]:
    """Return `reads` of each word, asked once a different word; nan and a mask where it refuses.

    nan is also what null gives; a `reads` that returns nan for a word refuses it too.
    """
    coded = pc.utf8_trim_whitespace(column).combine_chunks().dictionary_encode()
    values = np.full(len(coded.dictionary) + 1, np.nan)
    for i, word in enumerate(coded.dictionary.to_pylist()):
        try:
            values[i] = reads(word)
        except (ValueError, OverflowError):
            values[i] = np.nan
    at = np.asarray(pc.fill_null(coded.indices, len(coded.dictionary)))
    found = values[at]
    return found, np.isnan(found) & ~null_mask(column)


def number_of(text: str) -> float:
    """Return a plain decimal number; anything else raises ValueError."""
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        raise ValueError(text)
    return float(text)


def nullable(values: F8) -> pa.Array:
    """Return floats with null for nan."""
    return pa.array(values, pa.float64(), mask=np.isnan(values))
