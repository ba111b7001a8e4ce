"""The devices of a node one by one: which have room, which are taken, what they hold.

Only where jobs share devices or a placement scores nodes; elsewhere whole GPUs are only counted.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import forked, jit
from sim.kernel.slices import hold_slices, roomy_slices, sliced, slices_free
from sim.state.columns import WHOLE
from sim.state.handle import State


@jit
def never(s: State, job: int) -> bool:
    """Return that no job asks for shares."""
    return False


@jit
def by_milli(s: State, job: int) -> bool:
    """Return whether a job asks for shares of devices."""
    return bool(s.devices.shared and s.jobs.milli[job] < WHOLE)


@jit
def by_slices(s: State, job: int) -> bool:
    """Return whether a job asks for shares of devices or for instances on them."""
    return bool(sliced(s, job) or s.jobs.milli[job] < WHOLE)


shares = forked(never, forked(by_milli, by_slices, "slices"))
"""(s, job): whether a job takes less than devices of its own: shares, or MIG instances."""


@jit
def whole(s: State, job: int, gpus: int) -> int:
    """Return how many wholly free devices so many GPUs of a job need: shares need none."""
    return 0 if shares(s, job) else gpus


@jit
def roomy_milli(s: State, job: int, node: int) -> int:
    """Return how many devices of a node have room for a share."""
    n, milli = 0, s.jobs.milli[job]
    for d in range(s.nodes.gpus[node]):
        if s.devices.free_milli[node, d] >= milli:
            n += 1
    return n


@jit
def roomy_either(s: State, job: int, node: int) -> int:
    """Return how many devices of a node have room for a share, or for an instance."""
    return roomy_slices(s, job, node) if sliced(s, job) else roomy_milli(s, job, node)


@jit
def no_room(s: State, job: int, node: int) -> int:
    """Return 0: nobody asks for shares."""
    return 0


roomy = forked(no_room, forked(roomy_milli, roomy_either, "slices"))
"""(s, job, node): how many devices of a node have room for a share or an instance of a job."""


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
def drawn(s: State, job: int, node: int, many: int) -> int:
    """Return `many` of the devices with room, as bits, by the job's draw: systematic sampling.

    The nodes went by its first digits, the devices go by the others.
    """
    room, milli, draw = roomy_milli(s, job, node), s.jobs.milli[job], s.jobs.draw[job]
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
def hold_devices(s: State, job: int, node: int, row: int, sign: int) -> int:
    """Take (+1) or give back (-1) what a row holds of its devices.

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
    return n


@jit
def hold_either(s: State, job: int, node: int, row: int, sign: int) -> int:
    """Take or give back devices, or instances on them."""
    if sliced(s, job):
        return hold_slices(s, node, row, sign)
    return hold_devices(s, job, node, row, sign)


hold_row = forked(hold_devices, hold_either, "slices")


@jit
def hold_told(s: State, job: int, node: int, gpus: int, row: int, sign: int) -> int:
    """Take (+1) a chunk's devices, which its row of the ledger names, or give them back (-1).

    Return how many were wholly free before, or are now.
    """
    n = hold_row(s, job, node, row, sign)
    if gpus > 0:
        s.devices.held[node, whole(s, job, gpus)] += sign
    changed(s, node)
    return int(n)


@jit
def hold_counted(s: State, job: int, node: int, gpus: int, row: int, sign: int) -> int:
    """Return all the GPUs of a chunk: they are only counted."""
    return gpus


hold = forked(hold_counted, hold_told)
"""(s, job, node, gpus, row, sign): take (+1) or give back (-1) a chunk's devices; how many of them
were wholly free before, or are now."""


@jit
def as_free(s: State, node: int, mask: int, milli: int) -> bool:
    """Return whether each device of the mask has so much free."""
    for d in range(s.nodes.gpus[node]):
        if mask >> d & 1 and s.devices.free_milli[node, d] < milli:
            return False
    return True


@jit
def devices_free(s: State, job: int, node: int, row: int) -> bool:
    """Return whether what a row held of its devices is free."""
    return as_free(s, node, s.ledger.devices[row], s.jobs.milli[job])


@jit
def either_free(s: State, job: int, node: int, row: int) -> bool:
    """Return whether what a row held of its devices, or its instances, is free."""
    return slices_free(s, node, row) if sliced(s, job) else devices_free(s, job, node, row)


stands_free = forked(devices_free, either_free, "slices")
"""(s, job, node, row): whether what a row held is free for it again."""


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
