"""A route is connected, begins and ends right, is as short as promised; spraying loses nothing."""

import networkx as nx
import numpy as np
import pytest
from test_families import SMALL

import topologies

DIRECT = ("torus", "cubes", "hyperx", "dragonfly_plus", "dragonfly_bundles")


def everyone(fabric):
    """Return all pairs of nodes."""
    src, dst = np.divmod(np.arange(fabric.nodes**2), fabric.nodes)
    return src, dst


def ends(fabric, links):
    """Return where directed links begin and end."""
    a, b = fabric.a[links // 2], fabric.b[links // 2]
    back = links % 2 == 1
    return np.where(back, b, a), np.where(back, a, b)


def walked(fabric, routes, flow, src, dst):
    """Return the hops of a flow after checking that its links are a path from src to dst."""
    tails, heads = ends(fabric, routes.link[routes.start[flow] : routes.start[flow + 1]])
    step = dict(zip(tails.tolist(), heads.tolist(), strict=True))
    here, hops = int(src), 0
    while here != dst:
        here, hops = step[here], hops + 1
        assert hops <= len(tails)
    assert hops == len(tails)
    return hops


@pytest.mark.parametrize("salt", [0, 1])
@pytest.mark.parametrize("family", SMALL)
def test_each_flow_is_a_path_and_a_shortest_one(family, salt):
    fabric = SMALL[family]()
    if family == "cubes":  # smaller, for all pairs
        fabric = topologies.torus.arrays((4, 4, 4), cube=2)
    src, dst = everyone(fabric)
    lanes = getattr(fabric.router, "lanes", 1)
    lane = (src + dst) % lanes
    routes = topologies.routed(fabric, src, dst, lane, salt=salt)
    graph = nx.Graph()
    graph.add_edges_from(zip(fabric.a.tolist(), fabric.b.tolist(), strict=True))
    shortest = dict(nx.all_pairs_shortest_path_length(graph))
    for flow, (a, b) in enumerate(zip(src.tolist(), dst.tolist(), strict=True)):
        hops = walked(fabric, routes, flow, a, b)
        # nodes of several lanes may be relays for a search, never for a route
        if family not in ("nvlink",) and not family.startswith("dragonfly"):
            assert hops == shortest[a][b]
        assert hops >= shortest[a][b]
        assert hops <= 6 or family in DIRECT
        if family.startswith("dragonfly"):
            assert hops <= 5


@pytest.mark.parametrize("family", [f for f in SMALL if f not in DIRECT and f != "nvlink"])
def test_a_flow_keeps_its_lane(family):
    fabric = SMALL[family]()
    src, dst = everyone(fabric)
    lane = (src * 3 + dst) % fabric.router.lanes
    routes = topologies.routed(fabric, src, dst, lane)
    flow = np.repeat(np.arange(len(src)), np.diff(routes.start))
    tail, head = ends(fabric, routes.link)
    for end in (tail, head):
        leaf = fabric.kind[end] == "leaf"
        on = fabric.places["rail"][end] * fabric.router.planes + fabric.places["plane"][end]
        assert np.array_equal(on[leaf], lane[flow][leaf])


@pytest.mark.parametrize("family", ["torus", "hyperx", "dragonfly_plus"])
def test_valiant_detours_over_every_switch_and_arrives(family):
    fabric = SMALL[family]()
    detour = topologies.Fabric(**{**vars_of(fabric), "router": fabric.router.detouring()})
    src, dst = everyone(fabric)
    tails = []
    for salt in range(8):
        links = detour.router.links(detour, src, dst, src * 0, salt)
        for row, a, b in zip(links, src, dst, strict=True):
            tail, head = ends(detour, row[row >= 0])
            path = [a, *head.tolist()]
            assert path[:-1] == tail.tolist()
            assert path[-1] == b
            tails += path
    assert {*tails} == {*range(len(fabric.kind))}
    plain = topologies.routed(fabric, src, dst)
    assert len(topologies.routed(detour, src, dst).link) > len(plain.link)


def vars_of(fabric):
    return {name: getattr(fabric, name) for name in topologies.Fabric.__dataclass_fields__}


def net(fabric, routes, flow):
    """Return what a flow puts into each vertex less what it takes out."""
    some = slice(routes.start[flow], routes.start[flow + 1])
    tail, head = ends(fabric, routes.link[some])
    n = len(fabric.kind)
    return np.bincount(tail, routes.weight[some], n) - np.bincount(head, routes.weight[some], n)


TIERS = [f for f in SMALL if f not in DIRECT]


@pytest.mark.parametrize(("family", "ways"), [(f, 5) for f in SMALL] + [(f, 0) for f in TIERS])
def test_weights_conserve_a_flow_at_every_vertex(family, ways):
    if family == "clos" and ways == 0:
        return  # cables of its last tier are dealt unevenly: see below
    fabric = SMALL[family]()
    src, dst = everyone(fabric)
    chosen = np.random.default_rng(3).choice(len(src), 60, replace=False)
    src, dst = src[chosen], dst[chosen]
    routes = topologies.routed(fabric, src, dst, ways=ways)
    for flow, (a, b) in enumerate(zip(src, dst, strict=True)):
        wanted = np.zeros(len(fabric.kind))
        wanted[a] += 1.0
        wanted[b] -= 1.0
        # sums of at most a few hundred parts of 1
        assert net(fabric, routes, flow) == pytest.approx(wanted, abs=1e-12)


def test_spraying_loads_every_link_of_a_tier_alike():
    fabric = topologies.fat_tree.arrays(4)
    src, dst = everyone(fabric)
    routes = topologies.routed(fabric, src, dst, ways=0)
    load = np.bincount(routes.link, routes.weight, 2 * len(fabric.a))
    kinds = np.char.add(fabric.kind[fabric.a], fabric.kind[fabric.b])
    for kind in np.unique(kinds):
        loads = load.reshape(-1, 2)[kinds == kind]
        assert loads == pytest.approx(np.full_like(loads, loads[0, 0]), rel=1e-12)
    # a node sends to the 12 of other pods through the cores, 16 nodes over 16 links each way
    core = load.reshape(-1, 2)[kinds == "spinecore"]
    assert core[0, 0] == pytest.approx(12.0, rel=1e-12)


def test_many_ways_come_near_to_spraying():
    fabric = topologies.fat_tree.arrays(8)
    src, dst = np.arange(64), np.arange(64) + 64
    even = topologies.routed(fabric, src, dst, ways=0)
    worst = []
    for ways in (1, 16):
        routes = topologies.routed(fabric, src, dst, ways=ways)
        worst.append(np.bincount(routes.link, routes.weight).max())
    assert np.bincount(even.link, even.weight).max() == pytest.approx(1.0, rel=1e-12)
    assert worst[0] > worst[1] >= 1.0


def test_a_hash_draws_each_spine_about_as_often():
    fabric = topologies.leaf_spine.arrays(64, 32, 8)
    src, dst = np.divmod(np.arange(32 * 32), 32)
    routes = topologies.routed(fabric, src, dst + 32)
    head = ends(fabric, routes.link)[1]
    drawn = np.bincount(head[fabric.kind[head] == "spine"] - 66, minlength=8)
    # chi-squared with 7 degrees of freedom is below 24.3 with probability 0.999
    assert ((drawn - 128) ** 2 / 128).sum() < 24.3


@pytest.mark.parametrize("family", ["fat_tree", "torus", "leaf_spine"])
def test_shortest_paths_of_a_foreign_graph_are_as_long(family):
    fabric = SMALL[family]()
    foreign = topologies.compiled(fabric.graph())
    assert foreign.router is None
    src, dst = everyone(fabric)
    ours, theirs = topologies.routed(fabric, src, dst), topologies.routed(foreign, src, dst)
    assert np.array_equal(ours.start, theirs.start)
    for flow in range(0, len(src), 7):
        walked(foreign, theirs, flow, src[flow], dst[flow])


def test_within_a_domain_a_flow_takes_nvlink():
    fabric = SMALL["nvlink"]()  # 2 nodes a domain
    routes = topologies.routed(fabric, [0, 0], [1, 2])
    kinds = fabric.kind[fabric.b[routes.link // 2]]
    assert kinds[:2].tolist() == ["nvlink", "nvlink"]
    assert "nvlink" not in kinds[2:]


def test_an_impossible_route_is_refused():
    fabric = topologies.fat_tree.arrays(4)
    with pytest.raises(ValueError, match="outside 0 … 15"):
        topologies.routed(fabric, [0], [16])
    with pytest.raises(ValueError, match="lane is 1; must be from 0 to 0"):
        topologies.routed(fabric, [0], [1], lane=1)
    with pytest.raises(ValueError, match="no tiers to spray over"):
        topologies.routed(topologies.torus.arrays((4, 4)), [0], [1], ways=0)
    graph = topologies.leaf_spine(2, 1, 1)
    graph.remove_edge("leaf0", "spine0")
    with pytest.raises(ValueError, match="cannot reach"):
        topologies.routed(topologies.compiled(graph), [0], [1])
