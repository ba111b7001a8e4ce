"""Slurm: `sacct --parsable2`, whatever fields it was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from sim.errors import TraceError
from sim.workload.raw import I8, Bool, Fault, Raw
from sim.workload.traces import slurm_fields, slurm_words
from sim.workload.traces.base import Reading
from sim.workload.traces.slurm_demand import demand
from sim.workload.traces.slurm_fields import Text
from sim.workload.traces.slurm_jobs import Told, arrays
from sim.workload.traces.slurm_lines import Lines
from sim.workload.traces.slurm_runs import latest, runs

NAMES = {
    "job_id": "JobID",
    "submit_s": "Submit",
    "eligible_s": "Eligible",
    "gpus": "AllocTRES",
    "work_s": "ElapsedRaw",
    "walltime_s": "TimelimitRaw",
    "tenant": "Account",
    "user": "User",
    "priority": "Priority",
    "state": "State",
}
WANTED = (
    *("jobid", "jobidraw", "cluster", "jobname", "partition", "qos", "account", "user", "state"),
    *("submit", "eligible", "start", "end", "elapsedraw", "elapsed", "timelimitraw", "timelimit"),
    *("priority", "nnodes", "ncpus", "reqtres", "alloctres", "reqgres", "allocgres", "reqmem"),
    *("nodelist", "exclusive", "segmentsize", "submitline"),
)
_CHUNK = 50_000


def read(path: Path, reading: Reading) -> Raw:
    """Return the allocations of a sacct file as jobs.

    Needed are an id (JobID or JobIDRaw), Submit, State, a duration (ElapsedRaw, Elapsed, or Start
    and End) and the GPUs (ReqTRES, AllocTRES, ReqGRES or AllocGRES). Everything else is used where
    it is there.

    `work_s` is ElapsedRaw, without the time suspended, or else End - Start. `gpus`, `cpus`,
    `mem_bytes` are those requested; those allocated for exclusive jobs and where no request is
    told. `nodes` are those allocated once it started, else requested. `walltime_s` is TimelimitRaw
    (minutes); it stands in for the work of a job that did not run to an end (`unfinished`).
    Rows of one id and submission are one run, the furthest told of them counts; a requeued job has
    several runs (`requeues`). A job cancelled before its start waits, and gives up, as it did.
    Times without a zone are taken as UTC. `job_name`, `partition`, `qos` and `node_list` are kept.
    `segment` is SegmentSize, else, as `switches`, what SubmitLine says.

    Source: sacct(1) of Slurm 22.05 to 26.11, and its recorded output.
    Neglects: dependencies and begin times but for Eligible; the % throttle of arrays; that the
    parts of a heterogeneous job start together (each part is a job); licences; reservations.
    """
    lines = Lines(path)
    text, at = _columns(lines)
    _essential(path, text)
    table, notes, left_out = _jobs(text, at, reading, lines.faults)
    begins = np.asarray(table.column("line").combine_chunks())
    table = table.drop_columns("line")
    raw = Raw(str(path), table, lambda rows: begins[rows], NAMES, lines.faults)
    raw.left_out, raw.notes = left_out, notes
    raw.known = frozenset(table.column_names)
    if lines.steps:
        raw.notes.append(f"steps passed by: {lines.steps}")
    return raw


def _columns(lines: Lines) -> tuple[Text, I8]:
    """Return the wanted fields as text, one column each, and the line of each record."""
    chunks: dict[str, list[pa.Array]] = {}
    at: list[int] = []
    rows: list[list[str]] = []
    where: list[tuple[str, int]] = []

    def keep() -> None:
        for name, i in where:
            told = [row[i] for row in rows]
            if name == "submitline":  # may be long; all that counts is whether it says so
                told = [slurm_words.wishes(word) for word in told]
            words = pa.array(told, pa.string())
            chunks.setdefault(name, []).append(words)
        rows.clear()

    for line, fields in lines.records():
        if not where:
            where = [(n, i) for i, n in enumerate(lines.names) if n in WANTED]
        at.append(line)
        rows.append(fields)
        if len(rows) == _CHUNK:
            keep()
    where = where or [(n, i) for i, n in enumerate(lines.names) if n in WANTED]
    keep()
    return {n: pa.chunked_array(c, pa.string()) for n, c in chunks.items()}, np.array(at, np.int64)


def _essential(path: Path, text: Text) -> None:
    needs = {
        "JobID or JobIDRaw": ("jobid", "jobidraw"),
        "Submit": ("submit",),
        "State": ("state",),
        "ReqTRES or AllocTRES (older: ReqGRES, AllocGRES)": (
            *("reqtres", "alloctres"),
            *("reqgres", "allocgres"),
        ),
        "ElapsedRaw (or Elapsed, or Start and End)": ("elapsedraw", "elapsed", "end"),
    }
    missing = [told for told, names in needs.items() if not any(n in text for n in names)]
    if not ({"elapsedraw", "elapsed"} & set(text)) and "start" not in text:
        missing = sorted({*missing, "ElapsedRaw (or Elapsed, or Start and End)"})
    if missing:
        have = ", ".join(sorted(text)) or "none of use"
        told = f"lacks the essential fields {'; '.join(missing)}; it has: {have}"
        raise TraceError(path, remedy=told + "; ask for them with sacct --format")


def _jobs(
    text: Text, at: I8, reading: Reading, faults: list[Fault]
) -> tuple[pa.Table, list[str], list[Fault]]:
    n, notes, left_out = len(at), [], list[Fault]()
    ids = slurm_fields.ids(text)
    state = slurm_fields.states(text["state"])
    bad = np.zeros(n, np.bool_)

    def blame(rows: Bool, column: str, must: str, into: list[Fault] = faults) -> None:
        for row in np.flatnonzero(rows & ~bad).tolist():
            value = text[column.lower()][row].as_py()
            into.append(Fault(int(at[row]), column, value, must))
        bad[rows] = True

    clock = {}
    for name in ("Submit", "Eligible", "Start", "End"):
        clock[name], unread = slurm_fields.clock(text, name.lower(), n)
        blame(unread, name, "must be a time as 2026-11-23T07:32:42 or seconds since 1970")
    blame(np.isnan(clock["Submit"]), "Submit", "must be a time; a job without is none")
    known = np.isin(state, (*slurm_words.ENDED, *slurm_words.LIVE))
    blame(state == "REVOKED", "State", "left out: its sibling in the federation ran", left_out)
    blame(~known, "State", "must be a state of Slurm, such as COMPLETED")
    ran, unread = slurm_fields.elapsed(text, clock, n)
    name = "ElapsedRaw" if "elapsedraw" in text else "Elapsed"
    if name.lower() in text:
        blame(unread, name, "must be seconds (Elapsed: [DD-]HH:MM:SS)")
    asked, unread = slurm_fields.limit(text, n)
    name = "TimelimitRaw" if "timelimitraw" in text else "Timelimit"
    if name.lower() in text:
        blame(unread, name, "must be minutes (Timelimit: [DD-]HH:MM:SS), or UNLIMITED")
    begun = slurm_fields.begun(text, clock, state, ran)
    if "start" not in text:
        notes.append("the file has no Start: a job ran if time passed, or if its state says so")
    wants = demand(text, begun)
    for column, unread in wants.unread.items():
        blame(unread, column, "must be a list as cpu=8,gres/gpu=2,mem=64G,node=1")
    job = Told(ids, state, clock, begun, ran, asked, wants)
    chosen = latest(ids, clock["Submit"], job.progress(), ~bad)
    if again := int(np.count_nonzero(~bad)) - len(chosen):
        notes.append(f"rows that tell of a run told elsewhere in the file: {again}")
    chosen = _with_work(chosen, job, reading, left_out, at, text)
    table, more = job.table(text, at, reading), job.notes(chosen, reading)
    table, told = runs(table, chosen, reading.requeues)
    table, told_arrays = arrays(table, faults)
    return table, notes + more + told + told_arrays, left_out


def _with_work(
    rows: I8, job: Told, reading: Reading, left_out: list[Fault], at: I8, text: Text
) -> I8:
    """Return the rows whose work is known; the others are left out, each with its reason."""
    for unfit, why in job.without_work(reading):
        left_out += [
            Fault(int(at[row]), "State", text["state"][row].as_py(), why)
            for row in rows[unfit[rows]].tolist()
        ]
        rows = rows[~unfit[rows]]
    return rows
