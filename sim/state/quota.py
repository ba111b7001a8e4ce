"""Quotas: a tree of queues and cohorts in columns, and who waits in which queue."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.state.arrays import B1, F8, I8

FREE, KUEUE, LIMITS, SHARES = 0, 1, 2, 3
"""Rules: none; borrowed and lent in cohorts; upper limits; fair shares."""
NEVER, LOWER, LOWER_OR_NEWER, ANY = 0, 1, 2, 3
"""Whose jobs may be evicted: nobody's, of lower priority, or as low and newer, anybody's."""
FINAL, INITIAL = 1, 2
"""Fair sharing compares with the victim's share without the job that goes, or with it."""


class Quota(NamedTuple):
    """The tree and the jobs that wait for quota; no rows where nobody has one.

    Nodes of the tree: the queues first, then the cohorts, parents before children. A cell is a
    flavor and a resource: 3 x flavor + 0 for thousandths of GPUs, 1 for those of cores, 2 for
    bytes. A form is what jobs of one queue ask alike: they are refused together.
    """

    rule: int
    fair: bool  # shares of what is borrowed decide who goes first and who gives way
    first: int  # the strategies of fair sharing, FINAL or INITIAL; 0 is none
    second: int
    parent: I8  # (nodes,) -1 is a root
    root: I8
    height: I8  # (nodes,) of the tree below; queues 0
    nominal: I8  # (nodes, cells) its own
    subtree: I8  # (nodes, cells) and what its children lend it
    local: I8  # (nodes, cells) of this, what it lends to nobody
    borrow: I8  # (nodes, cells) most it borrows
    used: I8  # (nodes, cells) queues: all their own; cohorts: what their children have not locally
    lendable: F8  # (nodes, 3) the most its parent could ever give, over all flavors
    weight: F8  # (nodes,)
    strict: B1  # (queues,) a head that waits blocks its queue
    within: I8  # (queues,) whose jobs of the same queue give way
    reclaim: I8  # (queues,) whose jobs of borrowing queues give way
    to_borrow: I8  # (queues,) and whose where the taker borrows too
    most_priority: F8  # (queues,) none above it, then
    borrow_next: B1  # (queues,) tries the next flavor before it borrows
    evict_next: B1  # (queues,) tries the next flavor before it evicts
    flavors: I8  # (queues, flavors) in order of liking; -1 ends
    masked: I8  # (classes, flavors) row of `kinds.speed` on this flavor alone
    plain: I8  # (rows of `kinds.speed`,) the class it was
    queue: I8  # (forms,)
    ask: I8  # (forms, 3)
    may: B1  # (forms, flavors) whether it could ever run there
    begin: I8  # (queues + 1,) forms of a queue lie together
    place: I8  # (forms + 1,) its part of `line`
    size: I8  # (forms,) how many of it wait
    refused: I8  # (forms,) the change of its tree at which it was refused
    line: I8  # (jobs,) a heap a form: those that wait for quota
    change: I8  # (nodes,) by root: counts what could help who was refused
    stale: B1  # (nodes,) by root: somebody may be admitted
    form: I8  # (jobs,)
    flavor: I8  # (jobs,) the flavor whose quota it holds; -1 is none
    since_s: F8  # (jobs,) from when
    out_s: F8  # (jobs,) when it last gave way
    newest: I8  # (queues,) who holds quota of a queue: a list
    older: I8  # (jobs,)
    newer: I8  # (jobs,)
    heap: I8  # (jobs,) room for who could give way
    rank: I8  # (jobs,) and how near
    gone: I8  # (jobs,) and who does
    kids: I8  # the children of each node together, lower numbers first
    kids_at: I8  # (nodes + 1,) where each node's begin
    tree: I8  # (nodes,) the nodes of each root together: queues, then cohorts, leaves first
    tree_at: I8  # (nodes + 1,) where each root's begin
    tree_queues: I8  # (nodes,) by root: how many of them are queues
    firm: B1  # (nodes,) by root: some queue of it is strict
    asked: I8  # (queues,) in a cycle: the head,
    offered: I8  # (queues,) the flavor it would take,
    mode: I8  # (queues,) what that offers,
    high: I8  # (queues,) how far up it would borrow,
    open: B1  # (queues,) and whether its turn is still to come
    kept: I8  # (queues, cells) what is kept for those who evict nobody
    at: I8  # (queues,) its part of `heap`, by kin
    end: I8  # (queues,)
    spared: I8  # (queues,) the first that the first strategy spared; -1 is none
    won: I8  # (nodes,) the queue that goes first of a part of the tree,
    least: F8  # (nodes,) the share that this part has with its head,
    lent: B1  # (nodes,) and whether it borrows then
    share: F8  # (nodes,) as last found; below 0 is not known
    out: B1  # (nodes,) nobody goes of this part
    kin: I8  # (jobs,) number of its form and priority; the rest has no rows where nobody evicts
    first_kin: I8  # (kins, flavors) newest of the holders alike, ties to lower rows; -1 is none
    next_kin: I8  # (jobs,) the next older
    last_kin: I8  # (jobs,)
    live: I8  # (queues, flavors) a kin that holds quota: a list, low priorities first
    next_live: I8  # (kins, flavors)
    last_live: I8  # (kins, flavors)
    n: I8  # [jobs that wait for quota]


NOBODY = np.zeros(0, np.int64)


class Caps(NamedTuple):
    """Upper limits of Slurm's associations and QOS; no rows where there are none.

    By node of the tree of `Quota`, whose `nominal` and `used` hold what a group may have and has.
    """

    stops: bool  # a job that a limit blocks blocks those behind it
    most_jobs: I8  # (nodes,)
    jobs: I8  # (nodes,) that run
    budget_gpu_s: F8  # (nodes,) GPU time in all; inf is no limit
    spent_gpu_s: F8  # (nodes,) of jobs that have ended
    pledged_gpu_s: F8  # (nodes,) walltime of those that run, times their GPUs
    user: I8  # (jobs,)
    user_most: I8  # (queues, 3) of one user, as `ask`
    user_most_jobs: I8  # (queues,)
    user_used: I8  # (queues, users, 3)
    user_jobs: I8  # (queues, users)
    found_none: I8  # (forms,) the change at which a form found no nodes
    found_some: I8  # (forms,) and rows of the ledger and the change at which it found some
    own: I8 = NOBODY  # (queues,) the node of its association; no rows where no QOS has limits
    qos: I8 = NOBODY  # (queues,) the node of its QOS, whose limits go before; -1 is none


def no_caps() -> Caps:
    """Return that there are no limits."""
    none, real = np.zeros(0, np.int64), np.zeros(0)
    flat = np.zeros((0, 0), np.int64)
    return Caps(
        False, none, none.copy(), real, real.copy(), real.copy(), none.copy(), flat, none.copy(),
        np.zeros((0, 0, 3), np.int64), flat.copy(), none.copy(), none.copy(),
    )  # fmt: skip


def no_quota() -> Quota:
    """Return that nobody has a quota: every column is there, and empty."""

    def whole(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.int64)

    def real(*shape: int) -> np.ndarray:
        return np.zeros(shape)

    def flag(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.bool_)

    return Quota(
        rule=FREE, fair=False, first=0, second=0, parent=whole(0), root=whole(0), height=whole(0),
        nominal=whole(0, 0), subtree=whole(0, 0), local=whole(0, 0), borrow=whole(0, 0),
        used=whole(0, 0), lendable=real(0, 0), weight=real(0), strict=flag(0), within=whole(0),
        reclaim=whole(0), to_borrow=whole(0), most_priority=real(0), borrow_next=flag(0),
        evict_next=flag(0), flavors=whole(0, 0), masked=whole(0, 0), plain=whole(0),
        queue=whole(0), ask=whole(0, 0), may=flag(0, 0), begin=whole(0), place=whole(0),
        size=whole(0), refused=whole(0), line=whole(0), change=whole(0), stale=flag(0),
        form=whole(0), flavor=whole(0), since_s=real(0), out_s=real(0), newest=whole(0),
        older=whole(0), newer=whole(0), heap=whole(0), rank=whole(0), gone=whole(0), n=whole(1),
        kids=whole(0), kids_at=whole(1), tree=whole(0), tree_at=whole(1), tree_queues=whole(0),
        firm=flag(0), asked=whole(0), offered=whole(0), mode=whole(0), high=whole(0), open=flag(0),
        kept=whole(0, 0), at=whole(0), end=whole(0), spared=whole(0), won=whole(0), least=real(0),
        lent=flag(0), share=real(0), out=flag(0), kin=whole(0), first_kin=whole(0, 0),
        next_kin=whole(0), last_kin=whole(0), live=whole(0, 0), next_live=whole(0, 0),
        last_live=whole(0, 0),
    )  # fmt: skip
