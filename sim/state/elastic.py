"""Between which sizes elastic jobs may be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.state.columns import Elastic, Jobs
from sim.state.jobs import filled


def elastic_of(jobs: Jobs, columns: Mapping[str, np.ndarray] | None = None) -> Elastic:
    """Return between which sizes each job may be; no rows where there are no `columns`.

    An elastic job has no shape of its own, and its cores and memory are so much a GPU, rounded up
    to thousandths of a core and to bytes: they follow its size.
    """
    if columns is None:
        none, nothing = np.zeros(0, np.int64), np.zeros(0)
        return Elastic(none, none, none, nothing, nothing, none)
    told = jobs.gpus.copy()
    gpus = told.astype(np.float64)
    least = np.maximum(filled(columns, "min_gpus", gpus), 1.0).astype(np.int64)
    most = filled(columns, "max_gpus", gpus).astype(np.int64)
    rigid = (told == 0) | (least >= most)
    rows = np.flatnonzero(~rigid)
    for column in (jobs.mcpu, jobs.mem_bytes):
        column[rows] = -(-column[rows] // told[rows]) * told[rows]
    jobs.chunk_gpus[rows], jobs.chunks[rows] = -1, 1
    least, most = np.where(rigid, told, least), np.where(rigid, told, most)
    parallel = filled(columns, "parallel_share", np.nan)
    resizes = np.zeros(len(told), np.int64)
    return Elastic(told, least, most, jobs.walltime_s.copy(), parallel, resizes)


def at_least(jobs: Jobs, elastic: Elastic) -> Jobs:
    """Return the jobs at the least size of each: who does not fit so never fits."""
    if elastic.told.size == 0:
        return jobs
    told = np.maximum(elastic.told, 1)
    mcpu, mem = (
        np.where(elastic.told > elastic.least, column // told * elastic.least, column)
        for column in (jobs.mcpu, jobs.mem_bytes)
    )
    return jobs._replace(gpus=elastic.least, mcpu=mcpu, mem_bytes=mem)
