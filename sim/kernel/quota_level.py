"""Does a wish fit into a queue's quota, and how far up the tree must it borrow?"""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.kernel.quota import available, local_left
from sim.state.handle import State


@jit
def level(s: State, queue: int, cell: int, amount: int) -> int:
    """Return 0 if a queue need not borrow, else the height of the lowest cohort with quota enough.

    Of a tree that would not have enough it is the height of the root.
    """
    q = s.quota
    if q.parent[queue] < 0 or q.used[queue, cell] + amount <= q.subtree[queue, cell]:
        return 0
    left, node = amount - local_left(s, queue, cell), q.parent[queue]
    while True:
        if q.used[node, cell] + left <= q.subtree[node, cell] or q.parent[node] < 0:
            return int(q.height[node])
        left -= local_left(s, node, cell)
        node = q.parent[node]


@jit
def owed(s: State, queue: int, cell: int, amount: int) -> bool:
    """Return whether a part of the tree below its root has the quota: others borrow of it."""
    q = s.quota
    if q.parent[queue] < 0:
        return False
    if q.used[queue, cell] + amount <= q.subtree[queue, cell]:
        return True
    left, node = amount - local_left(s, queue, cell), q.parent[queue]
    while q.parent[node] >= 0:
        if q.used[node, cell] + left <= q.subtree[node, cell]:
            return True
        left -= local_left(s, node, cell)
        node = q.parent[node]
    return False


@jit
def fits(s: State, form: int, flavor: int, borrows: bool) -> bool:
    """Return whether a form of job fits into its queue's quota of a flavor now."""
    q = s.quota
    queue = q.queue[form]
    for r in range(3):
        amount, cell = q.ask[form, r], 3 * flavor + r
        if amount == 0:
            continue
        if not borrows and q.used[queue, cell] + amount > q.subtree[queue, cell]:
            return False
        if amount > available(s, queue, cell):
            return False
    return True


@jit
def over(s: State, node: int, flavor: int, needs: int) -> bool:
    """Return whether a node uses more than its quota of any resource in the bits of `needs`."""
    q = s.quota
    for r in range(3):
        cell = 3 * flavor + r
        if needs >> r & 1 and q.used[node, cell] > q.subtree[node, cell]:
            return True
    return False


@jit
def needed(s: State, form: int, flavor: int) -> int:
    """Return the resources, as bits, of which a form of job finds too little quota."""
    q, bits = s.quota, 0
    for r in range(3):
        if q.ask[form, r] > available(s, q.queue[form], 3 * flavor + r):
            bits |= 1 << r
    return bits
