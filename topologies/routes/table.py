"""Flows to links, as CSR: what a solver takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from topologies.fabric import Fabric, Floats, Ints
from topologies.routes.shortest import Shortest


@dataclass(frozen=True)
class Routes:
    """Flow f loads the directed links link[start[f]:start[f + 1]], each with its weight.

    A weight is the part of the flow's bytes that crosses the link: 1 without spraying. Capacities
    are `fabric.link_Bps[link]`.
    """

    start: Ints  # (flows + 1,)
    link: Ints  # (entries,)
    weight: Floats  # (entries,)


def routed(
    fabric: Fabric,
    src: ArrayLike,
    dst: ArrayLike,
    lane: ArrayLike = 0,
    ways: int = 1,
    salt: int = 0,
) -> Routes:
    """Return the links of each flow between nodes, all at once.

    ways : hashed paths that share a flow evenly, as queue pairs do: 1 is ECMP by flow. 0 sprays
        evenly over every cable of every lane that the fabric's tiers offer, exactly.
    lane : rail, plane or rail planes + plane that a flow takes, of each flow or one for all;
        spraying takes all lanes.

    Failed links, of capacity 0, are gone round. Raises ValueError for a node or lane that is not
    there, ways=0 on a fabric without tiers, or ends that no path joins.
    """
    src, dst, lane = checked(fabric, src, dst, lane)
    if ways < 0:
        raise ValueError(f"ways is {ways}; must be at least 0")
    if ways == 0:
        return spread(fabric, src, dst, None)
    runs = getattr(fabric.router, "runs", None)
    if runs is not None and ways == 1 and fabric.works:
        start, link = runs(fabric, src, dst, lane, salt * 4096)
        return Routes(start, link, np.ones(len(link)))
    drawn = [around(fabric, src, dst, lane, salt * 4096 + way) for way in range(ways)]
    if ways == 1:
        return packed(drawn[0], None)
    longest = max(x.shape[1] for x in drawn)
    return merged(np.concatenate([wide(x, longest) for x in drawn], axis=1), ways)


def checked(
    fabric: Fabric, src: ArrayLike, dst: ArrayLike, lane: ArrayLike
) -> tuple[Ints, Ints, Ints]:
    """Return the ends and lanes of flows, (flows,) each; ValueError for one that is not there."""
    a, b = np.atleast_1d(np.asarray(src, np.int64)), np.atleast_1d(np.asarray(dst, np.int64))
    for name, ends in (("src", a), ("dst", b)):
        if len(ends) and not (ends.min() >= 0 and ends.max() < fabric.nodes):
            raise ValueError(f"{name} has a node outside 0 … {fabric.nodes - 1}")
    if len(a) != len(b):
        raise ValueError(f"{len(a)} src, {len(b)} dst; must be as many")
    on = np.broadcast_to(np.asarray(lane, np.int64), a.shape)
    lanes = int(getattr(fabric.router, "lanes", 1))
    if len(on) and not (on.min() >= 0 and on.max() < lanes):
        raise ValueError(f"lane is {int(on.max())}; must be from 0 to {lanes - 1}")
    return a, b, on


def spread(fabric: Fabric, src: Ints, dst: Ints, lane: Ints | None) -> Routes:
    """Return all paths of each flow, evenly; of its lane's rail alone if there is a lane.

    Raises ValueError for ends that are not there, or a fabric without tiers.
    """
    src, dst, on = checked(fabric, src, dst, 0 if lane is None else lane)
    way = getattr(fabric.router, "spread", None)
    if way is None:
        raise ValueError(
            f"{fabric.name} has no tiers to spray over; choose hashed ECMP: routing=ecmp"
        )
    return packed(*way(fabric, src, dst, None if lane is None else on))


def around(fabric: Fabric, src: Ints, dst: Ints, lane: Ints, salt: int, draws: int = 16) -> Ints:
    """Return the directed links of each flow, (flows, hops), over links that work.

    A path that crosses a failed link (capacity 0) is drawn anew, up to `draws` times; what is left
    takes shortest paths of the fabric without them. Raises ValueError where none is left.
    """
    router = fabric.router or Shortest()
    links = router.links(fabric, src, dst, lane, salt)
    if fabric.works:
        return links
    dead = fabric.dead

    def lost(paths: Ints) -> Ints:
        return np.flatnonzero((dead[paths] & (paths >= 0)).any(axis=1))

    rows = lost(links)
    for again in range(1, draws + 1):
        if not len(rows):
            return links
        drawn = router.links(fabric, src[rows], dst[rows], lane[rows], salt + again * 2**40)
        links[rows] = wide(drawn, links.shape[1])
        rows = rows[lost(links[rows])]
    if len(rows):
        longer = Shortest().links(fabric, src[rows], dst[rows], lane[rows], salt)
        links = wide(links, max(links.shape[1], longer.shape[1]))
        links[rows] = wide(longer, links.shape[1])
    return links


def wide(links: Ints, hops: int) -> Ints:
    """Return rows of links with room for so many hops, -1 where none."""
    return np.pad(links, ((0, 0), (0, max(0, hops - links.shape[1]))), constant_values=-1)


def merged(links: Ints, ways: int) -> Routes:
    """Return padded rows of several ways as CSR, each link once with its part of the ways."""
    links = np.sort(links, axis=1)
    differs = np.ones(links.shape, dtype=np.bool_)
    differs[:, 1:] = links[:, 1:] != links[:, :-1]
    begins = np.flatnonzero(differs)
    times = np.diff(begins, append=links.size)
    link = links.ravel()[begins]
    real = link >= 0
    start = np.zeros(len(links) + 1, np.int64)
    np.cumsum(np.count_nonzero(differs & (links >= 0), axis=1), out=start[1:])
    return Routes(start, link[real], times[real] / ways)


def packed(links: Ints, weights: Floats | None) -> Routes:
    """Return padded rows, -1 where none, as CSR."""
    there = links >= 0
    start = np.zeros(len(links) + 1, np.int64)
    np.cumsum(np.count_nonzero(there, axis=1), out=start[1:])
    link = links[there]
    return Routes(start, link, np.ones(len(link)) if weights is None else weights[there])
