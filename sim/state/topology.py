"""Slurm's topologies: which nodes share a leaf or a base block, and what stands over each.

A leaf is a rack of the cluster, and so is a base block; where the cluster is one rack, a leaf of
its fabric. Over leaves stand pods, and over these one root, if there is one; to who reads the table
a height means no more than its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sim.errors import ScenarioError
from sim.state.arrays import B1, F8, I8
from sim.state.inventory import Inventory
from sim.state.jobs import filled
from sim.state.joins import AbstractWays
from sim.state.slices import Topology
from sim.state.spans import domains_of

DEFAULT_BLOCKS = 5
"""Without BlockSizes blocks are formed of 1, 2, 4, 8 and 16 base blocks."""


START, TOP, LAST_TIGHT, EVEN = 0, 1, 2, 3
"""Numbers of `Topology.climb`."""
HEIGHTS = ("rack", "pod", "cluster")
"""Levels of domains over nodes, lowest first."""


def must_be(**knobs: tuple[object, Sequence[object]]) -> None:
    """Raise ScenarioError unless each knob of placement, (value, allowed), is one of those allowed.

    All faults at once.
    """
    found = [
        f"placement.{name}: is {value!r}; must be {' or '.join(map(str, allowed))}"
        for name, (value, allowed) in knobs.items()
        if value not in allowed
    ]
    if found:
        raise ScenarioError(found)


class Climb(NamedTuple):
    """How a gang looks for its domain: from the level `start` up to `top`, the lowest that holds.

    In a domain it takes the largest parts first; with `last_tight` the last is the one that is
    filled best; with `even` the smallest part that suffices, else the smallest first. With
    `least_load` what crosses a domain's uplinks now comes before all that.
    """

    start: str = "rack"
    top: str = "cluster"
    last_tight: bool = True
    even: bool = False
    least_load: bool = False


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
    climb: Climb | None = None  # the lowest domain that holds a gang, by these rules


def no_topology() -> Topology:
    """Return the table of a run whose placement knows of no topology."""
    none, flat = np.zeros(0, np.int64), np.zeros((0, 0), np.int64)
    return Topology(
        False, False, False, False, none, flat, 0, np.zeros(0, np.bool_), none.copy(), np.zeros(0),
        0.0, none.copy(), none.copy(), none.copy(), none.copy(),
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


def climb_of(want: Grouping) -> I8:
    """Return the numbers of `Topology.climb`."""
    c = want.climb
    if c is None:
        return np.zeros(0, np.int64)
    return np.array([HEIGHTS.index(c.start), HEIGHTS.index(c.top), c.last_tight, c.even], np.int64)


def there(climb: Climb, leaves: int, pods: int) -> None:
    """Raise ScenarioError where gangs are to keep to a level that the cluster lacks."""
    found = []
    if climb.top == "rack" and leaves == 1:
        found.append("placement: gangs keep to a rack, but there is one; must have several: set "
                     "cluster.nodes_per_rack or a fabric, or ask for cluster")  # fmt: skip
    if "pod" in (climb.start, climb.top) and pods in (1, leaves):
        found.append("placement: asks for pods, but the cluster has none of several racks; must "
                     "have: set cluster.racks_per_pod or a fabric, or ask for rack")  # fmt: skip
    if found:
        raise ScenarioError(found)


def leaves_of(parent: I8, nodes: int) -> tuple[I8, I8, I8]:
    """Return of a fabric's tree the leaf and the pod of each node, and each leaf's vertex.

    A node that hangs on no leaf, or a leaf in no pod, is alone.
    """
    at = parent[:nodes]
    up = np.where(at >= 0, at, np.arange(nodes))
    over = np.where(parent[up] >= 0, parent[up], up)
    vertex, leaf = np.unique(up, return_inverse=True)
    pod = np.unique(np.where(at >= 0, over, up), return_inverse=True)[1]
    return leaf, pod, vertex


def instead_of_racks(leaf: I8, pod: I8, parent: I8) -> tuple[I8, I8]:
    """Return the leaf and the pod of each node by a fabric's tree, for a cluster of one rack.

    Its leaves only if one has several nodes; leaves without pods over them stand in one pod.
    """
    its, over, _ = leaves_of(parent, leaf.size)
    if int(its.max()) + 1 == leaf.size:
        return leaf, pod
    return its, pod if int(over.max()) == int(its.max()) else over


def even_tree(ways: AbstractWays, nodes: int) -> None:
    """Raise ScenarioError where a tree of switches is more than leaves, pods and one over each.

    Where a node hangs on several, or switches are no tree, its domains are all that is asked of it.
    """
    kinds, a, b = ways.ends
    inner = (a >= nodes) & (b >= nodes)
    hangs = np.bincount(np.minimum(a, b)[~inner], minlength=nodes)
    if (hangs != 1).any() or inner.sum() >= len(kinds) - nodes:
        return
    leaf = np.unique(np.maximum(a, b)[~inner])
    bare = np.ones(len(kinds), np.bool_)
    bare[leaf] = False
    loose = np.ones(1, np.bool_)
    while loose.any():  # a switch that bears nothing, such as one to storage, is no tier
        degree = np.bincount(np.concatenate([a[inner], b[inner]]), minlength=len(kinds))
        loose = inner & ((bare & (degree == 1))[a] | (bare & (degree == 1))[b])
        inner &= ~loose
    rank = np.full(len(kinds), 2)  # of leaves 0, of switches over leaves 1, of all others 2
    rank[leaf] = 0
    ends = np.stack([a[inner], b[inner]], 1)
    over = ends[(rank[ends] == 0).any(axis=1)].ravel()
    rank[over[rank[over] != 0]] = 1
    same = np.flatnonzero(inner & (rank[a] == rank[b]) & (rank[a] > 0))
    told = ("both stand over leaves", "hang both on one switch, or a leaf on one of its own"), (
        "neither stands over a leaf", "leave out a tier")  # fmt: skip
    found = []
    for edge in same.tolist():
        (why, remedy), names = told[rank[a[edge]] - 1], ways.name(2 * edge).split(" → ")
        found.append(
            f"fabric: of the switches {' and '.join(sorted(names))}, one over the other, {why}; "
            f"must be leaves, a pod over each, one switch over pods at most: {remedy}, or say rack "
            "and pod of the cluster's nodes instead"
        )
    if found:
        raise ScenarioError(found)


def uplinks_of(leaf: I8, vertex: I8, behind: int, ways: AbstractWays | None) -> tuple[I8, I8]:
    """Return (first, link): link[first[i]:first[i + 1]] are what leads out of leaf i.

    Of a tree its vertex; where paths are drawn, all links from its switches, or its nodes where
    these forward for each other, to what is not of it. `behind` is how many vertices domains are.
    """
    if ways is None:
        return np.arange(vertex.size + 1), vertex
    kinds, a, b = ways.ends
    of = np.full(len(kinds), -1)
    of[: leaf.size] = leaf
    its = ways.own >= 0
    of[b[its]] = leaf[ways.own[its]]
    start, end = np.stack([of[a], of[b]], 1).ravel(), np.stack([of[b], of[a]], 1).ravel()
    out = np.flatnonzero(np.repeat(~its, 2) & (start >= 0) & (start != end))
    out = out[np.argsort(start[out], kind="stable")]
    return np.searchsorted(start[out], np.arange(vertex.size + 1)), behind + out


def topology_of(
    want: Grouping, numbers: Mapping[str, np.ndarray], enter_s: F8, inventory: Inventory,
    parent: I8 | None = None, ways: AbstractWays | None = None,
) -> Topology:  # fmt: skip
    """Return the table of a cluster's racks and pods, and what each job asks of it.

    `numbers` are the columns of a job_request as numbers; `parent` is a fabric's tree: gangs that
    climb do so by its leaves and pods, as do all if nothing is said of racks; `ways` is how its
    paths are drawn, if they are.
    """
    leaf, pod = domains_of(inventory)
    first, link = np.zeros(0, np.int64), np.zeros(0, np.int64)
    if parent is not None and want.climb is None and int(leaf.max()) == 0:
        if ways is not None and not want.blocks:
            even_tree(ways, leaf.size)
        leaf, pod = instead_of_racks(leaf, pod, parent)
    if parent is not None and want.climb is not None:
        leaf, pod, vertex = leaves_of(parent, leaf.size)
        if want.climb.least_load:
            drawn = 0 if ways is None else len(ways.capacity_Bps)
            first, link = uplinks_of(leaf, vertex, len(parent) - drawn, ways)
    leaves = int(leaf.max()) + 1
    if want.climb is not None:
        there(want.climb, leaves, int(pod.max()) + 1)
    over = np.zeros((1 + want.root, leaves), np.int64)
    over[0, leaf] = pod
    base = want.sizes[0] if want.sizes else int(np.bincount(leaf)[0])
    level = levels_of(want.sizes, base, leaves)
    most = np.zeros(len(enter_s)) if want.blocks or want.climb else filled(numbers, "switches", 0.0)
    wait_s = np.minimum(filled(numbers, "switches_wait_s", want.most_wait_s), want.most_wait_s)
    return Topology(
        True, want.blocks, want.first_alone, want.fit_first, leaf.copy(), over, base, level,
        most.astype(np.int64), enter_s + wait_s,
        float(want.poll_s), filled(numbers, "segment", 0.0).astype(np.int64),
        climb_of(want), first, link,
    )  # fmt: skip
