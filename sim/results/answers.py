"""What became of requests, told block by block: of 10^8 no table is ever in memory.

A run that was just made has columns by service, 31 bytes a request; one that was read has the table
REQUESTS, 70 bytes. Both are asked the same way, and answer to the last digit alike.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim import table
from sim.state.fates import each_s, seconds
from sim.state.services import Served
from sim.table_served import REQUESTS

BLOCK = 1 << 16
"""Requests in a block: what is done with them happens in the cache."""
PIECE = 1 << 20
"""Rows of a piece of the table, as many as are written together."""
FATES = ["answered", "shed", "open"]
NUMBERS = (
    "arrival_s",
    "prompt_tokens",
    "output_tokens",
    "ttft_s",
    "tpot_s",
    "e2e_s",
    "preemptions",
)
MIXED = 1000
"""Changes from one service to another in a chunk from which on they are taken to stand mixed."""
NOBODY = "(none)"
"""What a request without a class is counted as."""
Block = Mapping[str, np.ndarray]


class Answers(abc.ABC):
    """What became of all requests."""

    @abc.abstractmethod
    def blocks(self, service: str) -> Iterator[Block]:
        """Return the requests of a service in order, block by block, columns by name.

        Those of NUMBERS, nan where not known; whether it was `shed`; the number of its `class`.
        """

    @abc.abstractmethod
    def classes(self, service: str) -> list[str]:
        """Return what the numbers of classes stand for, sorted; empty if no request has one."""

    @abc.abstractmethod
    def many(self, service: str) -> int:
        """Return how many requests a service has."""

    @abc.abstractmethod
    def pieces(self) -> Iterator[pa.Table]:
        """Return the table REQUESTS in pieces of PIECE rows, the last with what is left."""

    @abc.abstractmethod
    def table(self) -> pa.Table:
        """Return the table REQUESTS."""

    def column(self, service: str, name: str) -> np.ndarray:
        """Return a column of the requests of a service, (n,)."""
        made, n = np.empty(self.many(service)), 0
        for block in self.blocks(service):
            made[n : n + len(block[name])] = block[name]
            n += len(block[name])
        return made


def words(codes: np.ndarray, texts: Sequence[str | None]) -> pa.Array:
    """Return the text that each code stands for, (n,); at once where all are alike."""
    if len(codes) and codes.min() == codes.max():
        one = pa.scalar(texts[int(codes[0])], pa.string())
        return pa.repeat(one, len(codes))
    index = pa.array(np.asarray(codes, np.int32))
    return pa.DictionaryArray.from_arrays(index, pa.array(texts, pa.string())).cast(pa.string())


class Late(Mapping[str, np.ndarray]):
    """Columns of a block, each made when it is first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[Block], np.ndarray]]) -> None:
        self._makers, self._made = makers, dict[str, np.ndarray]()

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column."""
        if name not in self._made:
            self._made[name] = self._makers[name](self)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        """Return the names of the columns."""
        return iter(self._makers)

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self._makers)


def _block(one: Served, rows: slice, code: np.ndarray) -> Block:
    """Return some requests of a service, `code` the number of each class."""
    fates, output = one.fates.part(rows), one.output[rows]
    return Late({
        "arrival_s": lambda _: one.arrival_s[rows],
        "prompt_tokens": lambda _: one.prompt[rows],
        "output_tokens": lambda _: output,
        "ttft_s": lambda _: seconds(fates.first),
        "tpot_s": lambda own: each_s(own["ttft_s"], own["e2e_s"], output),
        "e2e_s": lambda _: seconds(fates.last),
        "preemptions": lambda _: fates.preempted,
        "shed": lambda _: fates.shed(),
        "class": lambda _: code[one.klass[rows]],
    })  # fmt: skip


class OfRun(Answers):
    """Of a run that was just made."""

    def __init__(self, served: Sequence[Served]) -> None:
        """Keep the columns of services; a pool to which nobody comes from outside has none."""
        self._all = [one._replace(log=None, replicas=()) for one in served]  # these have tables
        self._by = {one.of.name: one for one in reversed(self._all)}  # of two pools the first

    def many(self, service: str) -> int:
        """Return how many requests a service has."""
        return len(self._by[service].fates.first)

    @cached_property
    def _names(self) -> dict[str, tuple[np.ndarray, list[str]]]:
        """The code of each class by service, and the names that occur, sorted."""
        made = {}
        for name, one in self._by.items():
            n = len(one.fates.first)
            there = np.zeros(len(one.classes), np.bool_)
            for first in range(0, n, BLOCK):
                there[one.klass[first : min(first + BLOCK, n)]] = True
            known = [word or NOBODY for word in one.classes]
            found = sorted({known[k] for k in np.flatnonzero(there)})
            code = np.array([found.index(w) if w in found else 0 for w in known], np.int64)
            classed = any(one.classes[k] for k in np.flatnonzero(there))
            made[name] = code, found if classed else []
        return made

    def classes(self, service: str) -> list[str]:
        """Return what the numbers of classes stand for, sorted; empty if no request has one."""
        return self._names[service][1]

    def blocks(self, service: str) -> Iterator[Block]:
        """Return the requests of a service in order, block by block, columns by name."""
        one, n = self._by[service], self.many(service)
        code = self._names[service][0]
        for first in range(0, n, BLOCK):
            rows = slice(first, min(first + BLOCK, n))
            yield _block(one, rows, code)

    def pieces(self) -> Iterator[pa.Table]:
        """Return the table REQUESTS in pieces of PIECE rows, the last with what is left."""
        parts, room, some = list[pa.Table](), PIECE, False
        for one in self._all:
            first, n = 0, len(one.fates.first)
            while first < n:
                last = min(first + room, n)
                parts.append(self._piece(one, slice(first, last)))
                first, room = last, room - (last - first)
                if not room:
                    yield pa.concat_tables(parts)
                    parts, room, some = [], PIECE, True
        if parts or not some:
            yield pa.concat_tables(parts or [self._piece(self._all[0], slice(0, 0))])

    def _piece(self, one: Served, rows: slice) -> pa.Table:
        """Return REQUESTS of some rows of a service."""
        fates = one.fates.part(rows)
        ttft, tpot, e2e = fates.times(one.output[rows])
        fate = np.where(fates.last >= 0, 0, np.where(fates.shed(), 1, 2))
        nowhere = fates.place < 0
        values: dict[str, Any] = {
            "service": words(np.zeros(len(fate), np.int8), [one.of.name]),
            "arrival_s": one.arrival_s[rows],
            "prompt_tokens": one.prompt[rows],
            "output_tokens": one.output[rows],
            "class": words(one.klass[rows], [name or None for name in one.classes]),
            "fate": words(fate, FATES),
            "ttft_s": ttft,
            "tpot_s": tpot,
            "e2e_s": e2e,
            "place": np.where(nowhere, np.nan, fates.place) if nowhere.any() else fates.place,
            "preemptions": fates.preempted,
        }
        return table.from_numpy(REQUESTS, values)

    def table(self) -> pa.Table:
        """Return the table REQUESTS."""
        return pa.concat_tables(list(self.pieces()))


class OfTable(Answers):
    """Of a table REQUESTS, such as was read."""

    def __init__(self, made: pa.Table) -> None:
        self._table = made

    @cached_property
    def _rows(self) -> dict[str, list[pa.Table]]:
        """The rows of each service, as parts of the table one after the other."""
        found: dict[str, list[pa.Table]] = {}
        column, first = self._table.column("service"), 0
        for chunk in column.chunks:  # texts of all rows together may be more than Arrow holds
            coded = chunk.dictionary_encode()
            names, code = coded.dictionary.to_pylist(), np.asarray(coded.indices)
            edges = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), len(code)]
            if len(edges) > MIXED:
                every = pc.unique(column).to_pylist()
                return {name: [self._table.filter(pc.equal(column, name))] for name in every}
            for begin, end in pairwise(edges):
                if end > begin:
                    rows = self._table.slice(first + begin, end - begin)
                    found.setdefault(names[code[begin]], []).append(rows)
            first += len(code)
        return found

    def _of(self, service: str) -> pa.Table:
        """Return the rows of a service."""
        return pa.concat_tables(self._rows.get(service, [self._table.slice(0, 0)]))

    def many(self, service: str) -> int:
        """Return how many requests a service has."""
        return int(self._of(service).num_rows)

    def classes(self, service: str) -> list[str]:
        """Return what the numbers of classes stand for, sorted; empty if no request has one."""
        column = self._of(service).column("class")
        if column.null_count == len(column):
            return []
        return sorted({word or NOBODY for word in pc.unique(column).to_pylist()})

    def blocks(self, service: str) -> Iterator[Block]:
        """Return the requests of a service in order, block by block, columns by name."""
        rows, names = self._of(service), pa.array(self.classes(service) or [NOBODY], pa.string())
        for batch in rows.to_batches(max_chunksize=BLOCK):
            part = pa.Table.from_batches([batch])
            made = {name: table.to_numpy(part, name) for name in NUMBERS}
            known = pc.fill_null(part.column("class").cast(pa.string()), NOBODY)
            code = pc.fill_null(pc.index_in(known, names), 0)
            made["class"] = np.asarray(code.combine_chunks().to_numpy(zero_copy_only=False))
            shed = pc.equal(part.column("fate"), FATES[1]).combine_chunks()
            made["shed"] = np.asarray(shed.to_numpy(zero_copy_only=False), np.bool_)
            yield made

    def pieces(self) -> Iterator[pa.Table]:
        """Return the table REQUESTS in pieces of PIECE rows, the last with what is left."""
        for first in range(0, max(self._table.num_rows, 1), PIECE):
            yield self._table.slice(first, PIECE)

    def table(self) -> pa.Table:
        """Return the table REQUESTS."""
        return self._table
