"""The devices of a node one by one: which have room, which are taken, what they hold.

Only where jobs share devices or a placement scores nodes; elsewhere whole GPUs are only counted.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.state.columns import WHOLE
from sim.state.handle import State


@jit
def shares(s: State, job: int) -> bool:
    """Return whether a job asks for shares of devices."""
    return bool(s.devices.shared and s.jobs.milli[job] < WHOLE)


@jit
def whole(s: State, job: int, gpus: int) -> int:
    """Return how many wholly free devices so many GPUs of a job need: shares need none."""
    return 0 if shares(s, job) else gpus


@jit
def roomy(s: State, node: int, milli: int) -> int:
    """Return how many devices of a node have so much free."""
    n = 0
    for d in range(s.nodes.gpus[node]):
        if s.devices.free_milli[node, d] >= milli:
            n += 1
    return n


@jit
def tightest(s: State, node: int, milli: int, many: int) -> int:
    """Return the `many` devices with the least room that suffices, as bits; ties to the first."""
    mask = 0
    for _ in range(many):
        best = -1
        for d in range(s.nodes.gpus[node]):
            free = s.devices.free_milli[node, d]
            if free >= milli and not mask >> d & 1:
                if best < 0 or free < s.devices.free_milli[node, best]:
                    best = d
        mask |= 1 << best
    return mask


@jit
def drawn(s: State, node: int, milli: int, many: int, draw: float) -> int:
    """Return `many` of the devices with room, as bits, by the job's draw: systematic sampling.

    The nodes went by its first digits, the devices go by the others.
    """
    room = roomy(s, node, milli)
    mask = 0
    for i in range(many):
        at = int((draw * 4096.0 + i / many) % 1.0 * room)
        for d in range(s.nodes.gpus[node]):
            if s.devices.free_milli[node, d] >= milli:
                if at <= 0 and not mask >> d & 1:
                    mask |= 1 << d
                    break
                at -= 1
    return mask


@jit
def changed(s: State, node: int) -> None:
    """Note that something happened to a node: what it scored holds no more."""
    if s.devices.on:
        s.devices.change[s.nodes.rank[node]] += 1


@jit
def hold(s: State, job: int, node: int, gpus: int, row: int, sign: int) -> int:
    """Take (+1) a chunk's devices, which its row of the ledger names, or give them back (-1).

    Return how many were wholly free before, or are now.
    """
    mask, milli, free = s.ledger.devices[row], s.jobs.milli[job], s.devices.free_milli
    n = 0
    for d in range(s.nodes.gpus[node]):
        if mask >> d & 1:
            if sign > 0 and free[node, d] == WHOLE:
                n += 1
            free[node, d] -= sign * milli
            if sign < 0 and free[node, d] == WHOLE:
                n += 1
    if gpus > 0:
        s.devices.held[node, whole(s, job, gpus)] += sign
    changed(s, node)
    return n


@jit
def as_free(s: State, node: int, mask: int, milli: int) -> bool:
    """Return whether each device of the mask has so much free."""
    for d in range(s.nodes.gpus[node]):
        if mask >> d & 1 and s.devices.free_milli[node, d] < milli:
            return False
    return True


@jit
def look(s: State, node: int, mask: int, milli: int) -> int:
    """Lay the node's devices into `s.cache.room`, `milli` less on those of the mask.

    Return what is free on them together.
    """
    total = 0
    for d in range(s.nodes.gpus[node]):
        free = s.devices.free_milli[node, d]
        if mask >> d & 1:
            free -= milli
        s.cache.room[d] = free
        total += free
    return int(total)


@jit
def free_of(s: State, node: int) -> int:
    """Return the thousandths free on a node's devices together."""
    return int(np.sum(s.devices.free_milli[node]))
