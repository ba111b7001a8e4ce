"""What the families share: blocks of edges, and tiers of switches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from topologies.fabric import Fabric, Ints, Router
from topologies.routes.updown import Tiers
from topologies.sound import few_edges

Block = tuple[Ints, Ints, Ints, float, float, str]  # a, b, cables, Bps of one, latency, cable


def dealt(rows: int, ports: int, bins: int) -> Ints:
    """Return how many of a row's ports each bin gets, (rows, bins), dealt round and round.

    Port u of row r is dealt to bin (r ports + u) mod bins, so that rows and bins differ by one
    cable at most.
    """
    ends = np.arange(rows + 1)[:, None] * ports
    dealt_before = (ends - np.arange(bins)[None, :] + bins - 1) // bins
    return np.diff(dealt_before, axis=0)


def even(least: int, ports: int) -> int:
    """Return the least number of switches, `least` or more, that `ports` cables fall on evenly."""
    return next(n for n in range(max(1, least), ports + 1) if ports % n == 0)


def split(radix: int, oversubscription: float, name: str) -> tuple[int, int]:
    """Return a switch's ports (down, up) with down = oversubscription up, as many as fit.

    Raises ValueError, with the parameter's `name`, if no number of ports gives that ratio.
    """
    for up in range(int(radix / (1 + oversubscription) + 1e-9), 0, -1):
        down = oversubscription * up
        if abs(down - round(down)) < 1e-9 and down >= 1:
            return round(down), up
    raise ValueError(
        f"{name} is {oversubscription}; with {radix} ports no whole number of ports "
        "down and up has that ratio: choose a ratio such as 1, 1.5, 2, 3 or 7, or raise radix"
    )


def fabric(
    name: str,
    kind: Sequence[tuple[str, int]],
    places: Mapping[str, Ints],
    blocks: Sequence[Block],
    router: Router | None = None,
) -> Fabric:
    """Return a fabric from kinds with their counts, places, and blocks of edges in order."""
    a, b, cables = (np.concatenate([block[i] for block in blocks]) for i in range(3))
    sizes = [len(block[0]) for block in blocks]
    port_Bps = np.repeat([block[3] for block in blocks], sizes)
    cable = np.repeat([block[5] for block in blocks], sizes)
    optics = [f"{block[3] * 8e-9:.0f}G" if block[5] == "fibre" else "" for block in blocks]
    return Fabric(
        name=name,
        kind=np.repeat([k for k, _ in kind], [n for _, n in kind]),
        places=places,
        a=a,
        b=b,
        capacity_Bps=cables * port_Bps,
        back_Bps=cables * port_Bps,
        latency_s=np.repeat([block[4] for block in blocks], sizes),
        cables=cables,
        cable=cable,
        optic=np.repeat(optics, sizes),
        router=router,
    )


def tiered(
    name: str,
    tiers: Tiers,
    *,
    node_cables: int,
    radix: int,
    node_Bps: float,
    link_Bps: float,
    latency_s: float,
    gpus_per_node: int,
    nodes_per_rack: int,
    copper: bool = False,
) -> Fabric:
    """Return tiers of switches as arrays. `node_Bps` and `link_Bps` are of one cable, each way."""
    t = tiers
    leaves, spines, cores = t.leaves, t.all_spines, t.all_cores
    edges = t.nodes * t.lanes + leaves * t.spines + spines * t.cores
    few_edges(name, edges, "lower the nodes or the spines")
    node, leaf = np.arange(t.nodes), np.arange(leaves)
    spine, core = np.arange(spines), np.arange(cores)
    lane, unit = leaf % t.lanes, leaf // t.lanes
    group = spine // max(1, t.spines)
    rack = node // nodes_per_rack
    none = np.full
    leaf_rack = np.minimum(unit * t.nodes_per_leaf, t.nodes - 1) // nodes_per_rack
    # one part: spines serve every lane; more parts: a spine belongs to a rail or a plane
    rails, planes = t.lanes // t.planes, t.planes
    part = group % t.parts
    core_part = core // max(1, t.spines * t.cores)
    by_rail, by_plane = t.parts == t.lanes or t.parts == rails > 1, t.parts in (t.lanes, planes)
    by_plane = by_plane and planes > 1

    def place(part: Ints, yes: bool, of: Ints) -> Ints:
        return of if yes else np.full(len(part), -1)

    def rail_of(p: Ints) -> Ints:
        return place(p, by_rail and rails > 1, p // planes if t.parts == t.lanes else p)

    def plane_of(p: Ints) -> Ints:
        return place(p, by_plane, p % planes)

    columns = {
        "tier": np.repeat([0, 1, 2, 3], [t.nodes, leaves, spines, cores]),
        "rail": np.concatenate(
            [none(t.nodes, -1), lane // planes, rail_of(part), rail_of(core_part)]
        ),
        "plane": np.concatenate(
            [none(t.nodes, -1), lane % planes, plane_of(part), plane_of(core_part)]
        ),
        "rack": np.concatenate([rack, leaf_rack, none(spines + cores, -1)]),
        "pod": np.concatenate(
            [
                node // t.nodes_per_leaf // t.units,
                unit // t.units,
                group // t.parts,
                none(cores, -1),
            ]
        ),
        "feed": np.concatenate([rack % 2, leaf % 2, spine % 2, core % 2]),
        "gpus": np.concatenate([none(t.nodes, gpus_per_node), none(leaves + spines + cores, -1)]),
        "ports": np.concatenate([none(t.nodes, -1), none(leaves + spines + cores, radix)]),
    }
    top = t.nodes + leaves
    blocks: list[Block] = [
        (
            np.repeat(node, t.lanes),
            (t.nodes + (node // t.nodes_per_leaf * t.lanes)[:, None] + np.arange(t.lanes)).ravel(),
            np.full(t.nodes * t.lanes, node_cables),
            node_Bps,
            latency_s,
            "copper" if copper else "fibre",
        )
    ]
    if spines:
        first = t.group(unit, lane) * t.spines
        blocks.append(
            (
                np.repeat(t.nodes + leaf, t.spines),
                (top + first[:, None] + np.arange(t.spines)).ravel(),
                dealt(leaves, t.leaf_up, t.spines).ravel(),
                link_Bps,
                latency_s,
                "fibre",
            )
        )
    if cores:
        section = group % t.parts * t.spines + spine % t.spines
        cables = dealt(t.groups, t.spine_up, t.cores)[group // t.parts]
        blocks.append(
            (
                np.repeat(top + spine, t.cores),
                (top + spines + section[:, None] * t.cores + np.arange(t.cores)).ravel(),
                cables.ravel(),
                link_Bps,
                latency_s,
                "fibre",
            )
        )
    kinds = [("node", t.nodes), ("leaf", leaves), ("spine", spines), ("core", cores)]
    return fabric(name, kinds, columns, blocks, tiers)
