"""What services took from running jobs, what came back of it, and what it cost these jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sim import table
from sim.results.metrics.evictions import CAUSES, rows_of, takers
from sim.results.metrics.jobs import lost_gpu_s
from sim.results.metrics.lending import again_s

if TYPE_CHECKING:
    from sim.results.result import Result


def taken_gpus(rows: dict[str, np.ndarray], gave: np.ndarray, taker: np.ndarray) -> np.ndarray:
    """Return how many GPUs each taker has of those who gave way there and then, (k,).

    Takers of one node and instant have parts by their GPUs, and nobody more than it holds.
    """
    place = np.stack([
        np.concatenate([rows["node"][gave], rows["node"][taker]]).astype(float),
        np.concatenate([rows["end_s"][gave], rows["start_s"][taker]]),
    ])  # fmt: skip
    which = np.unique(place, axis=1, return_inverse=True)[1].reshape(-1)
    freed, took = (
        np.bincount(which[own], rows["gpus"][who], int(which.max()) + 1)
        for own, who in ((slice(len(gave)), gave), (slice(len(gave), None), taker))
    )
    share = np.minimum(freed / np.maximum(took, 1e-300), 1.0)
    made: np.ndarray = rows["gpus"][taker] * share[which[len(gave) :]]
    return made


def borrowed(result: Result) -> dict[str, Any]:
    """Return what services took by making jobs give way; {} where they took nothing.

    evictions: times a job gave way to a replica that began there and then; jobs: how many they are;
    borrowed_gpu_hours: what such replicas held from then on of the GPUs of those who gave way,
    returned_gpu_hours: of these what replicas had that were gone by the run's end; cut_gpu_hours:
    held by the runs that were cut short, lost_gpu_hours: of these whose work is done again;
    waited_hours, waited_gpu_hours: as of those stopped for nodes that went (`lending.stopped`).

    Neglects: shares of a GPU; who starts later because a replica holds what is free: a run without
    tells; that a job's runs differ in how much of them was lost: it is parted by their GPU time.
    """
    if not result.manifest.get("services") or not result.jobs.num_rows:
        return {}
    rows, jobs = rows_of(result), result.jobs.num_rows
    cut = np.flatnonzero(np.isin(rows["cause"], [code for code in rows["why"] if code >= 0]))
    gave = cut[rows["cause"][cut] != rows["why"][CAUSES.index("node_fail")]]
    who, taker = takers(rows, gave)
    serves = rows["job"][taker] >= jobs
    who, taker = who[serves], np.unique(taker[serves])
    if not len(who):
        return {}
    names = result.jobs["job_id"].combine_chunks()
    events = np.unique(np.stack([rows["job"][who], rows["end_s"][who]]), axis=1)
    job, at_s = events[0].astype(np.int64), events[1]
    known = set(zip(job.tolist(), at_s.tolist(), strict=True))
    ended = zip(rows["job"][cut].tolist(), rows["end_s"][cut].tolist(), strict=True)
    mine = np.array([event in known for event in ended], np.bool_)
    gpu_s = rows["gpu_s"][cut]
    columns = {n: table.to_numpy(result.jobs, n)
               for n in ("end_s", "work_s", "lost_s", "gpus", "gpu_s")}  # fmt: skip
    lost = lost_gpu_s(columns)
    all_cut = np.bincount(rows["job"][cut], gpu_s, jobs)
    part = np.bincount(rows["job"][cut][mine], gpu_s[mine], jobs) / np.maximum(all_cut, 1e-300)
    waited_s = again_s(result, names.take(pa.array(job)), at_s) - at_s
    end_s = rows["end_s"][taker]
    until = np.where(np.isnan(end_s), float(result.manifest["end_s"]), end_s)
    held = taken_gpus(rows, cut[mine], taker) * (until - rows["start_s"][taker])
    return {
        "borrowed": {
            "evictions": len(job),
            "jobs": len(np.unique(job)),
            "borrowed_gpu_hours": float(held.sum()) / 3600.0,
            "returned_gpu_hours": float(held[~np.isnan(end_s)].sum()) / 3600.0,
            "cut_gpu_hours": float(gpu_s[mine].sum()) / 3600.0,
            "lost_gpu_hours": float((lost * part).sum()) / 3600.0,
            "waited_hours": float(waited_s.sum()) / 3600.0,
            "waited_gpu_hours": float((waited_s * columns["gpus"][job]).sum()) / 3600.0,
        }
    }
