"""Even spraying over all lanes, spines and cores of a fabric in tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from topologies.fabric import Fabric, Floats, Ints

if TYPE_CHECKING:
    from topologies.routes.updown import Tiers


def sprayed(t: Tiers, fabric: Fabric, src: Ints, dst: Ints) -> tuple[Ints, Floats]:
    """Return (links, weights), each (flows, paths); -1 where a flow has none.

    A flow leaves in equal parts on every lane; a leaf sends in proportion to the cables to each
    spine, a spine to each core. In tiers dealt evenly every link of a tier carries the same.

    Source: packet spraying as in Dixit et al., INFOCOM 2013.
    Neglects: reordering, the cables dealt unevenly on the way down.
    """
    flows = len(src)
    lanes = np.arange(t.lanes)
    unit = (src // t.nodes_per_leaf)[:, None], (dst // t.nodes_per_leaf)[:, None]
    leaf = [u * t.lanes + lanes for u in unit]  # (flows, lanes)
    moves = (src != dst)[:, None]
    ends = [2 * (src[:, None] * t.lanes + lanes), 2 * (dst[:, None] * t.lanes + lanes) + 1]
    links = [np.where(moves, end, -1) for end in ends]
    weights = [np.full((flows, t.lanes), 1.0 / t.lanes)] * 2
    up = (unit[0] != unit[1])[:, :, None]
    if t.spines and up.any():
        base = t.nodes * t.lanes
        spine = np.arange(t.spines)
        edge = [base + x[:, :, None] * t.spines + spine for x in leaf]
        share = fabric.cables[edge[0]] / (t.leaf_up * t.lanes)
        for side, way in enumerate(edge):
            links.append(np.where(up, 2 * way + side, -1).reshape(flows, -1))
            weights.append(share.reshape(flows, -1))
        far = (unit[0] // t.units != unit[1] // t.units)[:, :, None, None]
        if t.cores and far.any():
            base += t.leaves * t.spines
            edge = [
                base
                + ((t.group(u, lanes[None, :]) * t.spines)[:, :, None] + spine)[..., None] * t.cores
                + np.arange(t.cores)
                for u in unit
            ]
            deep = share[..., None] * fabric.cables[edge[0]] / t.spine_up
            for side, way in enumerate(edge):
                links.append(np.where(far, 2 * way + side, -1).reshape(flows, -1))
                weights.append(deep.reshape(flows, -1))
    return np.concatenate(links, axis=1), np.concatenate(weights, axis=1)
