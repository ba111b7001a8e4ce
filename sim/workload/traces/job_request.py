"""rackplan's own `job_request`, as CSV or Parquet: the columns of sim.table.JOB_REQUEST."""

from __future__ import annotations

from pathlib import Path

from sim.workload.bounds import BOUNDS
from sim.workload.raw import Raw
from sim.workload.traces.base import Reading
from sim.workload.traces.table import read_csv, read_parquet


def read(path: Path, reading: Reading) -> Raw:
    """Return the rows as they stand; nothing is renamed."""
    del reading
    with path.open("rb") as file:
        parquet = file.read(4) == b"PAR1"
    return read_parquet(path) if parquet else read_csv(path, BOUNDS)
