"""Helios: jobs of SenseTime's GPU clusters as sacct told them, a row a job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim.workload.check import as_float
from sim.workload.raw import Fault, Raw
from sim.workload.traces.base import Reading
from sim.workload.traces.table import read_csv
from sim.workload.traces.text import instants, nullable, text_of, without_unknown

NAMES = {
    "job_id": "job_id",
    "submit_s": "submit_time",
    "gpus": "gpu_num",
    "work_s": "duration",
    "cpus": "cpu_num",
    "tenant": "vc",
    "user": "user",
    "state": "state",
}


def read(path: Path, reading: Reading) -> Raw:
    """Return `job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,...`.

    A row without a duration takes that of end_time - start_time. A row that never started has no
    work that anyone knows, and Helios has no time limits: it is left out. `node_num` is kept as it
    is and not imposed: the nodes were the machine's answer, not the user's wish.

    Source: Q. Hu et al., Characterization and Prediction of Deep Learning Workloads in
    Large-Scale GPU Datacenters, SC 2021, and its HeliosData.
    Neglects: the users' estimates, which the set lacks: walltime_s is the true duration.
    """
    del reading
    raw = read_csv(path, {"gpu_num", "cpu_num", "duration"})
    table = raw.table
    columns = {ours: table.column(n) for ours, n in NAMES.items() if n in table.column_names}
    taken = {*NAMES.values(), "start_time", "end_time", "queue"}
    extra = {name: table.column(name) for name in table.column_names if name not in taken}
    times = {}
    for name in ("submit_time", "start_time", "end_time"):
        if name in table.column_names:
            times[name], unread = instants(text_of(table.column(name)))
            if name == "submit_time" and not unread.any():
                columns["submit_s"] = pa.chunked_array([nullable(times[name])])
    start, end = (times.get(n, np.full(len(table), np.nan)) for n in ("start_time", "end_time"))
    for name, at in (("recorded_start_s", start), ("recorded_end_s", end)):
        if not np.isnan(at).all():
            extra[name] = nullable(at)
    keep = np.ones(len(table), np.bool_)
    if "work_s" in columns and pa.types.is_floating(columns["work_s"].type):
        ran, _ = as_float(columns["work_s"])
        ran = np.where(np.isnan(ran), end - start, ran)
        columns["work_s"] = pa.chunked_array([nullable(ran)])
    if "start_time" in table.column_names:
        word = without_unknown(text_of(table.column("start_time")))
        keep = np.asarray(pc.is_valid(word).combine_chunks().to_numpy(zero_copy_only=False))
    if "state" in columns:
        columns["state"] = pc.replace_substring_regex(text_of(columns["state"]), r"\s.*$", "")
    rows = np.flatnonzero(~keep)
    for line in raw.lines(rows).tolist():
        raw.left_out.append(Fault(line, "start_time", "", "left out: never started"))
    raw.table = pa.table(columns | extra).filter(pa.array(keep))
    lines, kept = raw.lines, np.flatnonzero(keep)
    raw.lines = lambda rows: lines(kept[rows])
    raw.names = NAMES
    raw.known = frozenset({"recorded_start_s", "recorded_end_s"})
    return raw
