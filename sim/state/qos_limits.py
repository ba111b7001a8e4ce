"""Limits of QOS beside those of associations: which lie over several of these at once.

Each pair of an association and a QOS is a queue. What runs of it is counted at the queue of the
association alone and, for the QOS, at its pair with the first association.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sim.state.arrays import I8
from sim.state.columns import PLENTY
from sim.state.quota import Caps, Quota
from sim.state.tree import EVERY, NOTHING, Amounts, Cap, Limits, Part


class QosLimits(NamedTuple):
    """What all running jobs of a QOS may have, and what each user and each job of it."""

    group: Amounts = NOTHING
    cap: Cap = Cap()


def either(first: Amounts, then: Amounts) -> Amounts:
    """Return each amount of the first that is told, else of the other."""
    a, b, c = (y if x is None else x for x, y in zip(first, then, strict=True))
    return a, b, c


def merged(first: Cap, then: Cap) -> Cap:
    """Return the limits of one job and one user, the first where it has some; none of a group."""
    return Cap(
        None, None, either(first.user, then.user), None, either(first.job, then.job),
        then.wall_s if first.wall_s is None else first.wall_s,
    )  # fmt: skip


def pairs(
    leaves: Sequence[Part], caps: Mapping[str, Cap], qoses: Mapping[str, QosLimits]
) -> tuple[list[Part], dict[str, Cap]]:
    """Return a queue for each QOS and association, QOS by QOS, and its limits of one job."""
    parts, told = [], {}
    for name, limits in qoses.items():
        for leaf in leaves:
            own = leaf.limits[EVERY].nominal
            pair = f"{leaf.name}/{name}"
            parts.append(Part(pair, "", {EVERY: Limits(either(limits.group, own))}))
            told[pair] = merged(limits.cap, caps[leaf.name])
    return parts, told


def of_pair(queue: I8, qos: I8, names: Sequence[str], qoses: Sequence[str], many: int) -> I8:
    """Return the queue of each job, (n,), of `many` associations, given that of its association.

    `qos` are codes of `names`; jobs of a QOS that is none of `qoses` stay in their association's.
    """
    place = np.array([qoses.index(name) if name in qoses else -1 for name in names], np.int64)
    return queue + many * (1 + place[qos])


def by_qos(quota: Quota, caps: Caps, qoses: Sequence[QosLimits]) -> tuple[Quota, Caps]:
    """Return the tree and its upper limits with those of QOS."""
    queues = len(caps.user_most)
    many = queues // (1 + len(qoses))
    own, qos = np.arange(queues) % many, np.full(queues, -1, np.int64)
    nominal, budget = quota.nominal.copy(), caps.budget_gpu_s.copy()
    most_jobs, user_most, user_jobs = (
        caps.most_jobs.copy(), caps.user_most.copy(), caps.user_most_jobs.copy()
    )  # fmt: skip
    for i, (group, cap) in enumerate(qoses):
        node = many * (1 + i)
        qos[node : node + many] = node

        def told(values: Sequence[int | None]) -> I8:
            return np.array([PLENTY if v is None else v for v in values], np.int64)

        nominal[node], user_most[node] = told(group), told(cap.user)
        most_jobs[node], user_jobs[node] = told([cap.jobs])[0], told([cap.user_jobs])[0]
        budget[node] = np.inf if cap.budget_gpu_s is None else cap.budget_gpu_s
    users = int(caps.user.max(initial=0)) + 1
    limited = (user_most[[*range(many), *range(many, queues, many)]] < PLENTY).any()
    limited = limited or (user_jobs < PLENTY).any()
    shape = (queues, users if limited else 0)
    return quota._replace(nominal=nominal, root=np.zeros_like(quota.root)), caps._replace(
        own=own.astype(np.int64), qos=qos, budget_gpu_s=budget, most_jobs=most_jobs,
        user_most=user_most, user_most_jobs=user_jobs, user_jobs=np.zeros(shape, np.int64),
        user_used=np.zeros((*shape, 3), np.int64),
    )  # fmt: skip
