"""SWF: the Standard Workload Format of the Parallel Workloads Archive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sim.errors import TraceError
from sim.files import open_text
from sim.workload.raw import I8, Bool, Fault, Raw
from sim.workload.traces.base import Reading, never_ran
from sim.workload.traces.text import nullable

F8 = NDArray[np.float64]
FIELDS = (
    "job number",
    "submit time",
    "wait time",
    "run time",
    "allocated processors",
    "average CPU time",
    "used memory",
    "requested processors",
    "requested time",
    "requested memory",
    "status",
    "user",
    "group",
    "executable",
    "queue",
    "partition",
    "preceding job",
    "think time",
)
STATES = {1.0: "completed", 0.0: "failed", 5.0: "cancelled"}
NAMES = {"job_id": FIELDS[0], "submit_s": FIELDS[1], "work_s": FIELDS[3], "gpus": FIELDS[7]}
_WORDS = (0, 11, 12, 13, 14, 15, 16)  # fields that are names; the others are numbers
_NUMBERS = tuple(i for i in range(17) if i not in _WORDS)
_KEY = re.compile(r"^;\s*([A-Za-z]\w*)\s*:\s*(.*)$")
_CHUNK = 50_000


@dataclass
class _Log:
    """The log as text: fields of each line, and what the header says."""

    words: list[list[pa.Array]] = field(default_factory=lambda: [[] for _ in _WORDS])
    numbers: list[F8] = field(default_factory=list)
    lines: list[I8] = field(default_factory=list)
    header: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    longer: int = 0

    def take(self, lines: list[int], rows: list[list[str]]) -> None:
        """Keep a chunk; rows whose numbers do not read become faults."""
        flat = list(chain.from_iterable([row[i] for i in _NUMBERS] for row in rows))
        try:
            values = np.asarray(pa.array(flat, pa.string()).cast(pa.float64()))
        except pa.ArrowInvalid:
            good = []
            for i, (line, row) in enumerate(zip(lines, rows, strict=True)):
                fault = _unread(line, row)
                if fault is None:
                    good.append(i)
                else:
                    self.faults.append(fault)
            if len(good) < len(rows):
                self.take([lines[i] for i in good], [rows[i] for i in good])
                return
            values = np.array([float(word) for word in flat])
        self.numbers.append(values.reshape(-1, len(_NUMBERS)))
        self.lines.append(np.array(lines, np.int64))
        for kept, i in zip(self.words, _WORDS, strict=True):
            kept.append(pa.array([row[i] for row in rows], pa.string()))


def _unread(line: int, row: list[str]) -> Fault | None:
    for i in _NUMBERS:
        try:
            float(row[i])
        except ValueError:
            return Fault(line, FIELDS[i], row[i], "must be a number, -1 where unknown")
    return None


def _rows(path: Path, log: _Log) -> Iterator[tuple[int, list[str]]]:
    begun = False
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            fields = line.split()
            if not fields:
                continue
            if fields[0][0] == ";":
                if key := _KEY.match(line):
                    log.header.setdefault(key[1], key[2].strip()[:200])
                continue
            if not begun and fields[0][0].isalpha():
                continue
            begun = True
            if len(fields) < len(FIELDS):
                told = f"the line has {len(fields)} fields; must have {len(FIELDS)}"
                log.faults.append(Fault(number, "", line.strip()[:200], told))
                continue
            log.longer += len(fields) > len(FIELDS)
            yield number, fields


def _log(path: Path) -> _Log:
    log, lines, rows = _Log(), [], []
    for number, fields in _rows(path, log):
        lines.append(number)
        rows.append(fields)
        if len(rows) == _CHUNK:
            log.take(lines, rows)
            lines, rows = [], []
    log.take(lines, rows)
    return log


def read(path: Path, reading: Reading) -> Raw:
    """Return a log of 18 fields a line; -1 is unknown, ; begins a comment, further fields pass by.

    One processor becomes one GPU. `gpus` is field 8 or else 5 (`procs=requested`), or 5 or else 8
    (`used`); `work_s` is field 4; `walltime_s` is field 9, the run time where it is unknown;
    `tenant` is the group, `user` the user. Field 10 (KB a processor) gives `mem_bytes`.
    Lines without a run time are left out, except cancelled ones that say how long they waited and
    asked for: these wait, and give up, as they did. Status 2 to 4 (parts of a job) is left out.

    Source: S. J. Chapin et al., Benchmarks and Standards for the Evaluation of Parallel Job
    Schedulers, JSSPP 1999; the Parallel Workloads Archive's definition, version 2.2.
    Neglects: preceding job and think time (a job comes when it came), and which nodes were used.
    """
    log = _log(path)
    if not sum(map(len, log.lines)) and not log.faults:
        raise TraceError(path, remedy="holds no line with the 18 fields of SWF")
    number = dict(zip(_NUMBERS, np.concatenate(log.numbers).T, strict=True))
    lines = np.concatenate(log.lines)
    words = [pa.chunked_array(chunks, pa.string()) for chunks in log.words]
    raw = Raw(str(path), pa.table({}), lambda rows: lines, NAMES, log.faults)
    submit, wait, run, asked = (number[i] for i in (1, 2, 3, 8))
    first, second = (7, 4) if reading.procs == "requested" else (4, 7)
    gpus = np.where(number[first] > 0, number[first], number[second])
    gave_up = (run < 0) & (number[10] == 5) & (wait >= 0) & (asked > 0)
    gave_up &= reading.unfinished == "estimate"
    keep = _left_out(raw, lines, number, gpus, gave_up)
    memory = np.where((number[9] > 0) & (gpus > 0), 1024.0 * number[9] * gpus, np.nan)
    states = [STATES.get(status) for status in np.where(gave_up, 1.0, number[10]).tolist()]
    extra = dict(zip(("executable", "queue", "partition"), words[3:6], strict=True))
    columns = {
        "job_id": words[0],
        "submit_s": submit,
        "gpus": gpus,
        "work_s": np.where(gave_up, asked, run),
        "walltime_s": nullable(np.where(asked > 0, asked, np.nan)),
        "mem_bytes": nullable(memory),
        "tenant": words[2],
        "user": words[1],
        "state": pa.array(states, pa.string()),
        "cancel_s": nullable(np.where(gave_up, submit + wait, np.nan)),
        "recorded_start_s": nullable(np.where((wait >= 0) & (run >= 0), submit + wait, np.nan)),
    }
    raw.table = pa.table(columns | extra).filter(pa.array(keep))
    kept = lines[keep]
    raw.lines = lambda rows: kept[rows]
    raw.known = frozenset({"recorded_start_s", *extra})
    _tell(raw, log, words[6])
    raw.notes += never_ran(int(np.count_nonzero(gave_up & keep)))
    return raw


def _left_out(raw: Raw, lines: I8, number: dict[int, F8], gpus: F8, gave_up: Bool) -> Bool:
    """Note the lines that hold no job to simulate; return where one is, (n,)."""
    keep = np.ones(len(lines), np.bool_)
    part = np.isin(number[10], (2, 3, 4))
    for bad, field_, value, why in (
        (part, 10, number[10], "left out: a part of a job that has its own line"),
        (number[3] == -1, 3, number[3], "left out: no run time is known"),
        (gpus <= 0, 7, gpus, "left out: no number of processors is known"),
    ):
        for row in np.flatnonzero(bad & keep & ~(gave_up & (field_ == 3))).tolist():
            keep[row] = False
            told = Fault(int(lines[row]), FIELDS[field_], f"{value[row]:g}", why)
            raw.left_out.append(told)
    return keep


def _tell(raw: Raw, log: _Log, preceding: pa.ChunkedArray) -> None:
    raw.notes.append("one processor of the log is one GPU")
    told = [f"{k} {log.header[k]}" for k in ("Computer", "MaxNodes", "MaxProcs") if k in log.header]
    if told:
        raw.notes.append(f"the log's machine: {', '.join(told)}")
    if begin := log.header.get("UnixStartTime"):
        raw.notes.append(f"time 0 of the log is {begin} s after 1970")
    if log.longer:
        raw.notes.append(f"lines with more than 18 fields, the rest passed by: {log.longer}")
    alone = pc.is_in(preceding, pa.array(["-1", "0", "-1.0", "0.0"], pa.string()))
    if waits := len(alone) - (pc.sum(alone).as_py() or 0):
        raw.notes.append(f"jobs that wait for a preceding one in the log, not followed: {waits}")
