"""What lets a quota kernel visit few rows: lists of a tree's nodes, and of its holders alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.state.arrays import F8
from sim.state.quota import KUEUE, NEVER, Quota


def walks(parent: np.ndarray, root: np.ndarray, strict: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of `Quota` that list the nodes of each tree, and room for a cycle's notes.

    `strict` is by queue, (queues,); the others by node, queues first, parents before children.
    """
    nodes, queues = len(parent), len(strict)
    leaves_first = np.concatenate([np.arange(queues), np.arange(nodes - 1, queues - 1, -1)])
    tree = leaves_first[np.argsort(root[leaves_first], kind="stable")].astype(np.int64)
    kids = np.argsort(parent, kind="stable")[int((parent < 0).sum()) :].astype(np.int64)
    every = np.arange(nodes + 1)
    firm = np.zeros(nodes, np.bool_)
    firm[root[:queues][strict]] = True
    return {
        "kids": kids,
        "kids_at": np.searchsorted(parent[kids], every).astype(np.int64),
        "tree": tree,
        "tree_at": np.searchsorted(root[tree], every).astype(np.int64),
        "tree_queues": np.bincount(root[:queues], minlength=nodes).astype(np.int64),
        "firm": firm,
        "asked": np.full(queues, -1, np.int64),
        "offered": np.full(queues, -1, np.int64),
        "mode": np.zeros(queues, np.int64),
        "high": np.zeros(queues, np.int64),
        "open": np.zeros(queues, np.bool_),
        "at": np.zeros(queues, np.int64),
        "end": np.zeros(queues, np.int64),
        "spared": np.full(queues, -1, np.int64),
        "won": np.full(nodes, -1, np.int64),
        "least": np.zeros(nodes),
        "lent": np.zeros(nodes, np.bool_),
        "share": np.zeros(nodes),
        "out": np.zeros(nodes, np.bool_),
    }


def kin_of(form: np.ndarray, priority: F8, queues: int, flavors: int) -> dict[str, np.ndarray]:
    """Return the columns of `Quota` that list holders alike, of one form and priority; none hold.

    `form` and `priority` are by job, (n,).
    """
    rank = np.unique(priority, return_inverse=True)[1].reshape(-1)
    pairs = form * (int(rank.max(initial=0)) + 1) + rank
    found, kin = np.unique(pairs, return_inverse=True)
    many = len(found), flavors

    def nobody(*shape: int) -> np.ndarray:
        return np.full(shape, -1, np.int64)

    return {
        "kin": kin.reshape(-1).astype(np.int64),
        "first_kin": nobody(*many),
        "next_kin": nobody(len(form)),
        "last_kin": nobody(len(form)),
        "live": nobody(queues, flavors),
        "next_live": nobody(*many),
        "last_live": nobody(*many),
    }


def indexed(quota: Quota, priority: F8, partial: bool) -> Quota:
    """Return a quota with its lists; those of holders have rows only if anybody may evict.

    With `partial` admission jobs of one form may hold different amounts: each is a kin of its own.
    """
    made: dict[str, Any] = dict(walks(quota.parent, quota.root, quota.strict))
    evicts = (quota.within != NEVER) | (quota.reclaim != NEVER)
    if quota.rule == KUEUE and evicts.any():
        form = np.arange(len(quota.form)) if partial else quota.form
        made |= kin_of(form, priority, len(quota.strict), quota.masked.shape[1])
    return quota._replace(**made, kept=np.zeros((len(quota.strict), quota.used.shape[1]), np.int64))
