"""Columns of a `job_request` become the jobs of a State."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.state.arrays import F8
from sim.state.columns import WHOLE, Jobs
from sim.state.words import JobState

OUTCOMES = {"": JobState.COMPLETED} | {
    state.name.lower(): state for state in JobState if JobState.RUNNING < state < JobState.UNFIT
}


def filled(columns: Mapping[str, np.ndarray], name: str, missing: F8 | float) -> F8:
    """Return a float column with `missing` where it is absent or nan, (n,)."""
    n = len(columns["submit_s"])
    values = columns.get(name)
    if values is None:
        return np.array(np.broadcast_to(missing, n), np.float64)
    values = np.asarray(values, np.float64)
    return np.where(np.isnan(values), missing, values)


def shape_of(gpus: np.ndarray, columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes asked for and the GPUs on each, (n,); -1 follows the size of the node.

    GPUs that do not divide over the nodes asked for are rounded up a node; the last has the rest.
    """
    nodes = filled(columns, "nodes", 0.0).astype(np.int64)
    each = filled(columns, "gpus_per_node", 0.0).astype(np.int64)
    each = np.where((each == 0) & (nodes > 0) & (gpus > 0), -(-gpus // np.maximum(nodes, 1)), each)
    chunk = np.where(gpus == 0, 0, np.where(each > 0, np.minimum(each, gpus), -1))
    chunks = np.where(chunk > 0, -(-gpus // np.maximum(chunk, 1)), np.maximum(nodes, 1))
    return chunks.astype(np.int64), chunk.astype(np.int64)


def jobs_of(
    columns: Mapping[str, np.ndarray],
    klass: np.ndarray,
    tenant: np.ndarray,
    partition: np.ndarray,
    qos: np.ndarray,
    draw: F8,
) -> Jobs:
    """Return the jobs, none of them born yet.

    `columns` are those of `job_request` as numbers, nan where nothing is known; `klass` is the row
    of the speed table, `tenant`, `partition` and `qos` codes, `outcome` a JobState.
    """
    n = len(columns["submit_s"])
    submit_s = np.ascontiguousarray(columns["submit_s"], np.float64)
    work_s = np.ascontiguousarray(columns["work_s"], np.float64)
    gpus = np.array(columns["gpus"], np.int64)
    chunks, chunk = shape_of(gpus, columns)

    mcpu = np.ceil(np.round(1000.0 * filled(columns, "cpus", 0.0), 6))  # 2.007 cores are 2007

    def nan() -> F8:
        return np.full(n, np.nan)

    def zeros(dtype: type = np.int64) -> np.ndarray:
        return np.zeros(n, dtype)

    return Jobs(
        submit_s=submit_s,
        enter_s=np.maximum(submit_s, filled(columns, "eligible_s", -np.inf)),
        cancel_s=filled(columns, "cancel_s", np.inf),
        gpus=gpus,
        chunks=chunks,
        chunk_gpus=chunk,
        mcpu=mcpu.astype(np.int64),
        mem_bytes=np.ceil(filled(columns, "mem_bytes", 0.0)).astype(np.int64),
        milli=np.where(gpus > 0, filled(columns, "gpu_milli", WHOLE), WHOLE).astype(np.int64),
        form=zeros(),
        klass=klass.astype(np.int64),
        work_s=work_s,
        walltime_s=filled(columns, "walltime_s", work_s),
        priority=filled(columns, "priority", 0.0),
        deadline_s=filled(columns, "deadline_s", np.inf),
        tenant=tenant.astype(np.int64),
        partition=partition.astype(np.int64),
        nice=filled(columns, "nice", 0.0),
        qos=qos.astype(np.int64),
        outcome=np.asarray(columns["outcome"]).astype(np.int8),
        draw=draw,
        key=zeros(np.float64),
        state=zeros(np.int8),
        rate=np.ones(n),
        left_s=work_s.copy(),
        asof_s=nan(),
        start_s=nan(),
        end_s=nan(),
        expect_s=nan(),
        limit_s=np.empty(n),
        turn_s=np.full(n, np.inf),
        epoch=zeros(),
        row0=zeros(np.int64),
        rows=zeros(),
        kind=np.full(n, -1, np.int64),
        restarts=zeros(),
        lost_s=zeros(np.float64),
        watched=zeros(np.bool_),
        tried=np.full(n, -1, np.int64),
    )
