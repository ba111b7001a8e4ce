"""Helios: jobs of SenseTime's GPU clusters as sacct told them, a row a job."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sim.workload.check import null_mask
from sim.workload.raw import Raw, without
from sim.workload.traces.base import Reading
from sim.workload.traces.table import read_csv
from sim.workload.traces.text import (
    instants,
    nullable,
    text_of,
    timed,
    without_unknown,
)

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
    raw.names = NAMES
    if "submit_time" not in raw.table.column_names:
        return raw
    if "start_time" in raw.table.column_names:
        word = without_unknown(text_of(raw.table.column("start_time")))
        without(raw, null_mask(word), "start_time", "left out: never started", raw.left_out)
    submit = timed(raw, "submit_time")
    table = raw.table
    columns = {ours: table.column(n) for ours, n in NAMES.items() if n in table.column_names}
    columns["submit_s"] = pa.chunked_array([submit])
    taken = {*NAMES.values(), "start_time", "end_time", "queue"}
    extra = {name: table.column(name) for name in table.column_names if name not in taken}
    span = {}
    for name, ours in (("start_time", "recorded_start_s"), ("end_time", "recorded_end_s")):
        if name in table.column_names:
            span[ours], _ = instants(text_of(table.column(name)))
            extra[ours] = nullable(span[ours])
    ran = columns.get("work_s", pa.chunked_array([pa.nulls(len(submit), pa.float64())]))
    if len(span) == 2 and ran.null_count:
        lasted = span["recorded_end_s"] - span["recorded_start_s"]
        columns["work_s"] = pc.coalesce(ran, nullable(lasted).cast(ran.type))
    if "state" in columns:
        columns["state"] = pc.replace_substring_regex(text_of(columns["state"]), r"\s.*$", "")
    raw.table = pa.table(columns | extra)
    raw.known = frozenset(span)
    return raw
