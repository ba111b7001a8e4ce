"""What each queue of a quota held, borrowed and lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim import table

if TYPE_CHECKING:
    from sim.results.result import Result


def owners(result: Result, told: dict[str, Any]) -> np.ndarray:
    """Return the number of the queue of each row of the ledger, (rows,); -1 for an outage."""
    place = {name: i for i, one in enumerate(told["queues"].values()) for name in one["tenants"]}
    default = list(told["queues"]).index(told["default"]) if told["default"] else -1
    code, names = table.codes(result.jobs, "tenant")
    queue = np.array([place.get(name, default) for name in names], np.int64)[code]
    ids = result.jobs["job_id"].combine_chunks()
    row = pc.index_in(result.ledger["job_id"], ids).fill_null(-1).combine_chunks()
    job = np.asarray(row.cast(pa.int64()))
    return np.where(job < 0, -1, queue[job])


def held(begin_s: np.ndarray, end_s: np.ndarray, gpus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how long so many GPUs were held, and how many: (steps,) seconds and GPUs."""
    at_s = np.concatenate([begin_s, end_s])
    order = np.argsort(at_s, kind="stable")
    level = np.cumsum(np.concatenate([gpus, -gpus])[order])
    return np.diff(at_s[order]), level[:-1]


def quotas(result: Result) -> dict[str, Any]:
    """Return for each queue its quota and its mean and most GPUs held, the GPU time it held and
    borrowed beyond its quota, and how often its jobs were evicted; empty without quotas.

    GPUs of all types count alike; shares of a GPU count as their thousandths.
    """
    told = result.manifest.get("quotas")
    if not told:
        return {}
    of, end = owners(result, told), float(result.manifest["end_s"])
    begin_s = table.to_numpy(result.ledger, "start_s")
    end_s = table.to_numpy(result.ledger, "end_s", end)
    milli = table.to_numpy(result.ledger, "gpu_milli", 1000.0)
    gpus = table.to_numpy(result.ledger, "gpus") * milli / 1000.0
    out = np.asarray(pc.equal(result.ledger["why"], "preempted"))
    runs = pa.table({"job": result.ledger["job_id"], "at": result.ledger["start_s"]})
    found: dict[str, Any] = {}
    for i, (name, one) in enumerate(told["queues"].items()):
        mine = of == i
        for_s, level = held(begin_s[mine], end_s[mine], gpus[mine])
        quota = one["gpus"]
        over = np.maximum(level - quota, 0.0) if quota is not None else np.zeros(len(level))
        gone = runs.filter(pa.array(mine & out)).group_by(["job", "at"]).aggregate([])
        found[name] = {
            "quota_gpus": quota,
            "mean_gpus": float((for_s * level).sum() / end) if end > 0.0 else 0.0,
            "most_gpus": float(level[for_s > 0.0].max(initial=0.0)),
            "held_gpu_s": float((for_s * level).sum()),
            "borrowed_gpu_s": float((for_s * over).sum()),
            "evictions": gone.num_rows,
        }
    return found
