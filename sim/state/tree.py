"""A tree of queues and cohorts as a policy tells it becomes the columns of a `Quota`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sim.errors import ScenarioError
from sim.state.arrays import F8, I8
from sim.state.columns import PLENTY, Jobs
from sim.state.fair_share import Split
from sim.state.kin import indexed
from sim.state.quota import KUEUE, LIMITS, NEVER, Caps, Quota, no_caps, no_quota

EVERY = ""
"""The flavor that stands for all GPU types, where a tree tells none apart."""
Amounts = tuple[int | None, int | None, int | None]
"""Thousandths of GPUs, thousandths of cores, bytes; None is not told."""
NOTHING: Amounts = (None, None, None)


class Limits(NamedTuple):
    """What a queue or cohort has of a flavor, and the most it borrows and lends; None: no limit."""

    nominal: Amounts = NOTHING
    borrow: Amounts = NOTHING
    lend: Amounts = NOTHING


class Part(NamedTuple):
    """A queue or a cohort: its place in the tree, and its limits by flavor, in order of liking."""

    name: str
    parent: str  # the cohort it is in; "" for a root
    limits: Mapping[str, Limits]
    weight: float = 1.0


class Ways(NamedTuple):
    """How a queue goes about it: see the columns of `Quota`."""

    tenants: tuple[str, ...] = ()
    strict: bool = False
    within: int = NEVER
    reclaim: int = NEVER
    to_borrow: int = NEVER
    most_priority: float = np.inf
    borrow_next: bool = False
    evict_next: bool = True


class Cap(NamedTuple):
    """Upper limits of a group, of each of its users, and of each of its jobs; None: no limit."""

    jobs: int | None = None
    budget_gpu_s: float | None = None
    user: Amounts = NOTHING
    user_jobs: int | None = None
    job: Amounts = NOTHING
    wall_s: float | None = None


class Tree(NamedTuple):
    """All of it. Parents may be told in any order; there is no cycle."""

    queues: tuple[Part, ...]
    ways: tuple[Ways, ...]
    cohorts: tuple[Part, ...] = ()
    default: str = ""  # the queue of tenants that no queue names; "" is none
    rule: int = KUEUE
    fair: bool = False
    strategies: tuple[int, ...] = ()
    caps: Mapping[str, Cap] = {}  # by name of queue or cohort, where the rule is LIMITS
    stops: bool = False  # a job that a limit blocks blocks those behind it
    split: Split | None = None  # where the rule is SHARES
    leaf: str = "queues"  # what its queues are called
    partial: bool = False  # a job with min_gpus may be admitted with fewer GPUs


def in_order(cohorts: Sequence[Part]) -> list[Part]:
    """Return the cohorts, parents before children."""
    made: list[Part] = []
    known = {""}
    while len(made) < len(cohorts):
        more = [part for part in cohorts if part.parent in known and part.name not in known]
        made += more
        known |= {part.name for part in more}
    return made


def flavors_of(tree: Tree) -> list[str]:
    """Return the flavors that anybody has a quota of, in order of mention."""
    parts = (*tree.queues, *tree.cohorts)
    return list(dict.fromkeys(name for part in parts for name in part.limits))


def queue_of(tree: Tree, tenants: Sequence[str]) -> np.ndarray:
    """Return the number of each tenant's queue, (tenants,); ScenarioError names who has none."""
    number = {part.name: i for i, part in enumerate(tree.queues)}
    owner = {name: i for i, way in enumerate(tree.ways) for name in way.tenants}
    default = number.get(tree.default, -1)
    found = np.array([owner.get(name, default) for name in tenants], np.int64)
    left = [repr(name) for name, queue in zip(tenants, found, strict=True) if queue < 0]
    if left:
        shown = ", ".join(left[:5]) + (", …" if len(left) > 5 else "")
        who = f"the tenant {shown}" if len(left) == 1 else f"{len(left)} tenants, {shown}"
        raise ScenarioError([
            f"quota.default: is null, and no queue names {who}; must be a queue for such tenants, "
            f"one of {', '.join(number)}, or name them in quota.{tree.leaf}.<name>.tenants"
        ])  # fmt: skip
    return found


def types_of(tree: Tree, gpus: Sequence[str]) -> np.ndarray:
    """Return the flavor of each kind of node by its GPU type, (kinds,); -1 where nobody has one."""
    flavors = flavors_of(tree)
    if EVERY in flavors:
        return np.zeros(len(gpus), np.int64)
    faults = [
        f"quota.queues.{part.name}.flavors.{name}: is no GPU type of the cluster; must be one of "
        f"{', '.join(dict.fromkeys(gpus))}"
        for part in tree.queues
        for name in part.limits
        if name not in gpus
    ]
    if faults:
        raise ScenarioError(faults)
    return np.array([flavors.index(g) if g in flavors else -1 for g in gpus], np.int64)


def by_flavor(speed: F8, flavor: np.ndarray, flavors: int) -> tuple[F8, np.ndarray, np.ndarray]:
    """Return `kinds.speed` with a row more for each class on each flavor alone.

    With it the row of each, (classes, flavors), and the class that each row was, (rows,).
    """
    rows, plain = [speed], [np.arange(len(speed))]
    masked = np.zeros((len(speed), flavors), np.int64)
    for f in range(flavors):
        masked[:, f] = len(speed) * (1 + f) + np.arange(len(speed))
        rows.append(np.where(flavor == f, speed, 0.0))
        plain.append(np.arange(len(speed)))
    return np.concatenate(rows), masked, np.concatenate(plain)


def cells_of(tree: Tree, parts: Sequence[Part], which: int, missing: int) -> np.ndarray:
    """Return nominal (0), borrowing (1) or lending limits (2) of each part, (parts, cells)."""
    flavors = flavors_of(tree)
    made = np.full((len(parts), 3 * len(flavors)), missing, np.int64)
    for i, part in enumerate(parts):
        for name, limits in part.limits.items():
            for r, amount in enumerate(limits[which]):
                if amount is not None:
                    made[i, 3 * flavors.index(name) + r] = min(amount, PLENTY)
    return made


def rolled_up(
    parent: np.ndarray, nominal: np.ndarray, lend: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each node's quota with what its children lend it, and what of it it lends to nobody.

    `order` has children before parents.
    """
    subtree, local = nominal.copy(), np.zeros_like(nominal)
    for node in order:
        local[node] = np.maximum(0, subtree[node] - lend[node])
        if parent[node] >= 0:
            up = subtree[parent[node]] + subtree[node] - local[node]
            subtree[parent[node]] = np.minimum(up, PLENTY)
    return subtree, local


def most_ever(parent: I8, subtree: I8, local: I8, borrow: I8, order: I8) -> np.ndarray:
    """Return the most each node could ever have of each cell; `order` has children first."""
    most = subtree.copy()
    for node in order[::-1]:
        if parent[node] >= 0:
            limit = np.minimum(subtree[node] + borrow[node], PLENTY)
            most[node] = np.minimum(limit, local[node] + most[parent[node]])
    return most


def forms_of(
    queue: np.ndarray, jobs: Jobs, counted: np.ndarray, evicts: np.ndarray, user: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the queue of each form, what it asks, (forms, 3), and the form of each job.

    Priorities tell forms apart only where a queue evicts by them.
    """
    asks = np.stack([jobs.gpus * jobs.milli, jobs.mcpu, jobs.mem_bytes], axis=1) * counted
    shape = np.stack([jobs.klass, jobs.gpus, jobs.chunks, jobs.chunk_gpus, jobs.milli, jobs.mcpu,
                      jobs.mem_bytes], axis=1)  # fmt: skip
    ranks = np.unique(jobs.priority, return_inverse=True)[1].reshape(-1)
    all_ = np.column_stack([queue, shape, np.where(evicts[queue], ranks, 0), user])
    _, first, form = np.unique(all_, axis=0, return_index=True, return_inverse=True)
    return queue[first], asks[first].astype(np.int64), form.reshape(-1).astype(np.int64)


def quota_of(
    tree: Tree,
    queue: np.ndarray,
    jobs: Jobs,
    masked: np.ndarray,
    plain: np.ndarray,
    user: np.ndarray,
) -> tuple[Quota, Caps]:
    """Return nobody holding any quota: `queue` is the number of each job's, (n,)."""
    cohorts = in_order(tree.cohorts)
    parts = [*tree.queues, *cohorts]
    queues, nodes = len(tree.queues), len(parts)
    number = {part.name: queues + i for i, part in enumerate(cohorts)}
    parent = np.array([number.get(part.parent, -1) for part in parts], np.int64)
    order = np.concatenate([np.arange(queues), np.arange(nodes - 1, queues - 1, -1)])
    root, height = np.arange(nodes, dtype=np.int64), np.zeros(nodes, np.int64)
    for node in order[::-1]:
        root[node] = node if parent[node] < 0 else root[parent[node]]
    for node in order[parent[order] >= 0]:
        height[parent[node]] = max(height[parent[node]], height[node] + 1)
    nominal, borrow = cells_of(tree, parts, 0, 0), cells_of(tree, parts, 1, PLENTY)
    subtree, local = rolled_up(parent, nominal, cells_of(tree, parts, 2, PLENTY), order)
    most = most_ever(parent, subtree, local, borrow, order)
    lendable = np.zeros((nodes, 3))
    for r in range(3):
        lendable[parent >= 0, r] = most[parent[parent >= 0], r::3].astype(np.float64).sum(axis=1)
    told = [limits.nominal for part in parts for limits in part.limits.values()]
    counted = np.array([any(one[r] is not None for one in told) for r in range(3)], np.int64)
    if tree.rule == LIMITS:
        counted[:] = 1
    within = np.array([way.within for way in tree.ways], np.int64)
    reclaim = np.array([way.reclaim for way in tree.ways], np.int64)
    of, ask, form = forms_of(queue, jobs, counted, (within != NEVER) | (reclaim != NEVER), user)
    flavors = flavors_of(tree)
    liking = np.full((queues, len(flavors)), -1, np.int64)
    for i, part in enumerate(tree.queues):
        liking[i, : len(part.limits)] = [flavors.index(name) for name in part.limits]
    n, forms = len(jobs.gpus), len(of)
    count = np.bincount(form, minlength=forms)

    def column(name: str, kind: type) -> np.ndarray:
        return np.array([getattr(way, name) for way in tree.ways], kind)

    def whole(rows: int, value: int = -1) -> np.ndarray:
        return np.full(rows, value, np.int64)

    caps = caps_of(tree, parts, user, len(of)) if tree.rule == LIMITS else no_caps()
    if tree.rule == LIMITS:
        nominal, most = cells_of(tree, parts, 0, PLENTY), cells_of(tree, parts, 0, PLENTY)
    made = no_quota()._replace(
        rule=tree.rule, fair=tree.fair, first=(*tree.strategies, 0)[0],
        second=(*tree.strategies, 0, 0)[1], parent=parent, root=root, height=height,
        nominal=nominal, subtree=subtree, local=local, borrow=borrow, used=np.zeros_like(nominal),
        lendable=lendable, weight=np.array([part.weight for part in parts], np.float64),
        strict=column("strict", np.bool_), within=within, reclaim=reclaim,
        to_borrow=column("to_borrow", np.int64), most_priority=column("most_priority", np.float64),
        borrow_next=column("borrow_next", np.bool_), evict_next=column("evict_next", np.bool_),
        flavors=liking, masked=masked, plain=plain.astype(np.int64), queue=of, ask=ask,
        may=may_run(of, ask, liking, most),
        begin=np.searchsorted(of, np.arange(queues + 1)).astype(np.int64),
        place=np.concatenate([[0], np.cumsum(count)]).astype(np.int64), size=whole(forms, 0),
        refused=whole(forms), line=whole(n), change=whole(nodes, 0),
        stale=np.zeros(nodes, np.bool_), form=form, flavor=whole(n), since_s=np.zeros(n),
        out_s=np.full(n, -1.0), newest=whole(queues), older=whole(n), newer=whole(n),
        heap=whole(n), rank=whole(n), gone=whole(n), n=whole(1, 0),
    )  # fmt: skip
    return indexed(made, jobs.priority, tree.partial), caps


def may_run(queue: np.ndarray, ask: np.ndarray, liking: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return whether a form could ever get quota of each flavor, (forms, flavors)."""
    may = np.zeros((len(queue), liking.shape[1]), np.bool_)
    for f in range(liking.shape[1]):
        room = (ask <= most[queue, 3 * f : 3 * f + 3]) | (ask == 0)
        may[:, f] = room.all(axis=1) & (liking[queue] == f).any(axis=1)
    return may


def caps_of(tree: Tree, parts: Sequence[Part], user: np.ndarray, forms: int) -> Caps:
    """Return the upper limits, nobody running: `user` is the number of each job's, (n,)."""
    caps = [tree.caps[part.name] for part in parts]
    nodes, queues = len(parts), len(tree.queues)

    def whole(values: Sequence[int | None]) -> np.ndarray:
        return np.array([PLENTY if v is None else v for v in values], np.int64)

    user_most = np.stack([whole(cap.user) for cap in caps[:queues]])
    jobs = whole([cap.user_jobs for cap in caps[:queues]])
    users = 0
    if (user_most < PLENTY).any() or (jobs < PLENTY).any():
        users = int(user.max(initial=0)) + 1
    budget = [np.inf if cap.budget_gpu_s is None else cap.budget_gpu_s for cap in caps]
    return Caps(
        tree.stops, whole([cap.jobs for cap in caps]), np.zeros(nodes, np.int64),
        np.array(budget, np.float64), np.zeros(nodes), np.zeros(nodes), user.astype(np.int64),
        user_most, jobs, np.zeros((queues, users, 3), np.int64),
        np.zeros((queues, users), np.int64), whole([-1] * forms), whole([-1] * forms),
    )  # fmt: skip
