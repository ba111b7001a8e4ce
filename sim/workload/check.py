"""Every row is what it says, or is named: the rules of a `job_request`."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sim.errors import TraceError
from sim.table import JOB_REQUEST, TRACE
from sim.workload.bounds import BOUNDS, LATEST_S
from sim.workload.raw import Bool, Fault, Raw, error
from sim.workload.words import word_fault

F8 = NDArray[np.float64]
OnError = Literal["stop", "skip"]

# the recorded instants are shifted with the others, so they must be numbers too
_CHECKED = (*JOB_REQUEST, *(column for column in TRACE if column.name in BOUNDS))
_DTYPE = {column.name: column.dtype for column in _CHECKED}
_REQUIRED = tuple(column.name for column in JOB_REQUEST if column.required)


class Checker:
    """One pass over a trace: notes which rows are bad and why, the first reason of each row."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.n = raw.table.num_rows
        self.good: Bool = np.ones(self.n, np.bool_)
        self.faults: list[Fault] = list(raw.faults)
        self.columns: dict[str, Any] = {}
        self.values: dict[str, F8] = {}

    def blame(self, bad: Bool, column: str, reason: str) -> None:
        """Note that the rows of the mask are bad, unless they are already known to be."""
        rows = np.flatnonzero(bad & self.good)
        if not len(rows):
            return
        self.good[rows] = False
        lines = self.raw.lines(rows.astype(np.int64))
        shown = self.raw.table.column(column).take(pa.array(rows))
        for line, value in zip(lines.tolist(), shown.to_pylist(), strict=True):
            text = "" if value is None else str(value)
            self.faults.append(Fault(line, self.raw.named(column), text, reason))

    def numbers(self, name: str) -> None:
        """Check a column of numbers; null stays null unless the column is required."""
        given = self.raw.table.column(name)
        least, most, whole = BOUNDS[name]
        must = f"must be a {'whole ' if whole else ''}number from {least:g} to {most:g}"
        numeric, unread = as_float(given)
        if unread is not None:
            self.blame(unread, name, must)
        known = ~null_mask(given)
        values = numeric
        with np.errstate(invalid="ignore"):
            bad = known & ~((values >= least) & (values <= most))
            if whole:
                bad |= known & (values != np.floor(values))
        if bad.any():
            late = "; is it in milliseconds?" if most == LATEST_S else ""
            self.blame(bad & (values > most), name, must + late)
            self.blame(bad, name, must)
        if name in _REQUIRED:
            self.blame(~known, name, must)
        self.values[name] = values
        self.columns[name] = _packed(given, values, known, _DTYPE[name])

    def names(self, name: str) -> None:
        """Check a column of words; they are kept as text."""
        given = as_text(self.raw.table.column(name))
        if name == "job_id":
            empty = null_mask(given) | _true(pc.equal(given, ""))
            self.blame(empty, name, "must be a name")
        else:
            given = pc.if_else(pc.equal(given, ""), pa.scalar(None, pa.string()), given)
        if name in ("state", "gpu_types", "mig_profile", "span", "after"):
            given = self.words(name, given)
        self.columns[name] = given

    def words(self, name: str, given: pa.ChunkedArray) -> pa.ChunkedArray:
        """Check each different word once."""
        if name == "state":
            given = pc.utf8_lower(pc.utf8_trim_whitespace(given))
        coded = given.combine_chunks().dictionary_encode()
        reasons = [word_fault(name, word) for word in coded.dictionary.to_pylist()]
        for reason in sorted({r for r in reasons if r}):
            hit = pa.array([r == reason for r in reasons] or [False], pa.bool_())
            self.blame(_true(hit.take(coded.indices)), name, reason)
        return pa.chunked_array([given.combine_chunks()])

    def duplicates(self) -> None:
        """Check that no job_id stands twice; the first of each is kept."""
        ids = self.columns["job_id"]
        key = whole_ids(ids)
        if key is not None:
            if self.n < 2 or np.all(key[1:] > key[:-1]):
                return
            ordered = np.argsort(key, kind="stable")
            again = np.zeros(self.n, np.bool_)
            again[ordered[1:]] = key[ordered[1:]] == key[ordered[:-1]]
        else:
            coded = ids.combine_chunks().dictionary_encode()
            if len(coded.dictionary) == self.n:
                return
            codes = np.asarray(coded.indices.fill_null(-1))
            first = np.unique(codes, return_index=True)[1]
            again = np.ones(self.n, np.bool_)
            again[first] = False
        self.blame(again & ~null_mask(ids), "job_id", "stands twice; each job needs its own")

    def elastic(self) -> None:
        """Check the bounds of elastic jobs."""
        values = self.values
        if "min_gpus" in values and "max_gpus" in values:
            wrong = values["min_gpus"] > values["max_gpus"]
            self.blame(wrong, "min_gpus", "must not exceed max_gpus")
            if "gpu_milli" in values:
                wrong = (values["min_gpus"] < values["max_gpus"]) & (values["gpu_milli"] < 1000)
                self.blame(wrong, "gpu_milli", "must be 1000: an elastic job takes whole GPUs")
        for name, sign in (("min_gpus", 1.0), ("max_gpus", -1.0)):
            if name in values:
                wrong = sign * values[name] > sign * values["gpus"]
                told = "must lie from min_gpus to max_gpus"
                self.blame(wrong, "gpus", told)

    def shaped(self) -> None:
        """Check what MIG instances and spans say beside other columns."""
        values = self.values
        if "mig_profile" in self.columns:
            cut = ~null_mask(self.columns["mig_profile"])
            self.blame(cut & ~(values["gpus"] >= 1), "mig_profile", "must have gpus above 0")
            if "gpu_milli" in values:
                beside = cut & ~np.isnan(values["gpu_milli"])
                self.blame(beside, "mig_profile", "must not stand beside gpu_milli")
        if "span" in self.columns and "nodes" in values:
            single = _true(pc.equal(self.columns["span"], "node")) & (values["nodes"] > 1)
            self.blame(single, "span", "must not be node where nodes is above 1")
        if "segment" in values and "nodes" in values:
            odd = (values["segment"] <= values["nodes"]) & (values["nodes"] % values["segment"] > 0)
            self.blame(odd, "segment", "must divide nodes")

    def together(self) -> None:
        """Check what two columns say together. An eligible_s before submit_s is raised to it."""
        values, submit = self.values, self.values["submit_s"]
        with np.errstate(invalid="ignore"):
            for name in ("deadline_s", "cancel_s"):
                if name in values:
                    self.blame(values[name] < submit, name, "must not be before the submission")
            self.elastic()
            if "nodes" in values and "gpus_per_node" in values:
                gpus, each = values["gpus"], values["gpus_per_node"]
                needs = np.where(each > 0, np.ceil(gpus / np.maximum(each, 1)), 0)
                wrong = ~np.isnan(needs * values["nodes"]) & (needs != values["nodes"]) & (gpus > 0)
                self.blame(wrong, "nodes", "must be gpus / gpus_per_node, rounded up")
            self.shaped()
            if "eligible_s" in values:
                early = (values["eligible_s"] < submit) & self.good
                if early.any():
                    raised = np.where(early, submit, values["eligible_s"])
                    self.columns["eligible_s"] = pa.array(raised, mask=np.isnan(raised))
                    self.raw.notes.append(f"eligible before submitted, raised to it: {early.sum()}")


def checked(raw: Raw, on_error: OnError) -> tuple[pa.Table, list[Fault]]:
    """Return the good rows in the file's order, and the faults of the others.

    Columns are those of JOB_REQUEST in its order, the recorded instants, then the unknown ones as
    they are. With `on_error="stop"` the fault of the earliest line raises TraceError.
    """
    present = raw.table.column_names
    if missing := [raw.named(name) for name in _REQUIRED if name not in present]:
        have = ", ".join(raw.named(name) for name in present[:40]) or "none"
        told = f"lacks the required {', '.join(missing)}; it has: {have}"
        raise TraceError(raw.source, remedy=told)
    checker = Checker(raw)
    for column in _CHECKED:
        if column.name in present:
            (checker.numbers if column.name in BOUNDS else checker.names)(column.name)
    checker.duplicates()
    checker.together()
    if checker.faults and on_error == "stop":
        raise error(raw.source, checker.faults, "workload.on_error=skip sets such rows aside")
    unknown = [name for name in present if name not in _DTYPE]
    if told_of := [name for name in unknown if name not in raw.known]:
        raw.notes.append(f"unknown columns kept: {', '.join(told_of)}")
    columns = checker.columns | {name: raw.table.column(name) for name in unknown}
    table = pa.table(columns)
    return (table if checker.good.all() else table.filter(pa.array(checker.good))), checker.faults


def as_float(column: pa.ChunkedArray) -> tuple[F8, Bool | None]:
    """Return numbers as float64, (n,), nan for null, and a mask of what is no number, if any is."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        text = pc.utf8_trim_whitespace(column)
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
        number = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
        reads = pc.match_substring_regex(text, number)
        unread = ~_true(pc.fill_null(reads, True))
        text = pc.if_else(pc.fill_null(reads, False), text, pa.scalar(None, text.type))
        column = pc.utf8_ltrim(text, "+").cast(pa.float64())
    else:
        try:
            column = column.cast(pa.float64(), safe=False)
            unread = None
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            unread = ~null_mask(column)
            column = pa.chunked_array([pa.nulls(len(column), pa.float64())])
    flat = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return np.asarray(flat.to_numpy(zero_copy_only=False)), unread


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as text; whole numbers that came as floats lose their `.0`."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_text(column.cast(kind.value_type))
    if pa.types.is_floating(kind):
        values, _ = as_float(column)
        whole = np.all(np.isnan(values) | ((values == np.floor(values)) & (abs(values) < 2**53)))
        column = column.cast(pa.int64()) if whole else column
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        words = [None if v is None else str(v) for v in column.to_pylist()]
        return pa.chunked_array([pa.array(words, pa.string())])


def whole_ids(ids: pa.ChunkedArray) -> NDArray[np.int64] | None:
    """Return ids as integers if every one is a whole number written plainly, else None."""
    if not all((word or "").isdigit() for word in ids.slice(0, 8).to_pylist()):
        return None
    try:
        number = ids.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    if ids.null_count or not pc.all(pc.equal(number.cast(pa.string()), ids)).as_py():
        return None if len(ids) else np.zeros(0, np.int64)
    return np.asarray(number.combine_chunks())


def null_mask(column: Any) -> Bool:
    """Return where nothing is known, (n,)."""
    if not column.null_count:
        return np.zeros(len(column), np.bool_)
    return _true(column.is_null())


def _true(mask: Any) -> Bool:
    filled = pc.fill_null(mask, False)
    if isinstance(filled, pa.ChunkedArray):
        filled = filled.combine_chunks()
    return np.asarray(filled.to_numpy(zero_copy_only=False), np.bool_)


def _packed(given: Any, values: F8, known: Bool, dtype: str) -> Any:
    if str(given.type) in (dtype, "double" if dtype == "float64" else dtype):
        return given
    if dtype == "float64":
        return pa.array(values, mask=~known)
    with np.errstate(invalid="ignore"):
        fits = known & (abs(values) < 2**31)
        return pa.array(np.where(fits, values, 0).astype(np.int32), mask=~fits)
