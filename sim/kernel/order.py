"""Jobs in order of (key, row): sorted blocks in a line. Both `queue` and `running` are one.

Keys lie beside the jobs, so that a search meets few lines of memory.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.state.arrays import F8
from sim.state.columns import BLOCK, Order


@jit
def before(order: Order, block: int, slot: int, key: float, job: int) -> bool:
    """Return whether what is in the slot goes before `job`: least key first, ties to lower rows."""
    other = order.key[block, slot]
    return bool(other < key or (other == key and order.job[block, slot] < job))


@jit
def block_of(order: Order, key: float, job: int) -> int:
    """Return the place in line of the block where `job` is, or would be: the last that begins at
    or before it, else the first.
    """
    lo, hi = 0, order.n[0]
    while hi - lo > 1:
        mid = (lo + hi) >> 1
        block = order.line[mid]
        if before(order, block, 0, key, job) or order.job[block, 0] == job:
            lo = mid
        else:
            hi = mid
    return int(lo)


@jit
def slot_of(order: Order, key: float, job: int, block: int) -> int:
    """Return the first slot of the block whose job does not go before `job`."""
    lo, hi = 0, order.size[block]
    while lo < hi:
        mid = (lo + hi) >> 1
        if before(order, block, mid, key, job):
            lo = mid + 1
        else:
            hi = mid
    return int(lo)


@jit
def open_block(order: Order, place: int) -> int:
    """Put an empty block into the line at `place` and return it."""
    block = order.spare[order.n[1] - 1]
    order.n[1] -= 1
    for i in range(order.n[0], place, -1):
        order.line[i] = order.line[i - 1]
    order.line[place] = block
    order.size[block] = 0
    order.n[0] += 1
    return int(block)


@jit
def close_block(order: Order, place: int) -> None:
    """Take the block at `place` out of the line."""
    order.spare[order.n[1]] = order.line[place]
    order.n[1] += 1
    order.n[0] -= 1
    for i in range(place, order.n[0]):
        order.line[i] = order.line[i + 1]


@jit
def refill(order: Order, key: F8, jobs: np.ndarray) -> None:
    """Make the order anew from jobs that are sorted already, blocks three quarters full."""
    while order.n[0] > 0:
        close_block(order, order.n[0] - 1)
    for i in range(jobs.size):
        if i % (BLOCK * 3 // 4) == 0:
            block = open_block(order, order.n[0])
        order.job[block, order.size[block]] = jobs[i]
        order.key[block, order.size[block]] = key[jobs[i]]
        order.size[block] += 1
    order.n[2] = jobs.size


@jit
def rows(order: Order) -> np.ndarray:
    """Return the jobs in order, (jobs,)."""
    out = np.empty(order.n[2], np.int64)
    k = 0
    for place in range(order.n[0]):
        block = order.line[place]
        for i in range(order.size[block]):
            out[k] = order.job[block, i]
            k += 1
    return out


@jit
def make_room(order: Order, key: float, job: int, place: int) -> int:
    """Split the full block at `place`, or begin one behind the last; return where `job` goes."""
    block = order.line[place]
    new = open_block(order, place + 1)
    if place == order.n[0] - 2 and before(order, block, BLOCK - 1, key, job):
        return place + 1  # a queue that grows at its end fills its blocks
    half = BLOCK // 2
    for i in range(half, BLOCK):
        order.job[new, i - half] = order.job[block, i]
        order.key[new, i - half] = order.key[block, i]
    order.size[new] = BLOCK - half
    order.size[block] = half
    return place + 1 if before(order, new, 0, key, job) else place


@jit
def insert(order: Order, keys: F8, job: int) -> None:
    """Put a job into its place."""
    key = keys[job]
    if order.n[0] == 0:
        open_block(order, 0)
    place = block_of(order, key, job)
    if order.size[order.line[place]] == BLOCK and order.n[1] == 0:
        refill(order, keys, rows(order))  # many blocks are nearly empty: close the ranks
        place = block_of(order, key, job)
    if order.size[order.line[place]] == BLOCK:
        place = make_room(order, key, job, place)
    block = order.line[place]
    slot = slot_of(order, key, job, block)
    for i in range(order.size[block], slot, -1):
        order.job[block, i] = order.job[block, i - 1]
        order.key[block, i] = order.key[block, i - 1]
    order.job[block, slot] = job
    order.key[block, slot] = key
    order.size[block] += 1
    order.n[2] += 1


@jit
def drop(order: Order, place: int, slot: int) -> None:
    """Take out the job at a slot of the block at `place` in line; empty blocks leave."""
    block = order.line[place]
    for i in range(slot, order.size[block] - 1):
        order.job[block, i] = order.job[block, i + 1]
        order.key[block, i] = order.key[block, i + 1]
    order.size[block] -= 1
    order.n[2] -= 1
    if order.size[block] == 0:
        close_block(order, place)


@jit
def remove(order: Order, keys: F8, job: int) -> None:
    """Take out a job; its key must be what it was when it was put in."""
    place = block_of(order, keys[job], job)
    drop(order, place, slot_of(order, keys[job], job, order.line[place]))
