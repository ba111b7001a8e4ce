"""Jobs that say what sizes they may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import pyarrow as pa

from sim.table import to_numpy
from sim.workload import rules
from sim.workload.transform import AbstractTransform


@final
@dataclass(frozen=True)
class MakeElastic(AbstractTransform):
    """Jobs that may run on `least` to `most` times their GPUs, rounded to whole ones within.

    min_gpus = gpus x least, rounded up; max_gpus = gpus x most, rounded down. Jobs without GPUs and
    those that share one stay as they are. The choice of `elastic` says what becomes of it.
    """

    least: float = 0.25
    most: float = 4.0

    def apply(self, jobs: pa.Table, rng: np.random.Generator, gpus: int) -> pa.Table:
        """Return the jobs with their least and most."""
        del rng, gpus
        told = to_numpy(jobs, "gpus")
        rigid = (told == 0) | (to_numpy(jobs, "gpu_milli", 1000.0) < 1000.0)
        sizes = {
            "min_gpus": np.maximum(np.ceil(told * self.least), 1.0),
            "max_gpus": np.floor(told * self.most),
        }
        for name, values in sizes.items():
            column = pa.array(values.astype(np.int32), mask=rigid)
            if name in jobs.column_names:
                jobs = jobs.drop_columns([name])
            jobs = jobs.append_column(name, column)
        return jobs

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = rules.above(f"{path}.least", self.least, 0, 1)
        return found + rules.at_least(f"{path}.most", self.most, 1)
