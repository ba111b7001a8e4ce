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

    Raises ValueError for a node or lane that is not there, or ways=0 on a fabric without tiers.
    """
    src, dst = np.atleast_1d(np.asarray(src, np.int64)), np.atleast_1d(np.asarray(dst, np.int64))
    lane = np.broadcast_to(np.asarray(lane, np.int64), src.shape)
    for name, ends in (("src", src), ("dst", dst)):
        if len(ends) and not (ends.min() >= 0 and ends.max() < fabric.nodes):
            raise ValueError(f"{name} has a node outside 0 … {fabric.nodes - 1}")
    if len(src) != len(dst) or ways < 0:
        raise ValueError(
            f"{len(src)} src, {len(dst)} dst, ways {ways}; must be as many, at least 0"
        )
    router = fabric.router or Shortest()
    lanes = int(getattr(router, "lanes", 1))
    if len(lane) and not (lane.min() >= 0 and lane.max() < lanes):
        raise ValueError(f"lane is {int(lane.max())}; must be from 0 to {lanes - 1}")
    if ways == 0:
        spread = getattr(router, "spread", None)
        if spread is None:
            raise ValueError(f"{fabric.name} has no tiers to spray over; set ways to 16 or so")
        return packed(*spread(fabric, src, dst))
    drawn = [router.links(fabric, src, dst, lane, salt * 4096 + way) for way in range(ways)]
    links = np.concatenate(drawn, axis=1) if ways > 1 else drawn[0]
    if ways == 1:
        return packed(links, None)
    return merged(links, ways)


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
