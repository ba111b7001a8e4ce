"""A tree whose queues have fair shares becomes columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim.state.arrays import F8
from sim.state.columns import PLENTY, WHOLE, Jobs
from sim.state.fair_share import Amounts, FairShare, Split
from sim.state.inventory import Inventory
from sim.state.quota import Caps, Quota
from sim.state.tree import Part, Tree, in_order, quota_of

FLAVORS = 2
"""Not GPU types here: jobs that may be evicted, and those that may not."""


def amounts_of(parts: Sequence[Part], told: Mapping[str, Amounts], missing: float) -> F8:
    """Return amounts by node of the tree, (nodes, 3)."""
    made = np.full((len(parts), 3), missing)
    for i, part in enumerate(parts):
        for r, amount in enumerate(told.get(part.name, (None, None, None))):
            if amount is not None:
                made[i, r] = amount
    return made


def whole_of(inventory: Inventory) -> F8:
    """Return what all nodes have, (3,): thousandths of GPUs and of cores, bytes."""
    made = np.zeros(3)
    for pool in inventory.pools:
        cpus, size = pool.cpus, pool.mem_bytes
        made += pool.nodes * np.array([
            pool.gpus_per_node * float(WHOLE),
            PLENTY if cpus is None else cpus * 1000.0,
            PLENTY if size is None else size,
        ])  # fmt: skip
    return made


def caps_of(split: Split, quota: Quota, limit: F8, least: F8, total: F8) -> tuple[F8, F8]:
    """Return the most each queue could hold of what may be evicted and of what may not, (nodes, 3).

    Where shares go by weight or as told, what is guaranteed to others is no one else's.
    """
    most, quotas = limit.copy(), quota.nominal[:, :3].astype(np.float64)
    if split.division > 0:
        for node in range(len(most)):
            beside = quota.parent == quota.parent[node]
            most[node] = np.minimum(most[node], total - least[beside].sum(axis=0) + least[node])
    for node in range(len(most)):
        up = quota.parent[node]
        while up >= 0:
            most[node] = np.minimum(most[node], limit[up])
            quotas[node] = np.minimum(quotas[node], quota.nominal[up, :3])
            up = quota.parent[up]
    return most, np.minimum(most, quotas)


def shared_out(
    tree: Tree, queue: np.ndarray, jobs: Jobs, classes: int, inventory: Inventory
) -> tuple[Quota, Caps, FairShare]:
    """Return nobody holding anything: `queue` is the number of each job's, (n,)."""
    split = tree.split or Split()
    same = np.repeat(np.arange(classes)[:, None], FLAVORS, axis=1)
    fixed = (jobs.priority >= split.fixed_priority).astype(np.int64)
    quota, caps = quota_of(tree, queue, jobs, same, np.arange(classes), fixed)
    parts = [*tree.queues, *in_order(tree.cohorts)]
    limit = amounts_of(parts, split.limit, np.inf)
    least, total = amounts_of(parts, split.least, 0.0), whole_of(inventory)
    nodes, forms, cells = len(parts), len(quota.queue), 3 * FLAVORS
    counted = np.array([
        any(part.limits[f].nominal[r] is not None for part in parts for f in part.limits)
        or bool((limit[:, r] < np.inf).any() or (least[:, r] > 0.0).any())
        for r in range(3)
    ])  # fmt: skip
    counted[0] = True
    asks = np.stack([jobs.gpus * jobs.milli, jobs.mcpu, jobs.mem_bytes], axis=1) * counted
    first = np.unique(quota.form, return_index=True)[1]
    ask, never = asks[first].astype(np.int64), fixed[first].astype(np.bool_)
    most, quotas = caps_of(split, quota, limit, least, total)
    own = [(ask <= one[quota.queue]).all(axis=1) for one in (most, quotas)]
    tall = np.zeros((nodes, cells), np.int64)
    none = np.zeros((nodes, cells), np.int64)
    tall[:, :3] = tall[:, 3:] = quota.nominal[:, :3]
    flavors = np.tile(np.arange(FLAVORS), (len(tree.queues), 1))
    quota = quota._replace(
        nominal=tall, subtree=tall.copy(), local=none, borrow=none + PLENTY, used=none.copy(),
        flavors=flavors, masked=same, ask=ask,
        may=np.stack([~never & own[0], never & own[1]], axis=1),
    )  # fmt: skip
    return quota, caps, FairShare(
        split.division, split.bounded, split.quota_first, split.takes, split.multiplier, counted,
        np.array([float(WHOLE), 1.0, 1.0]), limit, least,
        np.array([split.priority.get(part.name, 0.0) for part in parts]),
        np.array([part.name not in split.keeps for part in tree.queues]), never, total,
        np.zeros((nodes, 3)), most.copy(), np.zeros((nodes, 3)), np.zeros(nodes),
        np.zeros(nodes, np.bool_), np.full(forms, -1, np.int64), np.zeros(1, np.int64),
    )  # fmt: skip
