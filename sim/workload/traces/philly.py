"""Philly: jobs of Microsoft's DNN training clusters, 2017, one row a job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from sim.workload.check import as_float
from sim.workload.raw import I8, Raw
from sim.workload.traces.base import Reading
from sim.workload.traces.table import read_csv
from sim.workload.traces.text import F8, text_of, timed

NAMES = {
    "submit_s": "timestamp",
    "gpus": "num_gpus",
    "work_s": "duration",
    "tenant": "cluster",
}


def read(path: Path, reading: Reading) -> Raw:
    """Return `timestamp,duration,num_gpus,gpu_time,cluster`, in the order of the file.

    The file names no jobs: each is named by its place among all by time, GPUs, duration and
    cluster, which no order of rows can touch. gpu_time (duration x GPUs) is left behind.

    Source: M. Jeon et al., Analysis of Large-Scale Multi-Tenant GPU Clusters for DNN Training
    Workloads, USENIX ATC 2019; the CSV as in the artifact of Sia, SOSP 2023.
    Neglects: attempts (the file holds a job's whole duration), the outcome, which it lacks, and
    the users' estimates, which Philly did not ask for: walltime_s is the true duration.
    """
    del reading
    raw = read_csv(path, {"duration", "num_gpus", "gpu_time"})
    raw.names = NAMES
    if NAMES["submit_s"] not in raw.table.column_names:
        return raw
    submit = timed(raw, NAMES["submit_s"])
    table = raw.table
    columns = {
        ours: table.column(name) for ours, name in NAMES.items() if name in table.column_names
    }
    columns["submit_s"] = pa.chunked_array([submit])
    taken = {*NAMES.values(), "gpu_time"}
    extra = {name: table.column(name) for name in table.column_names if name not in taken}
    keys: list[I8 | F8] = [_codes(text_of(columns["tenant"]))] if "tenant" in columns else []
    keys += [as_float(columns[name])[0] for name in ("work_s", "gpus") if name in columns]
    place = np.empty(len(submit), np.int64)
    place[np.lexsort((*keys, submit))] = np.arange(len(submit))
    raw.table = pa.table({"job_id": place} | columns | extra)
    return raw


def _codes(words: pa.ChunkedArray) -> I8:
    coded = words.combine_chunks().dictionary_encode()
    order = np.argsort(np.array([w or "" for w in coded.dictionary.to_pylist()], object))
    rank = np.empty(len(order) + 1, np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    found: I8 = rank[np.asarray(coded.indices.fill_null(len(order)))]
    return found
