"""What each queue is due: quotas first and the rest by weight, or all by weight, down the tree."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.state.columns import CANCELS
from sim.state.fair_share import AS_TOLD, QUOTA_FIRST
from sim.state.handle import State
from sim.state.words import JobState

WAITING = int(JobState.WAITING)
CANCELLED = int(JobState.CANCELLED)
LITTLE = 0.1
"""Thousandths of a GPU or core, or bytes, that rounding may cost."""


@jit
def held(s: State, node: int, r: int) -> int:
    """Return what a queue, or those under a cohort, hold of a resource."""
    used = s.quota.used
    return int(used[node, r] + used[node, 3 + r])


@jit
def drop_cancelled(s: State, form: int) -> None:
    """Take those of a form who have given up out of its heap."""
    q = s.quota
    line, top, n = q.line, q.place[form], 0
    for i in range(q.size[form]):
        if s.jobs.state[line[top + i]] == WAITING:
            line[top + n] = line[top + i]
            n += 1
    q.size[form] = n
    key = s.jobs.key
    for start in range(n // 2 - 1, -1, -1):
        job, i = line[top + start], start
        while 2 * i + 1 < n:
            k = 2 * i + 1
            if k + 1 < n:
                a, b = line[top + k + 1], line[top + k]
                if key[a] < key[b] or (key[a] == key[b] and a < b):
                    k += 1
            below = line[top + k]
            if not (key[below] < key[job] or (key[below] == key[job] and below < job)):
                break
            line[top + i] = below
            i = k
        line[top + i] = job


@jit
def drop_all_cancelled(s: State) -> None:
    """Take all who have given up since it was last asked out of their heaps."""
    seen = s.fair_share.n
    while seen[0] < s.face.n[CANCELS]:
        job = s.events.cancel[seen[0]]
        seen[0] += 1
        if s.jobs.state[job] == CANCELLED:
            drop_cancelled(s, s.quota.form[job])


@jit
def tally(s: State) -> None:
    """Count what nodes that are up have, and what the jobs under each node hold and wait for."""
    q, fair, nodes = s.quota, s.fair_share, s.nodes
    fair.total[:] = 0.0
    for node in range(nodes.gpus.size):
        if nodes.up[node]:
            fair.total[0] += nodes.gpus[node] * fair.unit[0]
            fair.total[1] += nodes.mcpu[node]
            fair.total[2] += nodes.mem_bytes[node]
    for node in range(q.parent.size):
        for r in range(3):
            fair.ask[node, r] = held(s, node, r)
    for form in range(q.size.size):
        if q.size[form] > 0:
            node = q.queue[form]
            while node >= 0:
                for r in range(3):
                    fair.ask[node, r] += float(q.size[form]) * q.ask[form, r]
                node = q.parent[node]


@jit
def divide(s: State) -> None:
    """Set the share of each node: of what there is for roots, of its parent's below them.

    Source: NVIDIA KAI-Scheduler, plugins/proportion/resource_division; Volcano,
    plugins/proportion and plugins/capacity.
    """
    q, fair = s.quota, s.fair_share
    nodes, queues = q.parent.size, q.newest.size
    fair.share[:, :] = 0.0
    amount = np.empty(3)
    for up in range(queues - 1, nodes):  # the first of them stands for what is over all roots
        top = -1 if up < queues else up
        for r in range(3):
            amount[r] = fair.total[r] if top < 0 else fair.share[top, r]
        set_most(s, top, amount)
        if fair.division == QUOTA_FIRST:
            for r in range(3):
                if fair.counted[r]:
                    quota_first(s, top, r, amount[r])
        elif fair.division == AS_TOLD:
            for node in range(nodes):
                if q.parent[node] == top:
                    for r in range(3):
                        told = min(float(q.nominal[node, r]), fair.most[node, r])
                        fair.share[node, r] = max(told, fair.least[node, r])
        else:
            by_weight(s, top, amount)


@jit
def set_most(s: State, top: int, amount: np.ndarray) -> None:
    """Set the most each child of a node may hold: its limit, and not what others are guaranteed."""
    q, fair = s.quota, s.fair_share
    for r in range(3):
        least = 0.0
        for node in range(q.parent.size):
            if q.parent[node] == top:
                least += fair.least[node, r]
        for node in range(q.parent.size):
            if q.parent[node] == top:
                fair.most[node, r] = fair.limit[node, r]
                if fair.division != QUOTA_FIRST:
                    rest = max(amount[r] - least, 0.0) + fair.least[node, r]
                    fair.most[node, r] = min(rest, fair.limit[node, r])


@jit
def lacks(s: State, node: int, r: int) -> float:
    """Return what a node asks for beyond its share, as far as its limit."""
    fair = s.fair_share
    return max(min(fair.ask[node, r], fair.most[node, r]) - fair.share[node, r], 0.0)


@jit
def quota_first(s: State, top: int, r: int, amount: float) -> None:
    """Divide an amount among the children of a node: quotas, then by priority and weight.

        share = min(quota, ask);  then, of a priority, again and again:
        share += floor(rest x weight / sum of weights of those who lack), at most what they lack

    What rounding to whole units leaves goes a unit each to the largest remainders.
    """
    q, fair = s.quota, s.fair_share
    rest, count = amount, q.parent.size
    high = np.inf
    for node in range(count):
        fair.left[node] = 0.0
        if q.parent[node] == top:
            own = min(float(q.nominal[node, r]), min(fair.ask[node, r], fair.most[node, r]))
            fair.share[node, r] = own
            rest -= own
    while rest > 0.0:
        high = next_priority(s, top, high)
        if high == -np.inf:
            break
        rest = rounds(s, top, r, high, rest)
    high = np.inf
    while rest > LITTLE:
        high = next_priority(s, top, high)
        if high == -np.inf:
            break
        rest = remainders(s, top, r, high, rest)


@jit
def next_priority(s: State, top: int, below: float) -> float:
    """Return the greatest priority below another among the children of a node; -inf if none is."""
    best = -np.inf
    for node in range(s.quota.parent.size):
        if s.quota.parent[node] == top and s.fair_share.priority[node] < below:
            best = max(best, s.fair_share.priority[node])
    return float(best)


@jit
def rounds(s: State, top: int, r: int, priority: float, rest: float) -> float:
    """Give what is left to the children of one priority by weight; return what is left then."""
    q, fair = s.quota, s.fair_share
    again = True
    while again and rest > LITTLE:
        again, amount, weights = False, rest, 0.0
        for node in range(q.parent.size):
            same = q.parent[node] == top and fair.priority[node] == priority
            if same and lacks(s, node, r) > 0.0:
                weights += q.weight[node]
        if weights == 0.0:
            break
        for node in range(q.parent.size):
            if q.parent[node] != top or fair.priority[node] != priority or q.weight[node] == 0.0:
                continue
            need = lacks(s, node, r)
            if need == 0.0:
                continue
            part, given = amount * q.weight[node] / weights, need
            if need <= part:
                fair.left[node] = 0.0
                again = again or need < part
            else:
                given = np.floor(part / fair.unit[r]) * fair.unit[r]
                if part > given:
                    fair.left[node] = part - given
            fair.share[node, r] += given
            rest -= given
    return rest


@jit
def remainders(s: State, top: int, r: int, priority: float, rest: float) -> float:
    """Give units to the largest remainders of one priority, first told first; return the rest."""
    q, fair = s.quota, s.fair_share
    while rest > LITTLE:
        best = -1
        for node in range(q.parent.size):
            if q.parent[node] == top and fair.priority[node] == priority and fair.left[node] > 0.0:
                if best < 0 or fair.left[node] > fair.left[best]:
                    best = node
        if best < 0:
            break
        fair.left[best] = 0.0
        given = min(fair.unit[r], rest)
        fair.share[best, r] += given
        rest -= given
    return rest


@jit
def by_weight(s: State, top: int, amount: np.ndarray) -> None:
    """Divide amounts among the children of a node by weight, at least what is guaranteed.

        share = max(guaranteed, min(share + rest x weight / sum of weights, most, ask))

    again and again for those not met, until nothing is left or nothing changes.
    """
    q, fair = s.quota, s.fair_share
    rest, old, delta = amount.copy(), amount.copy(), np.zeros(3)
    for node in range(q.parent.size):
        fair.met[node] = q.parent[node] != top
    while True:
        weights = 0.0
        for node in range(q.parent.size):
            if not fair.met[node]:
                weights += q.weight[node]
        if weights == 0.0:
            return
        old[:], delta[:] = rest, 0.0
        for node in range(q.parent.size):
            if fair.met[node]:
                continue
            same, met = True, True
            for r in range(3):
                before = fair.share[node, r]
                one = before + max(rest[r], 0.0) * q.weight[node] / weights
                one = min(one, fair.most[node, r], fair.ask[node, r])
                same = same and one == before
                met = met and (not fair.counted[r] or fair.ask[node, r] <= one)
                fair.share[node, r] = max(one, fair.least[node, r])
                delta[r] += fair.share[node, r] - before
            fair.met[node] = met or same
        changed, some = False, False
        for r in range(3):
            rest[r] -= delta[r]
            changed = changed or rest[r] != old[r]
            some = some or (fair.counted[r] and rest[r] > LITTLE)
        if not (changed and some):
            return
