"""Jobs that are already in memory: of a test, of a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import pyarrow as pa

from sim.errors import TraceError
from sim.rng import Streams
from sim.table import JOB_REQUEST, schema
from sim.workload import throughput
from sim.workload.base import AbstractWorkload, Request
from sim.workload.check import OnError, checked
from sim.workload.order import finished, from_zero, sorted_jobs
from sim.workload.raw import Raw, from_one, rejected
from sim.workload.throughput import Throughput


@final
@dataclass(frozen=True)
class Given(AbstractWorkload):
    """A table of jobs, or a mapping of columns, held to the same rules as a trace.

    Parameters
    ----------
    table : the columns of JOB_REQUEST, `job_id` numbered from 0 where absent; others are kept.
    shift : move all instants so that the first submission is at 0.
    throughput : how fast each `job_class` runs on each GPU type: see `workload.throughput`.
    """

    table: pa.Table | Mapping[str, Sequence[Any]]
    on_error: OnError = "stop"
    shift: bool = False
    throughput: Throughput = None

    def issues(self, path: str = "workload") -> list[str]:
        """Return every fault of the parameters; those of the rows come with `request`."""
        found = throughput.issues(self.throughput, f"{path}.throughput")
        if self.on_error not in ("stop", "skip"):
            found.append(f"{path}.on_error: is {self.on_error!r}; must be stop or skip")
        return found

    def request(self, streams: Streams, gpus: int) -> Request:
        """Return the jobs; a bad row raises TraceError or is set aside."""
        del streams, gpus
        raw = Raw("the given table", self._table(), from_one)
        jobs, faults = checked(raw, self.on_error)
        jobs, origin_s = sorted_jobs(jobs), 0.0
        if self.shift:
            jobs, origin_s = from_zero(jobs)
        aside = rejected(raw.source, faults)
        jobs = finished(throughput.resolved(jobs, self.throughput), origin_s)
        return Request(jobs, aside, tuple(raw.notes), throughput.read_from(self.throughput))

    def _table(self) -> pa.Table:
        try:
            table = self.table if isinstance(self.table, pa.Table) else pa.table(dict(self.table))
        except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError, TypeError) as fault:
            raise TraceError("the given table", remedy=f"is no table ({fault})") from fault
        if "job_id" not in table.column_names:
            table = table.add_column(0, "job_id", pa.array(range(table.num_rows), pa.int64()))
        return table


@final
@dataclass(frozen=True)
class NoJobs(AbstractWorkload):
    """No jobs at all: a cluster for services."""

    def issues(self, path: str = "workload") -> list[str]:
        """Return nothing: there is no parameter."""
        del path
        return []

    def request(self, streams: Streams, gpus: int) -> Request:
        """Return no jobs."""
        del streams, gpus
        return Request(finished(schema(c for c in JOB_REQUEST if c.required).empty_table()))
