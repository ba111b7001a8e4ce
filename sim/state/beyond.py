"""Jobs that no quota would ever let run, and what is told of a tree."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.state.arrays import F8
from sim.state.columns import PLENTY, WHOLE, Jobs, Kinds, Nodes
from sim.state.fair_share import FairShare
from sim.state.fits import fits_never
from sim.state.mig import no_slices
from sim.state.quota import LIMITS, SHARES, Caps, Quota
from sim.state.sizes import Sizes
from sim.state.spans import anywhere
from sim.state.tree import Cap, Tree, most_ever
from sim.state.words import JobState


def told(tree: Tree | None, qoses: int = 0) -> dict[str, Any] | None:
    """Return what of a tree the metrics need: tenants, GPUs and root of each queue; the default.

    A root is the cohort above all others of a queue, or the queue itself, with the GPUs that its
    cohorts have beside; where shares are divided, all are under one. With limits of `qoses` so many
    queues are left out as stand for a QOS of another.
    """
    if tree is None:
        return None
    queues: dict[str, Any] = {}
    many = len(tree.queues) // (1 + qoses)
    for part, way in zip(tree.queues[:many], tree.ways[:many], strict=True):
        gpus = [limits.nominal[0] for limits in part.limits.values()]
        total = None if None in gpus else sum(g for g in gpus if g is not None) / 1000.0
        root = "" if tree.rule == SHARES else root_of(tree, part.name)
        queues[part.name] = {"tenants": list(way.tenants), "gpus": total, "root": root}
    roots = {one["root"]: 0.0 for one in queues.values()}
    for part in tree.cohorts:
        root = root_of(tree, part.name)
        if root in roots:
            roots[root] += sum(limits.nominal[0] or 0 for limits in part.limits.values()) / 1000.0
    return {"queues": queues, "default": tree.default, "roots": roots}


def root_of(tree: Tree, name: str) -> str:
    """Return the cohort above all others of a queue or cohort; itself if it is in none."""
    return line_of(tree, name)[-1]


def line_of(tree: Tree, name: str) -> list[str]:
    """Return a queue or cohort and all that are over it, from below."""
    parents = {part.name: part.parent for part in (*tree.queues, *tree.cohorts)}
    line = [name]
    while parents.get(line[-1]):
        line.append(parents[line[-1]])
    return line


def unable(
    tree: Tree | None,
    quota: Quota,
    sizes: Sizes,
    jobs: Jobs,
    kinds: Kinds,
    nodes: Nodes,
    scatter: bool,
) -> None:
    """Set aside jobs that can never run on nodes of a flavor of which they could get quota.

    Not those that could at a smaller size.
    """
    for f in range(quota.may.shape[1]):
        there = jobs._replace(klass=quota.masked[jobs.klass, f])
        never = fits_never(there, kinds, nodes, scatter, no_slices(), anywhere())
        quota.may[quota.form[never], f] = False
    ever = np.asarray(quota.may.any(axis=1))
    np.logical_or.at(ever, sizes.whole, ever.copy()[: len(sizes.whole)])
    able = ever[quota.form]
    jobs.state[~able | (tree is not None and too_much(tree, quota, jobs))] = JobState.UNFIT


def too_much(tree: Tree, quota: Quota, jobs: Jobs) -> np.ndarray:
    """Return which jobs are beyond the limits of a single job, or of one user alone, (n,)."""
    over = np.zeros(len(jobs.gpus), np.bool_)
    for i, part in enumerate(tree.queues):
        mine, cap = quota.queue[quota.form] == i, tree.caps.get(part.name, Cap())
        asks = np.stack([jobs.gpus * jobs.milli, jobs.mcpu, jobs.mem_bytes], axis=1)
        for limits in (cap.job, cap.user):
            for r, most in enumerate(limits):
                over |= mine & (asks[:, r] > (PLENTY if most is None else most))
        over |= mine & (jobs.walltime_s > (np.inf if cap.wall_s is None else cap.wall_s))
    return over


def most_gpus(quota: Quota, caps: Caps, fair: FairShare) -> F8:
    """Return the most GPUs each queue could ever hold of each flavor, (queues, flavors).

    Neglects: what other queues hold beyond what is guaranteed to them.
    """
    queues, nodes, parent = len(quota.strict), len(quota.parent), quota.parent
    below = np.array([*range(queues), *range(nodes - 1, queues - 1, -1)])  # children first
    if quota.rule == SHARES:
        most = np.stack([fair.most[:, 0], np.minimum(fair.most[:, 0], quota.nominal[:, 3])], axis=1)
    elif quota.rule == LIMITS:
        most = quota.nominal[:, ::3].copy()
        for node in below[::-1][parent[below[::-1]] >= 0]:
            most[node] = np.minimum(most[node], most[parent[node]])
        most[:queues] = np.minimum(most[:queues], caps.user_most[:, :1])
    else:
        most = most_ever(parent, quota.subtree, quota.local, quota.borrow, below)[:, ::3]
    return np.asarray(most[:queues], np.float64) / WHOLE
