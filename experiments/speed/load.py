"""The benchmark's jobs: a mix of gangs, log-normal work, Poisson arrivals at a stated load."""

from __future__ import annotations

import numpy as np

SIZES = [1, 2, 4, 8, 16, 32, 64]
SHARES = [0.60, 0.10, 0.10, 0.14, 0.03, 0.02, 0.01]


def columns(jobs: int, gpus: int, load: float, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the columns of a `job_request` that offers `load` to so many GPUs.

    Sizes as above, work log-normal (median 20 min, sigma 1.6), estimates 1 to 3 times the work.
    """
    rng = np.random.default_rng(seed)
    size = rng.choice(SIZES, jobs, p=SHARES)
    work_s = rng.lognormal(np.log(1200.0), 1.6, jobs)
    rate_per_s = load * gpus / (size * work_s).mean()
    submit_s = np.cumsum(rng.exponential(1.0 / rate_per_s, jobs))
    return {
        "job_id": np.arange(jobs).astype(str),
        "submit_s": submit_s,
        "gpus": size.astype(np.int32),
        "work_s": work_s,
        "walltime_s": work_s * rng.uniform(1.0, 3.0, jobs),
    }
