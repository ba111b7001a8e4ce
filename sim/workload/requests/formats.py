"""Files of requests: whose columns are called what, and each row checked.

Source of the shapes: Azure/AzurePublicDataset (AzureLLMInferenceTrace), HPMLL/BurstGPT,
kvcache-ai/Mooncake (FAST25 traces).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim.errors import TraceError
from sim.files import open_bytes, open_text
from sim.state.arrays import F8
from sim.workload.check import OnError, as_float, as_text, null_mask
from sim.workload.raw import Fault, Raw, error, from_one
from sim.workload.requests.base import LATEST_S, MOST_TOKENS, Requests
from sim.workload.traces.table import read_csv, read_parquet

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "requests": {
        "arrival_s": "arrival_s", "prompt_tokens": "prompt_tokens",
        "output_tokens": "output_tokens", "class": "class", "prefix": "prefix",
    },
    "azure": {
        "TIMESTAMP": "arrival_s", "ContextTokens": "prompt_tokens",
        "GeneratedTokens": "output_tokens",
    },
    "burstgpt": {
        "Timestamp": "arrival_s", "Request tokens": "prompt_tokens",
        "Response tokens": "output_tokens", "Model": "class",
    },
    "mooncake": {
        "timestamp": "arrival_s", "input_length": "prompt_tokens",
        "output_length": "output_tokens", "hash_ids": "prefix",
    },
}  # fmt: skip
"""Of each format its columns, and what they are to us."""
FORMATS = ("auto", *COLUMNS)
NEEDED = ("arrival_s", "prompt_tokens", "output_tokens")
PREFIX_BLOCKS = 2
"""Who shares so many blocks from the first on shares a prefix: the first alone may be all's."""


class Read(NamedTuple):
    """The good rows, and the faults of the others."""

    requests: Requests
    faults: list[Fault]


def lines_of(path: Path) -> Raw:
    """Return a file of JSON objects, one a line, with the columns of the format mooncake."""
    names = [theirs for theirs, ours in COLUMNS["mooncake"].items() if ours in NEEDED]
    rows: dict[str, list[Any]] = {name: [] for name in (*names, "hash_ids")}
    begins, faults = [], []
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
                values = [found[name] for name in names]
                blocks = found.get("hash_ids")
                first = list(blocks or ())[:PREFIX_BLOCKS]
            except (ValueError, KeyError, TypeError, RecursionError):
                told = f"must be a JSON object with {', '.join(names)}"
                faults.append(Fault(number, "", line.strip()[:200], told))
                continue
            begins.append(number)
            values.append(" ".join(map(str, first)) if first else None)
            for name, value in zip(rows, values, strict=True):
                rows[name].append(None if value is None else str(value))
    at = np.array(begins, np.int64)
    table = pa.table({name: pa.array(values, pa.string()) for name, values in rows.items()})
    return Raw(str(path), table, lambda rows: at[rows], faults=faults)


def needed_of(form: str) -> set[str]:
    """Return the columns that a format cannot do without."""
    return {theirs for theirs, ours in COLUMNS[form].items() if ours in NEEDED}


def raw_of(path: Path, form: str) -> tuple[Raw, str]:
    """Return a file's own columns, and the format: told by how the file looks, if `auto`."""
    with open_bytes(path) as file:
        head = file.read(4)
    if head == b"PAR1":
        raw = read_parquet(path)
    elif form == "mooncake" or (form == "auto" and head[:1] == b"{"):
        return lines_of(path), "mooncake"
    else:
        raw = read_csv(path, [*NEEDED, "ContextTokens", "GeneratedTokens"])
    have = set(raw.table.column_names)
    if form == "auto":
        fits = [name for name in COLUMNS if needed_of(name) <= have]
        if not fits:
            told = "; ".join(f"{n}: {', '.join(names)}" for n, names in COLUMNS.items())
            raise TraceError(path, remedy=f"has {', '.join(raw.table.column_names[:20])}; must "
                             f"have the columns of a format, {told}")  # fmt: skip
        form = fits[0]
    missing = [name for name in COLUMNS[form] if name in needed_of(form) - have]
    if missing:
        raise TraceError(path, remedy=f"lacks the required {', '.join(missing)} of {form}")
    return raw, form


def instants(column: pa.ChunkedArray) -> tuple[F8, np.ndarray]:
    """Return instants as seconds, (n,), and where they cannot be read; dates count from the first.

    A date is as `2023-11-16 18:15:46.6805900`.
    """
    values, unread = as_float(column)
    text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if unread is None or not text or not unread.any() or not unread.all():
        return values, np.zeros(len(values), np.bool_) if unread is None else unread
    words = pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(column), 0, 29)
    date = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?$"
    good = pc.fill_null(pc.match_substring_regex(words, date), False)
    dates = pc.if_else(good, words, pa.scalar(None, words.type))
    try:
        whole = dates.cast(pa.timestamp("ns")).cast(pa.int64())
    except pa.ArrowInvalid:
        return values, unread
    known = np.asarray(good.combine_chunks().to_numpy(zero_copy_only=False), np.bool_)
    ns = np.asarray(pc.fill_null(whole, 0).combine_chunks())
    first = ns[known].min() if known.any() else 0
    return np.where(known, (ns - first) / 1e9, np.nan), ~known


def read(path: Path, form: str, on_error: OnError) -> Read:
    """Return the requests of a file in order of arrival, the first at 0.

    A bad row raises TraceError, which names file, line and column, or is set aside (`skip`).
    Requests of BurstGPT without an answer failed, and are left out.
    """
    try:
        raw, form = raw_of(path, form)
        return checked(raw, form, on_error)
    except (pa.ArrowException, UnicodeError, OSError) as fault:
        raise TraceError(path, remedy=f"cannot be read as requests ({fault})") from fault


def checked(raw: Raw, form: str, on_error: OnError) -> Read:
    """Return the good rows of what a reader found."""
    own = {ours: theirs for theirs, ours in COLUMNS[form].items()}
    table, n = raw.table, raw.table.num_rows
    good, faults, notes = np.ones(n, np.bool_), list(raw.faults), []

    def blame(bad: np.ndarray, name: str, reason: str) -> None:
        rows = np.flatnonzero(bad & good)
        good[rows] = False
        shown = table.column(own[name]).take(pa.array(rows)).to_pylist()
        for line, value in zip(raw.lines(rows).tolist(), shown, strict=True):
            faults.append(Fault(line, own[name], "" if value is None else str(value), reason))

    at_s, unread = instants(table.column(own["arrival_s"]))
    if form == "mooncake":
        at_s = at_s / 1000.0
    late = 1e11
    must = "must be an instant from 0 to 1e11 s" + (", or a date" if form == "azure" else "")
    with np.errstate(invalid="ignore"):
        blame(unread | ~((at_s >= 0.0) & (at_s <= late)), "arrival_s", must)
        tokens = {}
        for name in NEEDED[1:]:
            values, odd = as_float(table.column(own[name]))
            if form == "burstgpt" and name == "output_tokens":
                failed = good & (values == 0.0)
                if failed.any():
                    notes.append(f"requests without an answer left out: {failed.sum():,}")
                    good[failed] = False
            bad = ~((values >= 1) & (values <= MOST_TOKENS) & (values == np.floor(values)))
            blame(bad if odd is None else bad | odd, name,
                  f"must be a whole number from 1 to {MOST_TOKENS:,}")  # fmt: skip
            tokens[name] = np.nan_to_num(values).astype(np.int64)
    first_s = float(at_s[good].min()) if good.any() else 0.0
    blame(at_s - first_s > LATEST_S, "arrival_s", f"must lie within {LATEST_S:g} s of the first")
    if faults and on_error == "stop":
        raise error(raw.source, faults)
    rows = np.flatnonzero(good)
    if not rows.size:
        raise TraceError(raw.source, remedy="holds no request that can be simulated")
    rows = rows[np.argsort(at_s[rows], kind="stable")]
    klass, names = classes_of(table, own.get("class"), rows)
    if faults:
        notes.append(f"requests set aside: {len(faults):,}")
    made = Requests(
        at_s[rows] - first_s, tokens["prompt_tokens"][rows], tokens["output_tokens"][rows], klass,
        names, tuple(notes), prefix=prefixes_of(table, own.get("prefix"), rows),
    )  # fmt: skip
    return Read(made, faults)


def classes_of(table: pa.Table, name: str | None, rows: np.ndarray) -> tuple[Any, tuple[str, ...]]:
    """Return the class of each of these rows as a number, and their names."""
    if name is None or name not in table.column_names:
        return np.zeros(len(rows), np.int64), ("",)
    words = as_text(table.column(name)).take(pa.array(rows))
    known = pc.if_else(pa.array(null_mask(words)), pa.scalar(""), words).combine_chunks()
    coded = known.dictionary_encode()
    names = coded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    return rank[np.asarray(coded.indices)], tuple(names[i] for i in order)


def prefixes_of(table: pa.Table, name: str | None, rows: np.ndarray) -> Any:
    """Return the prefix of each of these rows as a number, -1 is none; None: no such column."""
    if name is None or name not in table.column_names:
        return None
    words = as_text(table.column(name)).take(pa.array(rows))
    known = pc.if_else(pa.array(null_mask(words)), pa.scalar(None, words.type), words)
    coded = known.combine_chunks().dictionary_encode().indices
    return np.asarray(pc.fill_null(coded, -1)).astype(np.int32)


def given(columns: Mapping[str, Any]) -> Requests:
    """Return requests that are in memory already, held to the same rules; lines count from 1."""
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    if missing := [name for name in NEEDED if name not in table.column_names]:
        raise TraceError("the given requests", remedy=f"lack the required {', '.join(missing)}")
    return checked(Raw("the given requests", table, from_one), "requests", "stop").requests
