"""GPUs held against GPUs asked for so far: how well a cluster fills while jobs only come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim import table

if TYPE_CHECKING:
    from sim.results.result import Result

F8 = NDArray[np.float64]
WHOLE = 1000.0


def allocation(result: Result) -> tuple[F8, F8]:
    """Return (asked, held), (k,): percent of the cluster's GPUs, shares counted as such.

    After each submission, before the next one: asked is all that was ever asked for, held what jobs
    hold then. Both are means over the submissions at which asked, in whole percent, is the same.

    Source: Q. Weng et al., Beware of Fragmentation, USENIX ATC 2023, figure of the allocation.
    """
    gpus = table.to_numpy(result.nodes, "gpus").sum()
    submit_s = table.to_numpy(result.jobs, "submit_s")
    share = table.to_numpy(result.jobs, "gpu_milli", WHOLE) / WHOLE
    asked = np.cumsum(table.to_numpy(result.jobs, "gpus") * share)
    jobs_only = result.ledger.filter(result.ledger.column("job_id").is_valid())
    weight = table.to_numpy(jobs_only, "gpus")
    weight = weight * table.to_numpy(jobs_only, "gpu_milli", WHOLE) / WHOLE
    after_s = np.append(submit_s[1:], np.inf)
    held = np.zeros(len(submit_s))
    for name, sign in (("start_s", 1.0), ("end_s", -1.0)):
        at_s = table.to_numpy(jobs_only, name, np.inf)
        order = np.argsort(at_s, kind="stable")
        total = np.concatenate([[0.0], np.cumsum(weight[order])])
        held += sign * total[np.searchsorted(at_s[order], after_s, side="left")]
    percent = np.round(100.0 * asked / gpus).astype(np.int64)
    many = np.bincount(percent)
    mean = np.bincount(percent, 100.0 * held / gpus) / np.maximum(many, 1)
    at = np.flatnonzero(many)
    return at.astype(np.float64), mean[at]
