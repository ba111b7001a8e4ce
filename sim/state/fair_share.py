"""Fair shares: what each queue of a tree is due, in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sim.state.arrays import B1, F8, I8

QUOTA_FIRST, BY_WEIGHT, AS_TOLD = 0, 1, 2
"""How what there is becomes shares: quotas first and the rest by weight; all of it by weight, never
less than what is guaranteed; as the quotas tell."""


class FairShare(NamedTuple):
    """Who is due what; no rows where nobody divides anything.

    Nodes and queues are those of `Quota`, whose cell r counts what jobs hold that may be evicted,
    and cell 3 + r what others hold: they give nothing back and stay within their quota.
    """

    division: int
    bounded: bool  # nobody holds more than its share
    quota_first: bool  # who stays within its quota goes first, and shares count the job that asks
    takes: bool  # who is below its share takes back from those beyond theirs
    multiplier: float  # of the taker's saturation, where it is compared with the giver's
    counted: B1  # (3,) resources
    unit: F8  # (3,) what is not divided further
    limit: F8  # (nodes, 3) most it may hold, as told; inf is no limit
    least: F8  # (nodes, 3) guaranteed
    priority: F8  # (nodes,) greater is served first
    gives: B1  # (queues,) others may take back what it holds too much
    fixed: B1  # (forms,) its jobs are never evicted
    total: F8  # (3,) of the nodes that are up
    ask: F8  # (nodes, 3) what jobs hold and wait for
    most: F8  # (nodes, 3) most it may hold now
    share: F8  # (nodes, 3) what it is due now
    left: F8  # (nodes,) what rounding down left over
    met: B1  # (nodes,) it has all that it can get
    found_none: I8  # (forms,) the change at which it found no nodes
    n: I8  # [of `events.cancel`, how many have been looked at]


Amounts = tuple[int | None, int | None, int | None]


class Split(NamedTuple):
    """How a policy divides what there is, in numbers, and by name of queue or cohort."""

    division: int = QUOTA_FIRST
    bounded: bool = False
    quota_first: bool = True
    takes: bool = True
    multiplier: float = 1.0
    fixed_priority: float = np.inf  # jobs from here on are never evicted, and stay within quotas
    limit: Mapping[str, Amounts] = {}
    least: Mapping[str, Amounts] = {}
    priority: Mapping[str, float] = {}
    keeps: tuple[str, ...] = ()  # queues from which nothing is taken back


def no_shares() -> FairShare:
    """Return that nothing is divided: every column is there, and empty."""
    flat, real, flag = np.zeros((0, 0)), np.zeros(0), np.zeros(0, np.bool_)
    none = np.zeros(0, np.int64)
    return FairShare(
        QUOTA_FIRST, False, False, False, 1.0, flag, real, flat, flat.copy(), real.copy(),
        flag.copy(), flag.copy(), real.copy(), flat.copy(), flat.copy(), flat.copy(), real.copy(),
        flag.copy(), none, none.copy(),
    )  # fmt: skip
