"""What the fabric cost the jobs that ran on several nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim import table
from sim.results.metrics.jobs import F8, SIZES, spread

if TYPE_CHECKING:
    from sim.results.result import Result

TIERS = {1: "one leaf", 2: "several leaves", 3: "several pods"}
"""How far a job's last run reached, in words."""


def network_slowdown(result: Result) -> F8:
    """Return how many times longer each job took on several nodes than alone, (n,).

        slowdown = T / (T - lost),  T its time on several nodes

    nan where it never ran on several nodes, or stood still all that time.
    """
    ran_s, lost_s = (table.to_numpy(result.jobs, n) for n in ("network_s", "network_lost_s"))
    alone_s = ran_s - lost_s
    known = (ran_s > 0.0) & (alone_s > 0.0)
    made: F8 = np.where(known, ran_s / np.where(known, alone_s, 1.0), np.nan)
    return made


def network(result: Result) -> dict[str, Any] | None:
    """Return how jobs on several nodes were slowed by links: all, by size, by how far they reach.

    `lost_gpu_s` is the GPU time for which they held GPUs longer than alone. Jobs before the warm-up
    are left out. None where there is no fabric.
    """
    if "network_s" not in result.jobs.column_names:
        return None
    gpus, submit_s, tier, lost_s = (
        table.to_numpy(result.jobs, n)
        for n in ("gpus", "submit_s", "network_tier", "network_lost_s")
    )
    slow = network_slowdown(result)
    counted = ~np.isnan(slow) & (submit_s >= float(result.manifest.get("warmup_s") or 0.0))

    def fared(rows: np.ndarray) -> dict[str, Any]:
        return {"jobs": int(rows.sum()), "slowdown": spread(slow[rows])}

    sizes = {n: counted & (gpus >= a) & (gpus <= b) for n, (a, b) in SIZES.items()}
    tiers = {name: counted & (tier == t) for t, name in TIERS.items()}
    return {
        **fared(counted),
        "lost_gpu_s": float((lost_s * gpus)[counted].sum()),
        "by_size": {name: fared(rows) for name, rows in sizes.items() if rows.any()},
        "by_reach": {name: fared(rows) for name, rows in tiers.items() if rows.any()},
    }


def writes(result: Result) -> dict[str, Any] | None:
    """Return how long jobs waited for what they wrote to storage; None where nobody writes.

    `wait_gpu_s` is the GPU time for which they held GPUs meanwhile, `wait_frac` of all they held.
    Jobs before the warm-up are left out.
    """
    if "write_wait_s" not in result.jobs.column_names:
        return None
    gpus, submit_s, held, wait_s = (
        table.to_numpy(result.jobs, n) for n in ("gpus", "submit_s", "gpu_s", "write_wait_s")
    )
    counted = submit_s >= float(result.manifest.get("warmup_s") or 0.0)
    wait_gpu_s, held_gpu_s = float((wait_s * gpus)[counted].sum()), float(held[counted].sum())
    return {
        "jobs": int((wait_s[counted] > 0.0).sum()),
        "wait_gpu_s": wait_gpu_s,
        "wait_frac": wait_gpu_s / held_gpu_s if held_gpu_s > 0.0 else 0.0,
    }
