"""What jobs wait for besides time and nodes: other jobs, a free place in their array."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.state.arrays import B1, F8, I1, I8

NEWS, ASLEEP = 0, 1


class Edges(NamedTuple):
    """What jobs asked to wait for, as numbers."""

    parent: I8  # (edges,) row of the job waited for
    child: I8  # (edges,) row of the job that waits
    when: I1  # (edges,) see `words.After`
    delay_s: F8  # (edges,)
    any_of: B1  # (jobs,) one of its conditions is enough
    array: I8  # (jobs,) number of its array; -1 is none
    most: I8  # (arrays,) how many of it may be at work at once


class Waits(NamedTuple):
    """Who waits for whom; no rows where nobody does."""

    need: I8  # (jobs,) conditions still to be fulfilled
    chance: I8  # (jobs,) conditions that can still be
    ready_s: F8  # (jobs,) not before this instant, by those that are fulfilled
    first: I8  # (jobs + 1,) those that wait for job j: follower[first[j] : first[j + 1]]
    follower: I8
    when: I1
    delay_s: F8
    array: I8  # (jobs,)
    holds: B1  # (jobs,) has one of its array's places
    next: I8  # (jobs,) the one behind it in line for a place; -1 is none
    most: I8  # (arrays,)
    used: I8
    head: I8  # (arrays,) first in line; -1 is none
    tail: I8
    news: I8  # jobs that have ended, -1 - job for one that has started
    asleep: I8  # jobs that are suspended, the first of them first
    n: I8  # [news, asleep]


def nothing(jobs: int) -> Edges:
    """Return that nobody waits for anybody."""
    none = np.zeros(0, np.int64)
    return Edges(
        none, none, np.zeros(0, np.int8), np.zeros(0), np.zeros(jobs, np.bool_),
        np.full(jobs, -1, np.int64), none,
    )  # fmt: skip


def waits_of(edges: Edges | None, jobs: int, asleep: int) -> Waits:
    """Return who waits for whom at the beginning; room for so many suspended jobs."""
    rows = 0 if edges is None else jobs
    e = edges or nothing(0)
    need = np.bincount(e.child, minlength=rows).astype(np.int64)
    chance = need.copy()
    need[e.any_of & (need > 0)] = 1
    order = np.argsort(e.parent, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(e.parent, minlength=rows))])
    line = np.full(len(e.most), -1, np.int64)
    return Waits(
        need, chance, np.zeros(rows), first.astype(np.int64), e.child[order], e.when[order],
        e.delay_s[order], e.array, np.zeros(rows, np.bool_), np.full(rows, -1, np.int64), e.most,
        np.zeros(len(e.most), np.int64), line, line.copy(), np.zeros(2 * rows + 1, np.int64),
        np.zeros(asleep, np.int64), np.zeros(2, np.int64),
    )  # fmt: skip
