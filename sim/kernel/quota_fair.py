"""Fair sharing of what is borrowed: dominant shares decide who goes first."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.kernel.quota import before, use
from sim.kernel.quota_level import over
from sim.state.handle import State

WEIGHTLESS = 1e10
"""Beyond any share of a weight above 0: where the shares of those of weight 0 begin."""


@jit
def share(s: State, node: int) -> float:
    """Return a node's dominant share of what it borrows; 0 if it borrows nothing, or is a root.

    max over resources of 1000 x sum over flavors of max(0, used - subtree) / lendable, over the
    weight. Who has weight 0 comes after all others.

    Source: Kueue, pkg/cache/scheduler/fair_sharing.go; Ghodsi et al., NSDI 2011.
    """
    q, most = s.quota, 0.0
    if q.parent[node] < 0:
        return 0.0
    for r in range(3):
        borrowed = 0
        for cell in range(r, q.used.shape[1], 3):
            borrowed += max(0, q.used[node, cell] - q.subtree[node, cell])
        if borrowed > 0 and q.lendable[node, r] > 0.0:
            most = max(most, borrowed * 1000.0 / q.lendable[node, r])
    if most == 0.0:
        return 0.0
    return float(most / q.weight[node] if q.weight[node] > 0.0 else WEIGHTLESS + most)


@jit
def borrows(s: State, node: int) -> bool:
    """Return whether a node uses more than its quota of anything."""
    for flavor in range(s.quota.used.shape[1] // 3):
        if s.quota.parent[node] >= 0 and over(s, node, flavor, 7):
            return True
    return False


@jit
def wants(s: State, form: int) -> int:
    """Return the resources that a form asks for, as bits."""
    bits = 0
    for r in range(3):
        if s.quota.ask[form, r] > 0:
            bits |= 1 << r
    return bits


@jit
def fairest(s: State, root: int) -> int:
    """Return the queue whose head goes next: the winner of a tournament up the tree; -1 if none.

    At each cohort the child goes first whose part does not borrow with its job, of what it asks;
    then the least share; then the queue's order.

    Source: Kueue, pkg/scheduler/fair_sharing_iterator.go.
    """
    q, queues = s.quota, s.quota.newest.size
    for i in range(q.tree_at[root], q.tree_at[root + 1]):
        node = q.tree[i]
        q.won[node] = node if node < queues and q.open[node] else -1
    for i in range(q.tree_at[root], q.tree_at[root + 1]):
        node = q.tree[i]
        queue, up = q.won[node], q.parent[node]
        if queue < 0 or up < 0:
            continue
        job, flavor = q.asked[queue], q.offered[queue]
        use_at(s, job, flavor, 1)
        mine = share(s, node)
        lent = over(s, node, flavor, wants(s, q.form[job]))
        use_at(s, job, flavor, -1)
        if q.won[up] >= 0:
            if lent != q.lent[up]:
                wins = not lent
            elif mine != q.least[up]:
                wins = mine < q.least[up]
            else:
                wins = before(s, job, q.asked[q.won[up]])
            if not wins:
                continue
        q.won[up], q.least[up], q.lent[up] = queue, mine, lent
    return int(q.won[root])


@jit
def use_at(s: State, job: int, flavor: int, sign: int) -> None:
    """Let a job that waits use (+1) the quota it would get, or no more (-1)."""
    s.quota.flavor[job] = flavor
    use(s, job, sign)
    s.quota.flavor[job] = -1
