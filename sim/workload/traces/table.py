"""Files that hold one plain table: CSV through Arrow, and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim.errors import RackplanError, TraceError
from sim.files import MOST_BYTES, open_bytes, open_text, too_big
from sim.workload.raw import I8, Fault, Raw, from_one

_BLOCK = 2**22
_WIDEST = 2**20
_CHUNK = 50_000


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

    A file with a row that does not fit comes whole as text, row by row, for the rules to name it.
    An empty field is null.
    """
    names, delimiter, top = header_of(path)
    kinds = {name: pa.float64() if name in numbers else pa.string() for name in names}
    try:
        table = _arrow_csv(path, kinds, delimiter, top)
    except (pa.ArrowInvalid, UnicodeError):
        return _plain_csv(path, names, delimiter, top)
    return Raw(str(path), table, _Lines(path, delimiter, top))


def _arrow_csv(path: Path, kinds: Mapping[str, pa.DataType], delimiter: str, top: int) -> pa.Table:
    from pyarrow import csv as arrow

    with open_bytes(path) as file:
        for _ in range(top):
            file.readline(_WIDEST)
        return arrow.read_csv(
            pa.PythonFile(file, "r"),
            read_options=arrow.ReadOptions(column_names=list(kinds), block_size=_BLOCK),
            parse_options=arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow.ConvertOptions(
                column_types=kinds, null_values=[""], strings_can_be_null=True
            ),
        )


def _records(path: Path, delimiter: str, top: int) -> Iterator[tuple[int, list[str]]]:
    """Give the line each record below the header begins at, and its fields; empty lines pass by."""
    with open_text(path) as file:
        for _ in range(top):
            file.readline(_WIDEST)
        rows = csv.reader(file, delimiter=delimiter)
        begins = top + 1
        try:
            for fields in rows:
                if len(fields) > 1 or (fields and fields[0].strip()):
                    yield begins, fields
                begins = top + rows.line_num + 1
        except csv.Error as fault:
            told = f"is no row of a CSV ({fault})"
            raise TraceError(path, top + rows.line_num, remedy=told) from fault


def _plain_csv(path: Path, names: list[str], delimiter: str, top: int) -> Raw:
    """Return all columns as text; rows with the wrong count of fields become faults."""
    chunks: list[pa.Table] = []
    faults: list[Fault] = []
    lines: list[int] = []
    rows: list[list[str]] = []

    def keep() -> None:
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        empty = pa.array([], pa.string())
        chunks.append(pa.table(columns or [empty] * len(names), names=names))
        rows.clear()

    for line, fields in _records(path, delimiter, top):
        if len(fields) != len(names):
            told = f"the row has {len(fields)} fields; must have {len(names)} as the header"
            faults.append(Fault(line, "", delimiter.join(fields)[:200], told))
            continue
        lines.append(line)
        rows.append(fields)
        if len(rows) == _CHUNK:
            keep()
    keep()
    table = pa.concat_tables(chunks)
    null = pa.scalar(None, pa.string())
    columns = [pc.if_else(pc.equal(column, ""), null, column) for column in table.columns]
    begins = np.array(lines, np.int64)
    return Raw(str(path), pa.table(columns, names=names), lambda rows: begins[rows], faults=faults)


class _Lines:
    """Rows of a table to lines of its file: only asked for where something is wrong."""

    def __init__(self, path: Path, delimiter: str, top: int) -> None:
        self._file = path, delimiter, top

    def __call__(self, rows: I8) -> I8:
        """Return the line each row begins at, (k,)."""
        return self._begins[rows]

    @cached_property
    def _begins(self) -> I8:
        return np.array([line for line, _ in _records(*self._file)], np.int64)


def read_parquet(path: Path) -> Raw:
    """Return a Parquet file's columns as they are."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            held = 0
            for more in _unpacked(path, file):
                held += more
                if held > MOST_BYTES:
                    raise TraceError(path, remedy=too_big(MOST_BYTES))
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


def _unpacked(path: Path, file: Any) -> Iterator[int]:
    """Give the bytes that a Parquet file's columns take in memory, part by part.

    A word that many rows share is stored once, and so is a run of equal numbers: what the file
    says of its size is far below. Words are measured as codes, before they are spelled out.
    """
    from pyarrow import parquet

    about = file.metadata
    yield sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    leaves = [file.schema.column(i) for i in range(len(file.schema))]
    words = [c.path for c in leaves if c.path == c.name and c.physical_type == "BYTE_ARRAY"]
    nested = sorted({c.path.split(".")[0] for c in leaves if c.path != c.name})
    yield about.num_rows * 4 * (len(leaves) - len(words))
    with parquet.ParquetFile(path, read_dictionary=words) as coded:
        for names, rows in ((words, 2**16), (nested, 2**8)):
            for batch in coded.iter_batches(rows, columns=names) if names else ():
                yield sum(_spelled_out(column) for column in batch.columns)


def _spelled_out(column: pa.Array) -> int:
    """Return the bytes of a column, of each word if it holds codes for words."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    size = pc.binary_length(column.dictionary).cast(pa.int64())
    return pc.sum(size.take(column.indices)).as_py() or 0
