"""One round: kinds of node dealt to jobs in order."""

from __future__ import annotations

from itertools import islice, permutations
from math import factorial

import numpy as np

from sim.policies.queue.base import ANY, F8, I8, NONE, JobView


def deal_kinds(
    jobs: JobView, first: F8, owed_s: F8, known: np.ndarray, order: tuple[int, ...]
) -> I8:
    """Return a kind of node for each job, (k,), or NONE: greedily, one kind after the other."""
    gpus, allowed = jobs.gpus, (jobs.speed > 0.0) & known[:, None]
    kind = np.where(gpus > 0, NONE, ANY).astype(np.int64)
    for at in order:
        left = jobs.kind_gpus[at]
        for job in np.lexsort((jobs.row, -owed_s[:, at], -first[:, at])):
            if left < 1.0:
                break
            if allowed[job, at] and kind[job] == NONE and gpus[job] <= left:
                kind[job] = at
                left -= gpus[job]
    return kind


def turns(kinds: int, rounds: int) -> tuple[int, ...]:
    """Return the kinds in the order of this round: one permutation after the other."""
    at = rounds % min(factorial(kinds), 5040)  # of many kinds the first thousands will do
    return next(islice(permutations(range(kinds)), at, None))
