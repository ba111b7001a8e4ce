"""Even spraying over lanes, spines and cores of a fabric in tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from topologies.fabric import Fabric, Floats, Ints

if TYPE_CHECKING:
    from topologies.routes.updown import Tiers


def sprayed(t: Tiers, fabric: Fabric, src: Ints, dst: Ints, lanes: Ints) -> tuple[Ints, Floats]:
    """Return (links, weights), each (flows, paths); -1 where a flow has none.

    `lanes` (flows, k) are those that a flow may take. Each path carries in proportion to the cables
    of its narrower half, the way up or the way down; one with a failed link (capacity 0) carries
    nothing. In tiers dealt evenly every link of a tier carries the same. Raises ValueError where no
    path is left.

    Source: packet spraying as in Dixit et al., INFOCOM 2013.
    Neglects: reordering; links that are slower but not down.
    """
    flows, k = lanes.shape
    works = np.where(fabric.link_Bps > 0.0, np.repeat(fabric.cables, 2), 0).astype(np.float64)
    unit = (src // t.nodes_per_leaf)[:, None], (dst // t.nodes_per_leaf)[:, None]
    leaf = [u * t.lanes + lanes for u in unit]  # (flows, lanes)
    moves, up = (src != dst)[:, None], unit[0] != unit[1]
    ends = [2 * (src[:, None] * t.lanes + lanes), 2 * (dst[:, None] * t.lanes + lanes) + 1]
    open_ = np.minimum(works[ends[0]], works[ends[1]]) > 0.0
    if not (t.spines and up.any()):
        share = normal(np.where(open_, 1.0, 0.0), moves[:, 0])
        return np.concatenate([np.where(moves, end, -1) for end in ends], axis=1), np.tile(share, 2)
    base = t.nodes * t.lanes
    spine = np.arange(t.spines)
    hop = [2 * (base + x[:, :, None] * t.spines + spine) + side for side, x in enumerate(leaf)]
    width = np.minimum(works[hop[0]], works[hop[1]]) * open_[:, :, None]
    far = unit[0] // t.units != unit[1] // t.units
    deep = [np.zeros((flows, 0), np.int64)] * 2
    part = np.zeros((flows, k, t.spines, 0))
    if t.cores and far.any():
        base += t.leaves * t.spines
        group = [(t.group(u, lanes) * t.spines)[:, :, None] + spine for u in unit]
        core = np.arange(t.cores)
        jump = [2 * (base + x[..., None] * t.cores + core) + side for side, x in enumerate(group)]
        part = np.minimum(works[jump[0]], works[jump[1]])
        whole = part.sum(axis=3)
        width = np.where(far[:, :, None], np.minimum(width, whole), width)
        part = part / np.where(whole > 0.0, whole, 1.0)[..., None]
        deep = [np.where(far[:, :, None, None], x, -1).reshape(flows, -1) for x in jump]
    # a lane has its even part of a flow as long as a path of it works
    lane = np.where(up, (width > 0.0).any(axis=2), open_)
    lane = normal(np.where(lane, 1.0, 0.0), moves[:, 0])
    full = width.sum(axis=2)
    share = lane[:, :, None] * width / np.where(full > 0.0, full, 1.0)[:, :, None]
    links = [np.where(moves, end, -1) for end in ends]
    links += [np.where(up[:, :, None], x, -1).reshape(flows, -1) for x in hop]
    weights = [lane] * 2 + [share.reshape(flows, -1)] * 2
    weights += [(share[..., None] * part).reshape(flows, -1)] * 2
    every = np.concatenate([*links, *deep], axis=1)
    weight = np.concatenate(weights, axis=1)
    return np.where(weight > 0.0, every, -1), weight


def normal(width: Floats, needed: Ints) -> Floats:
    """Return each flow's widths as parts of 1; ValueError if one that must move has none."""
    whole = width.sum(axis=1)
    if (needed & (whole <= 0.0)).any():
        lost = int(np.flatnonzero(needed & (whole <= 0.0))[0])
        raise ValueError(f"flow {lost} has no path that works: mend a link of its ends")
    return np.asarray(width / np.where(whole > 0.0, whole, 1.0)[:, None])
