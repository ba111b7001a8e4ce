"""Do waiting jobs fit on nodes that are there, and how many new ones do they need?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.state.arrays import B1, F8, I8
from sim.state.scaling import FleetSeen


class Pieces(NamedTuple):
    """What sits on one node each, (m,): a gang of four nodes is four pieces."""

    job: I8  # row of the waiting job
    gpus: I8
    cpus: F8
    allowed: B1  # (m, p)


class Free(NamedTuple):
    """What nodes have to give, (n,); written on by `place`."""

    pool: I8
    gpus: I8
    cpus: F8


def pieces_of(seen: FleetSeen) -> Pieces:
    """Return the pieces of the waiting jobs, in the queue's order."""
    waiting = seen.waiting
    job = np.repeat(np.arange(len(waiting.nodes)), waiting.nodes)
    return Pieces(job, waiting.gpus[job], waiting.cpus[job], waiting.allowed[job])


def take(pieces: Pieces, rows: I8 | B1) -> Pieces:
    """Return some of the pieces."""
    return Pieces(pieces.job[rows], pieces.gpus[rows], pieces.cpus[rows], pieces.allowed[rows])


def free_of(seen: FleetSeen) -> Free:
    """Return what the nodes that are up or booting have to give."""
    nodes, pools = seen.nodes, seen.pools
    coming = np.repeat(np.arange(len(pools.gpus)), pools.booting)
    return Free(
        np.concatenate([nodes.pool, coming]),
        np.concatenate([nodes.free_gpus, pools.gpus[coming]]),
        np.concatenate([nodes.free_cpus, pools.cpus[coming]]),
    )


def place(pieces: Pieces, free: Free) -> B1:
    """Return which pieces fit, (m,), each on the first node that has room; `free` is taken from."""
    made = np.zeros(len(pieces.gpus), np.bool_)
    for i in range(len(made)):
        fits = (free.gpus >= pieces.gpus[i]) & (free.cpus >= pieces.cpus[i])
        on = np.flatnonzero(fits & pieces.allowed[i][free.pool])
        if len(on):
            made[i] = True
            free.gpus[on[0]] -= pieces.gpus[i]
            free.cpus[on[0]] -= pieces.cpus[i]
    return made


def largest_first(pieces: Pieces) -> I8:
    """Return the pieces' order by GPUs, then CPUs, the greatest first, else as they came, (m,)."""
    return np.lexsort((np.arange(len(pieces.gpus)), -pieces.cpus, -pieces.gpus))


def new_nodes(seen: FleetSeen, pieces: Pieces, pool: int, most: int) -> tuple[int, B1]:
    """Return how many new nodes of a pool take pieces, first fit decreasing, and which, (m,)."""
    order = largest_first(pieces)
    made, opened = np.zeros(len(pieces.gpus), np.bool_), 0
    whole = int(seen.pools.gpus[pool]), float(seen.pools.cpus[pool])
    free = Free(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    for i in order:
        if not pieces.allowed[i, pool] or pieces.gpus[i] > whole[0] or pieces.cpus[i] > whole[1]:
            continue
        one = take(pieces, np.array([i]))
        if not place(one, free).any():
            if opened == most:
                continue
            opened += 1
            free = Free(np.append(free.pool, pool), np.append(free.gpus, whole[0]),
                        np.append(free.cpus, whole[1]))  # fmt: skip
            place(one, free)
        made[i] = True
    return opened, made
