"""MIG: where on a device an instance lies, and what that spoils."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.state.columns import WHOLE
from sim.state.handle import State

MEMORY = 255
"""The bits of a mask that are memory slices."""


@jit
def sliced(s: State, job: int) -> bool:
    """Return whether a job takes an instance of each of its devices."""
    return bool(s.slices.sliced[s.jobs.klass[job]])


@jit
def many_bits(mask: int) -> int:
    """Return how many memory slices a mask has."""
    n, mask = 0, mask & MEMORY
    while mask != 0:
        mask &= mask - 1
        n += 1
    return n


@jit
def to_cut(s: State, node: int, d: int) -> bool:
    """Return whether a device may hold an instance: cut for good, cut already, or wholly free."""
    slices = s.slices
    if slices.taken[node, d] != 0 or slices.cut[slices.layout[node], d]:
        return True
    return bool(s.devices.free_milli[node, d] == WHOLE)


@jit
def spoilt(s: State, node: int, d: int, place: int) -> int:
    """Return how many places of larger instances, free now, an instance at `place` would take."""
    slices, n = s.slices, 0
    taken, rivals, own = slices.taken[node, d], slices.rivals[slices.layout[node]], many_bits(place)
    for i in range(rivals.size):
        if rivals[i] == 0:
            break
        free = rivals[i] & taken & MEMORY == 0
        if free and rivals[i] & place & MEMORY != 0 and many_bits(rivals[i]) > own:
            n += 1
    return n


@jit
def position(s: State, job: int, node: int, d: int) -> tuple[int, int]:
    """Return the place that an instance would take on a device, and what it spoils; 0 if none.

    The first legal one, or of all that which spoils fewest, the first of equals.
    """
    slices, best, least = s.slices, 0, 0
    if not to_cut(s, node, d):
        return 0, 0
    places, taken = slices.places[s.jobs.klass[job], slices.layout[node], d], slices.taken[node, d]
    for i in range(places.size):
        if places[i] == 0:
            break
        if places[i] & taken == 0:
            if not slices.spares:
                return int(places[i]), 0
            n = spoilt(s, node, d, places[i])
            if best == 0 or n < least:
                best, least = places[i], n
    return int(best), least


@jit
def roomy_slices(s: State, job: int, node: int) -> int:
    """Return how many devices of a node have a place for an instance."""
    n = 0
    for d in range(s.nodes.gpus[node]):
        place, _ = position(s, job, node, d)
        if place != 0:
            n += 1
    return n


@jit
def next_device(s: State, job: int, node: int, mask: int) -> tuple[int, int, int]:
    """Return the device not in the mask for the next instance, its place there, what it spoils.

    Fewest spoilt first, then the device with least memory left, then the first; -1 if none.
    """
    best, where, least, least_left = -1, 0, 0, 0
    for d in range(s.nodes.gpus[node]):
        if mask >> d & 1:
            continue
        place, n = position(s, job, node, d)
        if place == 0:
            continue
        left = -many_bits(s.slices.taken[node, d])
        if best < 0 or n < least or (n == least and left < least_left):
            best, where, least, least_left = d, place, n, left
    return best, where, least


@jit
def place_slices(s: State, job: int, node: int, gpus: int, row: int) -> int:
    """Choose a chunk's instances, each on a device of its own, and write them into its ledger row.

    Return the devices, as bits.
    """
    mask = 0
    for _ in range(gpus):
        d, place, _ = next_device(s, job, node, mask)
        s.ledger.slices[row, d] = place
        mask |= 1 << d
    return mask


@jit
def harm(s: State, job: int, node: int, gpus: int) -> int:
    """Return 100 less the places that a chunk would spoil on a node, not below 0."""
    mask, total = 0, 0
    for _ in range(gpus):
        d, _, n = next_device(s, job, node, mask)
        mask |= 1 << d
        total += n
    return max(100 - total, 0)


@jit
def hold_slices(s: State, node: int, row: int, sign: int) -> int:
    """Take (+1) or give back (-1) the instances of a row; return the devices no longer, or again,
    wholly free.
    """
    slices, free, n = s.slices, s.devices.free_milli, 0
    mask, layout = s.ledger.devices[row], slices.layout[node]
    for d in range(s.nodes.gpus[node]):
        if mask >> d & 1:
            before = slices.taken[node, d]
            slices.taken[node, d] = before ^ int(s.ledger.slices[row, d])
            if slices.cut[layout, d]:
                continue
            if before == 0 or slices.taken[node, d] == 0:
                free[node, d] = 0 if sign > 0 else WHOLE
                n += 1
    return n


@jit
def slices_free(s: State, node: int, row: int) -> bool:
    """Return whether the instances of a row could be taken again."""
    mask = s.ledger.devices[row]
    for d in range(s.nodes.gpus[node]):
        if mask >> d & 1:
            if s.slices.taken[node, d] & int(s.ledger.slices[row, d]) != 0:
                return False
            if not to_cut(s, node, d):
                return False
    return True
