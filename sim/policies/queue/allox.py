"""AlloX: jobs matched to GPUs for the least mean completion time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.queue.base import F8
from sim.policies.queue.time_shares import AbstractTimeShares
from sim.policies.queue.wants import Wants


@final
@dataclass(frozen=True)
class Allox(AbstractTimeShares):
    """Each job is matched to a GPU and a place from the end of that GPU's queue.

    The p-th from the end on a kind holds up p jobs: it costs p times its time there. The matching
    of least cost has the least mean completion time; who stands first on a GPU has it until done. A
    gang is matched as one job, and has its share divided by its GPUs. It is an oracle: it knows the
    work.

    Source: Le et al., EuroSys 2020; as in Gavel's simulator (allox).
    Neglects: fairness to those who wait (its alpha is 1), and kinds of resource beside GPUs.
    """

    def target(self, wants: Wants) -> F8:
        """Return the shares, (k, kinds)."""
        from scipy.optimize import linear_sum_assignment

        kept = np.nan_to_num(wants.had) * (np.nan_to_num(wants.had).sum(axis=1) == 1.0)[:, None]
        shares = np.nan_to_num(wants.had)
        free = np.maximum(wants.kind_gpus - kept.sum(axis=0), 0.0).astype(np.int64)
        kind = np.repeat(np.arange(len(free)), free)
        asks = np.flatnonzero(kept.sum(axis=1) == 0.0)
        if len(kind) == 0 or len(asks) == 0:
            return shares
        with np.errstate(divide="ignore"):
            lasts_s = np.minimum(wants.left_s[asks, None] / wants.speed[asks], 1e15)[:, kind]
        places = np.arange(1, len(asks) + 1)
        cost = (places[:, None] * lasts_s[:, None, :]).reshape(len(asks), -1)
        row, column = linear_sum_assignment(cost)
        at, gpu = np.divmod(column, len(kind))
        for one in np.unique(gpu):
            first = row[gpu == one][at[gpu == one].argmax()]
            job = asks[first]
            if wants.speed[job, kind[one]] > 0.0:
                shares[job] = 0.0
                shares[job, kind[one]] = 1.0 / wants.gpus[job]
        return shares
