"""The smaller sizes of jobs that may be admitted to a quota with fewer GPUs than they ask for."""

from __future__ import annotations

import numpy as np

from sim.state.arrays import I8
from sim.state.columns import WHOLE, Jobs, Kinds, Nodes
from sim.state.fits import fits_never
from sim.state.mig import no_slices
from sim.state.quota import Quota
from sim.state.sizes import Sizes
from sim.state.spans import anywhere


def most_of(quota: Quota) -> I8:
    """Return the most each queue could ever have of each cell, (nodes, cells)."""
    most = quota.subtree.copy()
    queues = len(quota.strict)
    for node in [*range(queues, len(most)), *range(queues)]:
        up = quota.parent[node]
        if up >= 0:
            lent = quota.local[node] + most[up]
            most[node] = np.minimum(lent, quota.subtree[node] + quota.borrow[node])
    return most


def sizes_of(
    quota: Quota, jobs: Jobs, least: I8, kinds: Kinds, nodes: Nodes, scatter: bool
) -> tuple[Quota, Sizes]:
    """Return a quota with rows for smaller sizes, and these: `least` GPUs of each job, (n,).

    Jobs of one form have one least. Sizes that no nodes, or no quota, could ever hold may not run.
    """
    rows = np.unique(quota.form, return_index=True)[1]
    told, most = jobs.gpus[rows], most_of(quota)
    many = np.where(jobs.milli[rows] == WHOLE, told - least[rows], 0).astype(np.int64)
    forms, begin = len(rows), np.cumsum(many) - many
    of = np.repeat(np.arange(forms), many)
    gpus = told[of] - (np.arange(len(of)) - begin[of]) - 1
    ask = quota.ask[of] // np.maximum(told[of], 1)[:, None] * gpus[:, None]
    queue, job = quota.queue[of], rows[of]
    small = jobs._replace(**{name: column[job] for name, column in jobs._asdict().items()})
    mcpu, mem = (column // told[of] * gpus for column in (small.mcpu, small.mem_bytes))
    small = small._replace(gpus=gpus, mcpu=mcpu, mem_bytes=mem)
    may = np.zeros((len(of), quota.may.shape[1]), np.bool_)
    for f in range(may.shape[1]):
        here = ((ask <= most[queue, 3 * f : 3 * f + 3]) | (ask == 0)).all(axis=1)
        there = small._replace(klass=quota.masked[small.klass, f])
        never = fits_never(there, kinds, nodes, scatter, no_slices(), anywhere())
        may[:, f] = here & ~never & (quota.flavors[queue] == f).any(axis=1)
    quota = quota._replace(
        ask=np.concatenate([quota.ask, ask]), queue=np.concatenate([quota.queue, queue]),
        may=np.concatenate([quota.may, may]),
    )  # fmt: skip
    first = np.where(many > 0, forms + begin, -1)
    return quota, Sizes(np.concatenate([np.arange(forms), of]), np.concatenate([told, gpus]),
                        first, many)  # fmt: skip
