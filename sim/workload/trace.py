"""Jobs from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim.errors import RackplanError, ScenarioError, TraceError
from sim.files import find, sha256
from sim.rng import Streams
from sim.workload import rules, throughput
from sim.workload.after import mended
from sim.workload.base import AbstractWorkload, Request
from sim.workload.check import OnError, as_text, checked
from sim.workload.order import finished, from_zero, sorted_jobs
from sim.workload.raw import Raw, rejected
from sim.workload.throughput import Throughput
from sim.workload.traces import FORMATS, READERS, Reading, sniffed
from sim.workload.traces.base import GpuTypes, Procs, Requeues, Unfinished
from sim.workload.transform import AbstractTransform


@final
@dataclass(frozen=True)
class Trace(AbstractWorkload):
    """The jobs of a trace, each row checked, in an order that the file's order does not touch.

    Parameters
    ----------
    path : from the current directory, else among the shipped traces; may be .gz.
    format : job_request, philly, helios, swf, sacct, or auto: told by how the file begins.
    on_error : a row that breaks a rule stops the reading, or is set aside (`skip`) and told of.
    procs, requeues, unfinished, gpu_types : see `traces.base.Reading`; each for its formats only.
    shift : the first submission becomes instant 0; where it was stands in the metadata `origin_s`.
    transforms : applied in this order, after the shift.
    throughput : how fast each `job_class` runs on each GPU type: see `workload.throughput`.
    """

    path: str
    format: str = "auto"
    on_error: OnError = "stop"
    procs: Procs = "requested"
    requeues: Requeues = "runs"
    unfinished: Unfinished = "estimate"
    gpu_types: GpuTypes = "any"
    shift: bool = True
    transforms: Sequence[AbstractTransform] = ()
    throughput: Throughput = None

    @property
    def reading(self) -> Reading:
        """How to read what a format leaves open."""
        return Reading(self.procs, self.requeues, self.unfinished, self.gpu_types)

    def issues(self, path: str = "workload") -> list[str]:
        """Return every fault of the parameters; those of the rows come with `request`."""
        found = []
        try:
            if self.path == "":
                raise RackplanError("is not given; must be a file, such as my_jobs.csv")
            find(self.path)
        except (RackplanError, OSError, ValueError, TypeError) as fault:
            found.append(f"{path}.path: {fault}")
        for name, choices in (("format", FORMATS), ("on_error", get_args(OnError))):
            value = getattr(self, name)
            if value not in choices:
                found.append(f"{path}.{name}: is {value!r}; must be one of {', '.join(choices)}")
        found += self.reading.issues(path)
        found += throughput.issues(self.throughput, f"{path}.throughput")
        for i, transform in enumerate(self.transforms):
            example = "a transform, such as Cut"
            found += rules.one_of(f"{path}.transforms[{i}]", transform, AbstractTransform, example)
        return found

    def request(self, streams: Streams, gpus: int) -> Request:
        """Return the jobs; a bad row raises TraceError or is set aside."""
        if found := self.issues():
            raise ScenarioError(found)
        path = find(self.path)
        try:
            return self._request(path, streams, gpus)
        except MemoryError as fault:
            raise TraceError(path, remedy="needs more memory than there is; cut it") from fault

    def _request(self, path: Path, streams: Streams, gpus: int) -> Request:
        raw = self.read(path)
        jobs, faults = checked(raw, self.on_error)
        jobs, origin_s = sorted_jobs(jobs), 0.0
        if self.shift:
            jobs, origin_s = from_zero(jobs)
        if not jobs.num_rows:
            raise TraceError(path, remedy="holds no job that can be simulated")
        for i, transform in enumerate(self.transforms):
            jobs = sorted_jobs(transform.apply(jobs, streams.stream("transform", i), gpus))
        jobs = throughput.resolved(jobs, self.throughput)
        jobs, dropped = mended(jobs) if self.transforms else (jobs, [])
        aside = rejected(str(self.path), [*faults, *raw.left_out])
        notes = [*raw.notes, *dropped, *([f"rows set aside: {aside.num_rows}"] if aside else [])]
        return Request(
            finished(jobs, origin_s), aside, tuple(notes),
            {str(self.path): sha256(path)} | throughput.read_from(self.throughput),
        )  # fmt: skip

    def place(self, job_id: str) -> str:
        """Return the file and line of a job; a copy (`7~2`) stands where the first does."""
        raw = self.read(find(self.path))
        names = as_text(raw.table.column("job_id"))
        for name in (job_id, job_id.rpartition("~")[0]):
            row = pc.index(names, name).as_py()
            if row >= 0:
                return f"{self.path}, line {raw.lines(np.array([row]))[0]}"
        return ""

    def read(self, path: Path) -> Raw:
        """Return the rows as the format's reader finds them; whatever fails is a TraceError."""
        name = sniffed(path) if self.format == "auto" else self.format
        try:
            return READERS[name](path, self.reading)
        except MemoryError:  # also what Arrow raises
            raise
        except (pa.ArrowException, UnicodeError, OSError, OverflowError) as fault:
            raise TraceError(path, remedy=f"cannot be read as {name} ({fault})") from fault
