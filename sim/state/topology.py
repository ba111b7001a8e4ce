"""Slurm's topologies: which nodes share a leaf or a base block, and what stands over each.

A leaf is a rack of the cluster, and so is a base block. Over leaves stand pods, and over these one
root, if there is one; to who reads the table a height means no more than its row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sim.errors import ScenarioError
from sim.state.arrays import B1, F8
from sim.state.inventory import Inventory
from sim.state.jobs import filled
from sim.state.slices import Topology
from sim.state.spans import domains_of

DEFAULT_BLOCKS = 5
"""Without BlockSizes blocks are formed of 1, 2, 4, 8 and 16 base blocks."""


class Grouping(NamedTuple):
    """What a placement by topology wants, in numbers.

    With `sizes` in nodes, or `blocks`, gangs lie in blocks; else on the leaves of a tree.
    """

    blocks: bool = False
    sizes: tuple[int, ...] = ()
    first_alone: bool = True  # one node: the first that has room
    fit_first: bool = True  # a nearer leaf is better only where it, or what is over it, fits
    root: bool = True  # pods hang on one switch
    most_wait_s: float = 300.0  # no job insists longer on its number of leaves
    poll_s: float = 0.0  # that a wait is over is seen at multiples of this, or at any event


def no_topology() -> Topology:
    """Return the table of a run whose placement knows of no topology."""
    none, flat = np.zeros(0, np.int64), np.zeros((0, 0), np.int64)
    return Topology(
        False, False, False, False, none, flat, 0, np.zeros(0, np.bool_), none.copy(), np.zeros(0),
        0.0, none.copy(),
    )  # fmt: skip


def levels_of(sizes: tuple[int, ...], base: int, leaves: int) -> B1:
    """Return (levels,) which multiples 2 ** level of a base block are formed.

    The first of `sizes` is the base block; sizes that are no such multiple raise ScenarioError.
    """
    level = np.zeros(max(DEFAULT_BLOCKS, leaves.bit_length() + 1), np.bool_)
    if not sizes:
        level[:DEFAULT_BLOCKS] = True
        return level
    wrong = [n for n in sizes if n % base or (n // base) & (n // base - 1)]
    if wrong:
        told = f"has {wrong}; must be {base}, the first, times a power of 2"
        raise ScenarioError([f"placement.block_sizes: {told}"])
    for n in sizes:
        if n // base < 2 ** len(level):
            level[(n // base).bit_length() - 1] = True  # a larger one is the whole cluster
    return level


def topology_of(
    want: Grouping, numbers: Mapping[str, np.ndarray], enter_s: F8, inventory: Inventory
) -> Topology:
    """Return the table of a cluster's racks and pods, and what each job asks of it.

    `numbers` are the columns of a job_request as numbers.
    """
    leaf, pod = domains_of(inventory)
    leaves = int(leaf.max()) + 1
    over = np.zeros((1 + want.root, leaves), np.int64)
    over[0, leaf] = pod
    base = want.sizes[0] if want.sizes else int(np.bincount(leaf)[0])
    level = levels_of(want.sizes, base, leaves)
    most = np.zeros(len(enter_s)) if want.blocks else filled(numbers, "switches", 0.0)
    wait_s = np.minimum(filled(numbers, "switches_wait_s", want.most_wait_s), want.most_wait_s)
    return Topology(
        True, want.blocks, want.first_alone, want.fit_first, leaf.copy(), over, base, level,
        most.astype(np.int64), enter_s + wait_s,
        float(want.poll_s), filled(numbers, "segment", 0.0).astype(np.int64),
    )  # fmt: skip
