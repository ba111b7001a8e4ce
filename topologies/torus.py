"""A torus of two or three dimensions, wrapped around; optionally of optically switched cubes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from topologies.fabric import Fabric, family
from topologies.routes.torus import Torus
from topologies.sound import few_edges, sound
from topologies.wiring import Block, fabric


@family
def torus(
    dims: Sequence[int],
    cube: int = 0,
    cubes: Sequence[int] = (),
    link_Bps: float = 50e9,
    latency_s: float = 5e-7,
    gpus_per_node: int = 1,
) -> Fabric:
    """Return the torus k1 × … × kd; the nodes switch, there are no other switches.

    N = Π k nodes; node number = (x1 k2 + x2) k3 + x3. Each has 2 d links (one where k = 2, none
    where k = 1), so d N edges if all k > 2; diameter Σ ⌊k/2⌋; an even cut of the longest even
    dimension has 2 N / k_max links.

    With `cube`, cubes of that edge are racks: links inside are copper, links between cubes and
    around go over optical circuit switches, their cable "circuit". `cubes` says which physical cube
    stands at each place, in number order: reconfiguration moves or replaces a cube by another list.
    TPU v4 is dims=(16, 16, 16), cube=4: 64 cubes with 6 faces of 16 links, 6,144 fibres to circuit
    switches, 48 of 128 ports: one for each place on a face and dimension.

    Raises
    ------
    ValueError : not 2 or 3 dimensions, an edge below 1, a cube that does not divide the torus, a
        list of cubes of the wrong length or with one cube twice.

    Source: Dally, Seitz 1986 (k-ary n-cubes); Jouppi et al., TPU v4, ISCA 2023 (cubes, OCS).
    Neglects: twisted tori, the seconds that optical switches take to turn.
    """
    dims = tuple(dims)
    sizes, found = {f"dims[{i}]": k for i, k in enumerate(dims)}, []
    if len(dims) not in (2, 3):
        found.append(f"dims has {len(dims)} dimensions; must be 2 or 3")
    if cube > 0 and any(k % cube for k in dims):
        found.append(f"cube is {cube}; must divide each of dims {dims}: round dims up to it")
    sound({**sizes, "nodes": max(1, prod(dims)), "gpus_per_node": gpus_per_node},
          {"link_Bps": link_Bps}, {"latency_s": latency_s, "cube": cube}, found)  # fmt: skip
    few_edges("torus", len(dims) * prod(dims), "lower the nodes")
    node = np.arange(int(np.prod(dims)))
    at = np.array(np.unravel_index(node, dims))
    grid = tuple(k // cube for k in dims) if cube else (1,) * len(dims)
    stands = np.array(cubes if len(cubes) else range(int(np.prod(grid))))
    if len(stands) != np.prod(grid) or len(set(stands.tolist())) != len(stands):
        raise ValueError(
            f"cubes has {len(stands)} entries, {len(set(stands.tolist()))} different; must name "
            f"{np.prod(grid)} different cubes"
        )
    rack = stands[np.ravel_multi_index(tuple(at // cube), grid)] if cube else node * 0
    pairs, wired = [], []
    for d, k in enumerate(dims):
        step = at.copy()
        step[d] = (at[d] + 1) % k
        other = np.ravel_multi_index(tuple(step), dims)
        # two in a ring have one link, one has none
        real = (node < other) if k == 2 else np.full(len(node), k > 2)
        pairs.append(np.sort(np.stack([node, other], axis=1)[real], axis=1))
        inside = (at[d] % cube != cube - 1) if cube else np.ones(len(node), bool)
        wired.append(inside[real])
    ends, copper = np.concatenate(pairs), np.concatenate(wired)
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    ends, copper = ends[order], copper[order]
    block: Block = (ends[:, 0], ends[:, 1], np.ones(len(ends), np.int64), link_Bps, latency_s, "")
    made = fabric(
        "torus",
        [("node", len(node))],
        {
            "tier": node * 0,
            "rack": rack,
            "feed": rack % 2,
            "gpus": np.full(len(node), gpus_per_node),
        },
        [block],
        Torus(dims=dims),
    )
    optic = np.where(copper, "", f"{link_Bps * 8e-9:.0f}G")
    return replace(made, cable=np.where(copper, "copper", "circuit"), optic=optic)
