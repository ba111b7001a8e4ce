"""Which jobs wait for which: the columns `after`, `array`, `array_most` become edges."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim.errors import ScenarioError
from sim.state.waits import Edges
from sim.state.words import After
from sim.table import codes, to_numpy

MOST_FAULTS = 20
KINDS = {
    "after": After.START, "afterany": After.ANY, "afterok": After.OK, "afternotok": After.NOT_OK,
    "aftercorr": After.OK,
}  # fmt: skip
_ID = r"[^:,?+\s]+(?:\+\d+)?"
_PART = rf"(?:(?:after|afterany|afterok|afternotok|aftercorr)(?::{_ID})+|singleton)"
SHAPE = re.compile(rf"{_PART}(?:,{_PART})*|{_PART}(?:\?{_PART})*")
MUST = "must read like 'afterok:7:8,afterany:9', 'after:7+5' (minutes) or 'singleton'"
USED = ("after", "array")


def wrong(text: str) -> bool:
    """Return whether a text is no dependency."""
    if SHAPE.fullmatch(text) is None:
        return True
    return any("+" in part and not part.startswith("after:") for part in re.split("[,?]", text))


class Reader:
    """Reads dependencies into edges, and collects every fault on the way."""

    def __init__(self, jobs: pa.Table) -> None:
        self.jobs, self.faults = jobs, list[str]()
        self.ids = jobs.column("job_id").cast(pa.string()).to_pylist()
        self.row = {name: row for row, name in enumerate(self.ids)}
        self.edges: list[tuple[int, int, int, float]] = []
        self.any_of = np.zeros(len(self.ids), np.bool_)
        code, self.arrays = codes(jobs, "array")
        self.array = np.full(len(code), -1, np.int64)
        named = np.array([name != "" for name in self.arrays])
        self.array[named[code]] = code[named[code]]
        self.parts: dict[str, list[int]] = {}
        for row in np.flatnonzero(self.array >= 0):
            self.parts.setdefault(self.arrays[self.array[row]], []).append(int(row))

    def blame(self, row: int, told: str) -> None:
        """Note a fault of a job's dependency."""
        self.faults.append(f"workload: job {self.ids[row]!r}: after {told}")

    def parents(self, row: int, kind: str, name: str) -> list[int]:
        """Return the rows that a name stands for: a job, or an array with all its jobs."""
        if kind == "aftercorr":
            own = self.parts.get(self.arrays[self.array[row]], []) if self.array[row] >= 0 else []
            other, place = self.parts.get(name, []), own.index(row) if row in own else -1
            if 0 <= place < len(other):
                return [other[place]]
            self.blame(row, f"names {name!r}, an array without a job at the same place")
            return []
        if name in self.row:
            return [self.row[name]]
        if name in self.parts:
            return [other for other in self.parts[name] if other != row]
        self.blame(row, f"names {name!r}; must be a job_id or an array of the workload")
        return []

    def read(self, row: int, text: str) -> None:
        """Read one job's dependency."""
        if wrong(text):
            self.blame(row, f"is {text!r}; {MUST}")
            return
        self.any_of[row] = "?" in text
        for part in re.split("[,?]", text):
            kind, *names = part.split(":")
            if kind == "singleton":
                continue
            for given in names:
                name, _, minutes = given.partition("+")
                for parent in self.parents(row, kind, name):
                    edge = (parent, row, int(KINDS[kind]), 60.0 * float(minutes or 0))
                    self.edges.append(edge)

    def singletons(self, rows: list[int]) -> None:
        """Let each of these jobs wait for all earlier ones of its name and user."""
        name, names = codes(self.jobs, "job_name")
        user, _ = codes(self.jobs, "user" if "user" in self.jobs.column_names else "tenant")
        alone, groups = set(rows), dict[tuple[int, int], list[int]]()
        for row in range(len(self.ids)):
            if names[name[row]]:
                groups.setdefault((int(name[row]), int(user[row])), []).append(row)
            elif row in alone:
                self.blame(row, "is 'singleton'; the job needs a job_name")
        for group in groups.values():
            for k, later in enumerate(group):
                if later in alone:
                    self.edges += [(other, later, int(After.ANY), 0.0) for other in group[:k]]

    def cycle(self) -> None:
        """Note a job that waits for itself by way of others."""
        children: dict[int, list[int]] = {}
        waits: dict[int, int] = {}
        for parent, child, _, _ in self.edges:
            children.setdefault(parent, []).append(child)
            waits[child] = waits.get(child, 0) + 1
        free = [row for row in children if row not in waits]
        while free:
            for child in children.get(free.pop(), []):
                waits[child] -= 1
                if waits[child] == 0:
                    del waits[child]
                    free.append(child)
        stuck = [row for row in sorted(waits) if row in children]
        if stuck:
            self.blame(stuck[0], "leads back to it; dependencies must not form a circle")

    def result(self) -> Edges:
        """Return the edges; ScenarioError holds all faults."""
        jobs = self.jobs
        if "after" in jobs.column_names:
            column = jobs.column("after").combine_chunks()
            rows = np.flatnonzero(np.asarray(pc.fill_null(pc.not_equal(column, ""), False)))
            texts = dict(zip(rows.tolist(), column.take(pa.array(rows)).to_pylist(), strict=True))
            for row, text in texts.items():
                self.read(row, text)
            alone = [row for row, text in texts.items() if "singleton" in re.split("[,?]", text)]
            if alone:
                self.singletons(alone)
            self.cycle()
        most = np.full(len(self.arrays), np.iinfo(np.int64).max)
        asked = to_numpy(jobs, "array_most")
        limited = np.flatnonzero((self.array >= 0) & ~np.isnan(asked))
        np.minimum.at(most, self.array[limited], asked[limited].astype(np.int64))
        if self.faults:
            more = len(self.faults) - MOST_FAULTS
            rest = [f"workload: after: {more} more such faults"] if more > 0 else []
            raise ScenarioError(self.faults[:MOST_FAULTS] + rest)
        throttled = most[self.array] < np.iinfo(np.int64).max
        array = np.where((self.array >= 0) & throttled, self.array, -1)
        parent, child, when, delay_s = zip(*self.edges, strict=True) if self.edges else ((),) * 4
        return Edges(
            np.array(parent, np.int64), np.array(child, np.int64), np.array(when, np.int8),
            np.array(delay_s, np.float64), self.any_of, array, most,
        )  # fmt: skip


def edges_of(jobs: pa.Table) -> Edges | None:
    """Return who waits for whom, by row; None where nobody does, so that it costs nothing.

    ScenarioError names every dependency that cannot be read, names no job, or leads back to itself.

    Source: Slurm, sbatch(1), --dependency and --array=…%n.
    Neglects: afterburstbuffer; `aftercorr` goes by the place in the array, not by the index.
    """
    told = [name for name in USED if name in jobs.column_names]
    if not any(pc.any(pc.fill_null(pc.not_equal(jobs.column(n), ""), False)).as_py() for n in told):
        return None
    found = Reader(jobs).result()
    return found if len(found.parent) or (found.array >= 0).any() else None


def copied(jobs: pa.Table, place: Any) -> pa.Table:
    """Return jobs whose ids have got `~place` at their end, with the names they wait for alike."""
    for name in USED:
        if name in jobs.column_names:
            texts = jobs.column(name).to_pylist()
            made = [renamed(t, f"~{p}", name) for t, p in zip(texts, place.tolist(), strict=True)]
            at = jobs.column_names.index(name)
            jobs = jobs.set_column(at, name, pa.array(made, pa.string()))
    return jobs


def renamed(text: str | None, end: str, column: str) -> str | None:
    """Return a dependency, or an array's name, with `end` behind each name in it."""
    if not text or column == "array":
        return text + end if text else text
    return re.sub(r":([^:,?+\s]+)", rf":\g<1>{end}", text)


def mended(jobs: pa.Table) -> tuple[pa.Table, list[str]]:
    """Return the jobs without dependencies on jobs that a cut has left out, and a note of it."""
    if "after" not in jobs.column_names:
        return jobs, []
    known = set(jobs.column("job_id").cast(pa.string()).to_pylist())
    if "array" in jobs.column_names:
        known |= set(jobs.column("array").to_pylist())
    dropped, made = 0, []
    for text in jobs.column("after").to_pylist():
        parts = []
        for part in re.findall(r"[^,?]+|[,?]", text or ""):
            kind, *names = part.split(":")
            kept = [name for name in names if name.partition("+")[0] in known]
            dropped += len(names) - len(kept)
            if kept or not names:
                parts.append(":".join([kind, *kept]))
        whole = re.sub(r"([,?])[,?]+", r"\1", "".join(parts)).strip(",?")
        made.append(whole or None)
    at = jobs.column_names.index("after")
    notes = [f"dependencies on jobs left out, dropped: {dropped}"] if dropped else []
    return jobs.set_column(at, "after", pa.array(made, pa.string())), notes


__all__ = ["MUST", "copied", "edges_of", "mended", "wrong"]
