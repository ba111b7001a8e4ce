"""Files that hold one plain table: CSV through Arrow, and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pyarrow as pa

from sim.errors import RackplanError, TraceError
from sim.files import MOST_BYTES, open_bytes
from sim.workload.raw import I8, Fault, Raw, from_one

_BLOCK = 2**22
_WIDEST = 2**20


def header_of(path: Path) -> tuple[list[str], str, int]:
    """Return the names in a CSV's header, the delimiter, and the lines down to it, itself in.

    Empty lines and lines that begin with # may stand before it.
    """
    with open_bytes(path) as file:
        for number in range(1, 1000):
            line = file.readline(_WIDEST).decode("utf-8-sig", "backslashreplace")
            if not line or len(line) >= _WIDEST:
                break
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            delimiter = max(",;\t|", key=line.count)
            try:
                names = next(csv.reader([line], delimiter=delimiter))
            except csv.Error:
                break
            names = [n.strip() or f"column {i + 1}" for i, n in enumerate(names)]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise TraceError(path, number, "the header", twice[0], "each name must stand once")
            return names, delimiter, number
    raise TraceError(path, remedy="holds no table with a header line")


def read_csv(path: Path, numbers: Collection[str]) -> Raw:
    """Return a CSV's columns under their own names: those of `numbers` as float64, if all are.

    A file whose numbers do not all read comes whole as text, for the rules to name the row.
    """
    names, delimiter, top = header_of(path)
    kinds = {name: pa.float64() if name in numbers else pa.string() for name in names}
    short: list[Fault] = []
    try:
        table = _arrow_csv(path, names, delimiter, top, kinds, None)
        wrong: list[int] = []
    except (pa.ArrowInvalid, UnicodeError):
        table, wrong = _plain_csv(path, names, delimiter, top, short)
    lines = _Lines(path, top, wrong)
    return Raw(str(path), table, lines, faults=short)


def _arrow_csv(
    path: Path,
    names: list[str],
    delimiter: str,
    top: int,
    kinds: dict[str, pa.DataType],
    refuse: Callable[..., str] | None,
) -> pa.Table:
    from pyarrow import csv as arrow

    with open_bytes(path) as file:
        for _ in range(top):
            file.readline(_WIDEST)
        return arrow.read_csv(
            pa.PythonFile(file, "r"),
            read_options=arrow.ReadOptions(
                column_names=names, block_size=_BLOCK, use_threads=refuse is None
            ),
            parse_options=arrow.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=arrow.ConvertOptions(
                column_types=kinds, null_values=[""], strings_can_be_null=True
            ),
        )


def _plain_csv(
    path: Path, names: list[str], delimiter: str, top: int, short: list[Fault]
) -> tuple[pa.Table, list[int]]:
    """Return all columns as text, and which records (from 1) have the wrong count of fields."""
    wrong: list[tuple[int, int, str]] = []

    def refuse(row: object) -> str:
        number, count = getattr(row, "number", 0) or 0, getattr(row, "actual_columns", 0)
        wrong.append((number, count, str(getattr(row, "text", ""))[:200]))
        return "skip"

    kinds = dict.fromkeys(names, pa.binary())
    try:
        table = _arrow_csv(path, names, delimiter, top, kinds, refuse)
    except (pa.ArrowInvalid, UnicodeError) as fault:
        if "Empty CSV" in str(fault):
            table = pa.table({name: pa.array([], pa.string()) for name in names})
        else:
            raise TraceError(path, remedy=f"is no readable CSV ({fault})") from fault
    numbers = [number for number, _, _ in wrong]
    at = _Lines(path, top, []).of_records(np.array(numbers, np.int64))
    for line, (_, count, text) in zip(at.tolist(), wrong, strict=True):
        told = f"the row has {count} fields; must have {len(names)} as the header"
        short.append(Fault(line, "", text, told))
    columns = [_decoded(table.column(i)) for i in range(len(names))]
    return pa.table(columns, names=names), numbers


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        raw = column.to_pylist()
        words = [None if v is None else v.decode("utf-8", "backslashreplace") for v in raw]
        return pa.chunked_array([pa.array(words, pa.string())])


class _Lines:
    """Rows of a table to lines of its file: only asked for where something is wrong."""

    def __init__(self, path: Path, top: int, wrong: list[int]) -> None:
        self.path, self.top = path, top
        self.wrong = np.array(sorted(wrong), np.int64)

    def __call__(self, rows: I8) -> I8:
        """Return the line each row begins at, (k,)."""
        records = rows + 1
        for gone in self.wrong:
            records = records + (records >= gone)
        return self.of_records(records)

    def of_records(self, records: I8) -> I8:
        """Return the line that the k-th record below the header begins at, k from 1, (n,)."""
        if not len(records):
            return records
        begins = np.zeros(int(records.max()) + 1, np.int64)
        count, line, quoted = 0, 0, False
        with open_bytes(self.path) as file:
            for text in file:
                line += 1
                if line <= self.top:
                    continue
                if not quoted and text.strip():
                    count += 1
                    if count < len(begins):
                        begins[count] = line
                quoted ^= text.count(b'"') % 2 == 1
                if count >= len(begins):
                    break
        return begins[records]


def read_parquet(path: Path) -> Raw:
    """Return a Parquet file's columns as they are."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            about = file.metadata
            held = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
            if held > MOST_BYTES:
                raise TraceError(path, remedy="holds more bytes than the bound; cut it")
            table = file.read()
        names = table.column_names
        if len(set(names)) < len(names):
            raise TraceError(path, remedy="a column's name stands twice")
        table.validate(full=table.num_rows < 10_000)
    except RackplanError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError) as fault:
        raise TraceError(path, remedy=f"is no readable Parquet file ({fault})") from fault
    return Raw(str(path), table, from_one)
