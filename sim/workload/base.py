"""What a workload is: a question answered by one table of jobs."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from sim.rng import Streams


@dataclass(frozen=True)
class Request:
    """The jobs of one run.

    Parameters
    ----------
    jobs : the columns of JOB_REQUEST that are known, then the unknown ones, kept as they are;
        sorted by submit_s, then by job_id (its runs of digits as numbers: 7_2 before 7_10).
    rejected : the rows set aside, and why; None if there was none.
    notes : what a reader should know, a sentence each.
    inputs : the SHA-256 of each file read.
    """

    jobs: pa.Table
    rejected: pa.Table | None = None
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)


class AbstractWorkload(abc.ABC):
    """Where jobs come from. Whoever runs them cannot tell a trace from a law."""

    @abc.abstractmethod
    def request(self, streams: Streams, gpus: int) -> Request:
        """Return the jobs; `gpus` are those of the cluster, so that a law can scale to a load."""

    def place(self, job_id: str) -> str:
        """Return where a job stands, `my_jobs.csv, line 8`; empty for one that is in no file."""
        del job_id
        return ""

    @abc.abstractmethod
    def issues(self, path: str = "workload") -> list[str]:
        """Return every fault of the parameters, each as `path: what is; what must be`."""

    def late(self, path: str, until_s: float) -> list[str]:
        """Return what of its laws begins at an instant or later, by its path."""
        del path, until_s
        return []
