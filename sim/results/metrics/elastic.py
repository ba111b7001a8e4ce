"""How elastic jobs fared: how often they were resized, on how many GPUs they ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim import table
from sim.results.metrics.jobs import F8, spread

if TYPE_CHECKING:
    from sim.results.result import Result


def held_s(result: Result) -> F8:
    """Return how long each job held GPUs, (n,) seconds: each of its stretches once."""
    code, names = table.codes(result.ledger, "job_id")
    begin_s, end_s = (table.to_numpy(result.ledger, name) for name in ("start_s", "end_s"))
    end_s = np.where(np.isnan(end_s), float(result.manifest.get("end_s") or 0.0), end_s)
    order = np.lexsort((end_s, begin_s, code))
    last = np.ones(len(order), np.bool_)
    last[:-1] = (np.diff(code[order]) > 0) | (np.diff(begin_s[order]) > 0.0)
    rows = order[last]
    spent = np.bincount(code[rows], end_s[rows] - begin_s[rows], len(names))
    job, jobs = table.codes(result.jobs, "job_id")
    place = np.searchsorted(names, jobs)
    known = np.array(names)[np.minimum(place, len(names) - 1)] == np.array(jobs)
    made: F8 = np.where(known, spent[np.minimum(place, len(names) - 1)], 0.0)[job]
    return made


def elastic(result: Result) -> dict[str, Any] | None:
    """Return the number of elastic jobs, of their resizes, and the spread of their mean GPUs.

    A job's mean GPUs = GPU time it held / time it held any. None where nobody resizes jobs.
    """
    if "resizes" not in result.jobs.column_names:
        return None
    gpus, gpu_s = (table.to_numpy(result.jobs, name) for name in ("gpus", "gpu_s"))
    least, most = (table.to_numpy(result.jobs, name) for name in ("min_gpus", "max_gpus"))
    able = np.where(np.isnan(least), gpus, least) < np.where(np.isnan(most), gpus, most)
    for_s = held_s(result)
    ran = able & (for_s > 0.0)
    return {
        "jobs": int(able.sum()),
        "resizes": int(table.to_numpy(result.jobs, "resizes").sum()),
        "gpus": spread(gpu_s[ran] / for_s[ran]),
    }
