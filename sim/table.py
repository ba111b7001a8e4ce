"""The tables that go in and come out: each column's name, type, unit and meaning, said once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    dtype : Arrow's name of the type: float64, int32, int64, string.
    unit : s, bytes, count, ... or "" for words.
    """

    name: str
    dtype: str
    unit: str
    meaning: str
    required: bool = False

    def field(self) -> pa.Field:
        """Return the Arrow field, its unit and meaning as metadata."""
        about = {"unit": self.unit, "meaning": self.meaning}
        kind = pa.type_for_alias(self.dtype)
        return pa.field(self.name, kind, nullable=not self.required, metadata=about)


Columns = tuple[Column, ...]


def _f8(name: str, unit: str, meaning: str, required: bool = False) -> Column:
    return Column(name, "float64", unit, meaning, required)


def _i4(name: str, meaning: str, required: bool = False) -> Column:
    return Column(name, "int32", "count", meaning, required)


def _text(name: str, meaning: str, required: bool = False) -> Column:
    return Column(name, "string", "", meaning, required)


JOB_REQUEST: Final[Columns] = (
    _text("job_id", "name of the job, each its own", required=True),
    _f8("submit_s", "s", "instant of submission", required=True),
    _i4("gpus", "GPUs of the whole gang, held all at once; 0 for a job without", required=True),
    _f8("work_s", "s", "work: seconds on its GPUs at rate 1", required=True),
    _f8("walltime_s", "s", "the user's estimate of work_s; null: as work_s"),
    _i4("nodes", "nodes asked for; null: as few as its GPUs need"),
    _i4("gpus_per_node", "GPUs on each node asked for; null: free to choose"),
    _i4("gpu_milli", "share of each GPU in thousandths; null: all of it"),
    _text("mig_profile", "MIG instance it takes of each GPU, `1g.10gb`; null: none"),
    _f8("cpus", "cores", "CPU cores of the whole job, shared over its GPUs (nodes if none)"),
    _f8("mem_bytes", "bytes", "memory of the whole job, shared over its GPUs (nodes if none)"),
    _text("gpu_types", "GPU types allowed with their speed, `h100:1.0|a100:0.5`; null: any at 1"),
    _text("job_class", "class of jobs as fast as each other: see workload.throughput"),
    _text("span", "within what its nodes must lie: node, rack, pod, any; null: any"),
    _i4("switches", "most leaves it wants to lie on, where placement knows of them; null: any"),
    _f8("switches_wait_s", "s", "how long it insists on that; null: as long as it may"),
    _i4("segment", "nodes of each part that lies in a block by itself; null: all in one"),
    _f8("comm_fraction", "", "share of its time, alone, in which it sends between its nodes"),
    _f8("comm_bytes", "bytes", "what each GPU sends to other nodes in a step; in step_s, instead"),
    _f8("step_s", "s", "how long a step takes, alone"),
    _f8("comm_overlap", "", "part of its sending that may run beside compute; null: see comm"),
    _text("comm_pattern", "who sends to whom: ring, all_to_all; null: see comm"),
    _f8("checkpoint_bytes", "bytes", "of a checkpoint of the whole job; null: see storage"),
    _text("tenant", "who the job is accounted to"),
    _text("user", "who submitted it"),
    _text("qos", "its quality of service, as Slurm has them"),
    _f8("priority", "", "greater goes first"),
    _f8("nice", "", "points taken off Slurm's multifactor priority; less than 0 adds"),
    _text("after", "jobs it waits for, as Slurm says it: `afterok:7:8,afterany:9`, `singleton`"),
    _text("array", "the array it is part of"),
    _i4("array_most", "how many jobs of its array may run at once; null: all"),
    _f8("eligible_s", "s", "instant from which it may start, not before submit_s"),
    _f8("deadline_s", "s", "instant by which it should have ended, not before submit_s"),
    _i4("min_gpus", "least GPUs an elastic job runs on"),
    _i4("max_gpus", "most GPUs an elastic job can use"),
    _f8("parallel_share", "", "share of an elastic job's work that more GPUs speed up"),
    _text("state", "how it ends when its work is done, a word of OUTCOMES; null: completed"),
    _f8("cancel_s", "s", "instant at which its user gives up if it still waits"),
)
# What readers keep beside a JOB_REQUEST: nothing acts on it.
TRACE: Final[Columns] = (
    _f8("recorded_start_s", "s", "instant it started in the trace; null: not told, or never"),
    _f8("recorded_end_s", "s", "instant it ended in the trace; null: not told"),
    _text("recorded_gpu_type", "type of GPU it asked for in the trace, not imposed here"),
    _text("job_name", "what its user called it"),
    _text("partition", "partition it was sent to: a factor of Slurm's multifactor priority"),
    _text("node_list", "nodes it ran on in the trace, as Slurm writes them"),
    _text("executable", "its program, as the log numbers it"),
    _text("queue", "queue it was sent to in the trace"),
)
AS_IT_IS: Final = "from the trace, as it is"
OUTCOMES: Final = (
    "completed",
    "failed",
    "cancelled",
    "timeout",
    "node_fail",
    "preempted",
    "out_of_memory",
)
REJECTED: Final[Columns] = (
    _text("file", "the trace", required=True),
    Column("line", "int64", "", "line in the file, from 1; 0: no line of its own", required=True),
    _text("column", "as the file names it; empty: the whole row", required=True),
    _text("value", "what stands there", required=True),
    _text("reason", "why the row was set aside", required=True),
)
_ASKED = {column.name: column for column in JOB_REQUEST}
JOBS: Final[Columns] = (
    _ASKED["job_id"],
    _ASKED["submit_s"],
    _f8("start_s", "s", "instant of the first start; null: never started"),
    _f8("end_s", "s", "instant it ended; null: has not"),
    _f8("wait_s", "s", "from being eligible to the first start; waits after a restart not in it"),
    _f8("jct_s", "s", "end_s - submit_s"),
    _ASKED["gpus"],
    _i4("nodes", "nodes of its last run; null: never started"),
    _text("state", "how it stands at the end of the run", required=True),
    _ASKED["tenant"],
    _text("gpu_type", "type of GPU it last ran on"),
    _ASKED["work_s"],
    _f8("walltime_s", "s", "the user's estimate of work_s", required=True),
    _f8("gpu_s", "GPU s", "GPU time held, of all its runs", required=True),
    _i4("restarts", "times it went back to the queue after a start", required=True),
    _f8("lost_s", "s", "work done and lost through restarts", required=True),
    _f8("waiting_s", "s", "waited in all, after restarts too; null: never eligible, or unfit"),
    _f8("for_gpus_s", "s", "waited while fewer GPUs were free than it asks for; null: not told"),
    _f8("scattered_s", "s", "waited while enough were free, but not side by side as it needs them"),
    _f8("held_back_s", "s", "waited while they lay ready: order, a reservation, cores or memory"),
    *(_ASKED[name] for name in ("user", "priority", "nice", "eligible_s", "deadline_s")),
    *(_ASKED[name] for name in ("cpus", "mem_bytes", "gpu_milli", "min_gpus", "max_gpus")),
    _ASKED["parallel_share"],
    _i4("resizes", "times it was resized; no column where nobody is"),
    *(_ASKED[name] for name in ("mig_profile", "span")),
    *(_ASKED[name] for name in ("qos", "switches", "switches_wait_s", "segment")),
    _f8("comm_fraction", "", "share of its time, alone, in which it sends; no column: no fabric"),
    _f8("comm_overlap", "", "part of its sending that may run beside compute"),
    _text("comm_pattern", "who sends to whom: ring, all_to_all"),
    _f8("network_s", "s", "ran on several nodes, all its runs; no column where there is no fabric"),
    _f8("network_lost_s", "s", "of network_s, what others on its links and broken ones cost"),
    _f8("write_wait_s", "s", "waited for what it wrote to storage; no column where nobody writes"),
    _i4("network_tier", "how far its last run reached: 0 node, 1 leaf, 2 leaves, 3 pods"),
)
LEDGER: Final[Columns] = (
    _text("job_id", "the job; null: an outage of the node"),
    _text("node", "the node", required=True),
    _i4("gpus", "GPUs of the node it held", required=True),
    _i4("gpu_milli", "share of each of them in thousandths; no column where all are whole"),
    _text("devices", "which GPUs of the node, from 0, as `0-3`; no column where not told apart"),
    _text("slices", "memory slices of each of them, as `0:4-7`; no column where none is sliced"),
    _f8("start_s", "s", "from this instant", required=True),
    _f8("end_s", "s", "to this instant; null: still open when the run stopped"),
    _text(
        "why",
        "why it ended: open, done, node_fail, preempted, repaired, cut, resized, suspended; "
        "absent: the node was not there from start to end",
        required=True,
    ),
)
NODES: Final[Columns] = (
    _text("node", "name of the node", required=True),
    _text("pool", "the pool it belongs to", required=True),
    _text("gpu_type", "type of its GPUs", required=True),
    _i4("gpus", "GPUs it has", required=True),
    _f8("cpus", "cores", "CPU cores it has; null: not counted"),
    _f8("mem_bytes", "bytes", "memory it has; null: not counted"),
    _f8("busy_gpu_s", "GPU s", "GPU-seconds held by jobs", required=True),
    _f8("up_s", "s", "time it was up", required=True),
    _i4("outages", "times it went down", required=True),
)
TIMELINE: Final[Columns] = (
    _f8("time_s", "s", "start of the bin; all bins are equally long", required=True),
    _f8("busy_gpus", "count", "GPUs held, mean over the bin", required=True),
    _f8("up_gpus", "count", "GPUs on nodes that are up, mean over the bin", required=True),
    _f8("running_jobs", "count", "jobs that run, mean over the bin", required=True),
    _f8("waiting_jobs", "count", "jobs that wait, mean over the bin", required=True),
    _f8("waiting_gpus", "count", "GPUs waited for, mean over the bin", required=True),
    _f8("fragmentation", "", "at the bin's start: share of free GPUs on partly busy nodes"),
    _f8("serving_gpus", "count", "of busy_gpus, those of services; no column where there is none"),
)


def schema(columns: Iterable[Column]) -> pa.Schema:
    """Return the Arrow schema, unit and meaning in each field's metadata."""
    return pa.schema([column.field() for column in columns])


def described(table: pa.Table, columns: Iterable[Column], other: str = "") -> pa.Table:
    """Return the table with each field it shares with `columns` described.

    `other` is the meaning, without a unit, of those that nothing describes; empty: none.
    """
    known = {column.name: column for column in columns}
    fields = []
    for field in table.schema:
        column = known.get(field.name)
        if column:
            about = {"unit": column.unit, "meaning": column.meaning}
            field = field.with_metadata(about).with_nullable(not column.required)
        elif other and b"meaning" not in (field.metadata or {}):
            field = field.with_metadata({**(field.metadata or {}), "unit": "", "meaning": other})
        fields.append(field)
    return table.cast(pa.schema(fields, metadata=table.schema.metadata))


def from_numpy(columns: Iterable[Column], values: Mapping[str, Any]) -> pa.Table:
    """Return a table of those columns that `values` has, in the schema's order.

    nan and None become null; whole numbers may come as floats with nan where nothing is known.
    """
    arrays, fields = [], []
    for column in columns:
        if column.name not in values:
            continue
        given, field = values[column.name], column.field()
        if isinstance(given, pa.Array | pa.ChunkedArray):
            array = given.cast(field.type)
        elif isinstance(given, np.ndarray) and given.dtype.kind == "f":
            gone = np.isnan(given)
            if field.type != pa.float64():
                given = np.where(gone, 0.0, given).astype(field.type.to_pandas_dtype())
            array = pa.array(given, field.type, mask=gone if gone.any() else None)
        else:
            array = pa.array(given, field.type)
        arrays.append(array)
        fields.append(field)
    return pa.table(arrays, schema=pa.schema(fields))


def to_numpy(table: pa.Table, name: str, missing: float = np.nan) -> np.ndarray[Any, Any]:
    """Return a column of numbers as float64, (n,), with `missing` for null and for no such column.

    Words come as objects, None for null; an absent column of words is asked for by `None`.
    """
    if name not in table.column_names:
        return np.full(table.num_rows, missing, None if missing is None else np.float64)
    column = table.column(name)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        filled = column.cast(pa.float64()).fill_null(missing) if missing is not None else column
        return np.asarray(filled.combine_chunks().to_numpy(zero_copy_only=False))
    return np.asarray(column.combine_chunks().to_numpy(zero_copy_only=False))


def codes(table: pa.Table, name: str, missing: str = "") -> tuple[np.ndarray[Any, Any], list[str]]:
    """Return a column of words as numbers (n,) and the words they stand for, sorted.

    Null counts as `missing`; so does every row where there is no such column.
    """
    if name not in table.column_names:
        return np.zeros(table.num_rows, np.int64), [missing]
    column = table.column(name).cast(pa.string()).fill_null(missing).combine_chunks()
    coded = column.dictionary_encode()
    words = coded.dictionary.to_pylist()
    order = sorted(range(len(words)), key=words.__getitem__)
    rank = np.empty(max(len(words), 1), np.int64)
    rank[order] = np.arange(len(words))
    numbers = np.asarray(coded.indices.to_numpy(zero_copy_only=False), np.int64)
    return rank[numbers], [words[i] for i in order] or [missing]
