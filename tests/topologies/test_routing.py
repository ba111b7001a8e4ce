"""The choice of paths: each policy keeps its law, and comes near to what others measured."""

from dataclasses import replace

import numpy as np
import pytest
from test_routes import ends, net, walked

import topologies
from experiments.routing import ring_jobs, slowdowns
from sim.kernel.flows import finish_times, max_min
from topologies import Adaptive, Ecmp, Spraying
from topologies.routes.adaptive import balanced, fewest
from topologies.routes.chance import mixed


def permutation(rng, n):
    """Return whom each of n sends to, nobody to itself."""
    while True:
        to = rng.permutation(n)
        if (to != np.arange(n)).all():
            return to


def failed(fabric, edges):
    """Return the fabric with these edges down both ways."""
    down = np.isin(np.arange(len(fabric.a)), edges)
    return replace(fabric, capacity_Bps=np.where(down, 0.0, fabric.capacity_Bps),
                   back_Bps=np.where(down, 0.0, fabric.back_Bps))  # fmt: skip


def test_an_edge_of_many_cables_becomes_as_many_edges():
    bundles = topologies.rail_optimized.arrays(512)
    fabric = topologies.cabled(bundles)
    assert len(fabric.a) == bundles.cables.sum()
    assert fabric.link_Bps.sum() == pytest.approx(bundles.link_Bps.sum())
    src, dst = np.arange(256), np.arange(256) + 256
    fine = topologies.routed(fabric, src, dst, lane=3, salt=5)
    coarse = topologies.routed(bundles, src, dst, lane=3, salt=5)
    assert np.array_equal(fine.start, coarse.start)
    for end in (0, 1):  # the same way, cable by cable
        assert np.array_equal(ends(fabric, fine.link)[end], ends(bundles, coarse.link)[end])
    core = bundles.cables[coarse.link // 2] == 16
    used = np.bincount(
        fine.link[core] - 2 * np.repeat(fabric.router.first[:-1], 1)[coarse.link[core] // 2]
    )
    assert (used[:32] > 0).all()  # every cable of 16, both ways


@pytest.mark.parametrize("ways", [1, 3])
def test_adaptive_switches_use_their_ports_alike_on_the_way_up(ways):
    fabric = topologies.fat_tree.arrays(8)
    src = np.arange(128)
    dst = permutation(np.random.default_rng(1), 128)
    routes = Adaptive(ways).routes(fabric, src, dst)
    tail, head = ends(fabric, routes.link)
    for low, high in (("leaf", "spine"), ("spine", "core")):
        up = (fabric.kind[tail] == low) & (fabric.kind[head] == high)
        load = np.bincount(routes.link[up], routes.weight[up], 2 * len(fabric.a)) * ways
        for switch in np.flatnonzero(fabric.kind == low):
            mine = load[2 * np.flatnonzero((fabric.a == switch) & (fabric.kind[fabric.b] == high))]
            assert mine.max() - mine.min() < 1.0 + 1e-9, switch  # thirds add up to ones
    for flow in range(128):
        assert net(fabric, routes, flow)[src[flow]] == pytest.approx(1.0)
        if ways == 1:
            walked(fabric, routes, flow, src[flow], dst[flow])


def one_by_one(switch, drawn, flow_Bps, load_Bps, chance):
    """Return the port of each flow, looked for flow by flow; chance(switch, turn, port) is drawn."""
    names = sorted(set(switch.tolist()))
    load, dealt = {w: list(load_Bps[i]) for i, w in enumerate(names)}, dict.fromkeys(names, 0)
    port = np.zeros(len(switch), int)
    for f in np.argsort(drawn).tolist():
        mine, turn = load[switch[f]], dealt[switch[f]] // load_Bps.shape[1]
        port[f] = min(range(len(mine)), key=lambda p: (mine[p], chance(switch[f], turn, p)))
        mine[port[f]] += flow_Bps[f]
        dealt[switch[f]] += 1
    return port


@pytest.mark.parametrize("seed", range(20))
def test_the_least_loaded_port_is_what_looking_flow_by_flow_finds(seed):
    rng = np.random.default_rng(seed)
    n, ports = int(rng.integers(1, 150)), int(rng.integers(1, 9))
    switch, drawn = 3 * rng.integers(0, 7, n), rng.permutation(n)
    names = np.unique(switch)
    flow_Bps, load_Bps = rng.integers(1, 4, n) * 1.0, rng.integers(0, 9, (len(names), ports)) * 1.0
    turns = (np.unique(switch, return_counts=True)[1].max() - 1) // ports + 1

    def chance(w, turn, port):
        return int(mixed(*(np.array([x]) for x in (w * turns + turn, port, 0)), seed)[0])

    plain = one_by_one(switch, drawn, flow_Bps, load_Bps, chance)
    assert fewest(switch, drawn, seed, flow_Bps, load_Bps).tolist() == plain.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_where_nothing_is_sent_and_flows_are_alike_ports_are_dealt_out(seed):
    """So a job alone on a fabric has the links of one whose switches only count its flows."""
    rng = np.random.default_rng(seed)
    n, ports = int(rng.integers(1, 150)), int(rng.integers(1, 9))
    switch, drawn = rng.integers(0, 7, n), rng.integers(0, 2**40, n)
    idle_Bps = np.full((len(np.unique(switch)), ports), 7.0)
    found = fewest(switch, drawn, seed, np.full(n, 5e10), idle_Bps)
    assert found.tolist() == balanced(switch, ports, drawn, seed).tolist()


def test_spraying_stays_on_a_flow_s_rail_and_takes_all_its_planes():
    rails = topologies.rail_optimized.arrays(96)
    routes = Spraying().routes(rails, [0, 0], [70, 70], lane=[2, 5])
    tail, head = ends(rails, routes.link)
    leaf = rails.places["rail"][np.where(rails.kind[tail] == "leaf", tail, head)]
    flow = np.repeat([2, 5], np.diff(routes.start))
    assert np.array_equal(leaf, flow)
    planes = topologies.multi_plane.arrays(24, planes=4, radix=16, gpus_per_node=2)
    even = Spraying().routes(planes, [0], [20], lane=[1])
    all_ = topologies.routed(planes, [0], [20], ways=0)
    assert np.array_equal(even.link, all_.link)
    assert np.array_equal(even.weight, all_.weight)


@pytest.mark.parametrize("routing", [Ecmp(1), Ecmp(4), Adaptive(2), Spraying()], ids=repr)
@pytest.mark.parametrize("family", ["fat_tree", "rail_optimized"])
def test_routes_go_round_what_has_failed(routing, family):
    made = {"fat_tree": lambda: topologies.fat_tree.arrays(4),
            "rail_optimized": lambda: topologies.rail_optimized.arrays(60, rails=2, radix=8)}[family]()  # fmt: skip
    inner = np.flatnonzero(made.kind[made.a] != "node")
    fabric = failed(made, np.random.default_rng(2).choice(inner, len(inner) // 8, replace=False))
    n = fabric.nodes
    src, dst = np.divmod(np.arange(n * n), n)
    routes = routing.routes(fabric, src, dst)
    assert (fabric.link_Bps[routes.link] > 0.0).all()
    for flow in range(0, n * n, 17):
        wanted = np.zeros(len(fabric.kind))
        wanted[src[flow]] += 1.0
        wanted[dst[flow]] -= 1.0
        assert net(fabric, routes, flow) == pytest.approx(wanted, abs=1e-12)  # sums of few parts


def test_a_direct_network_goes_round_failed_links_too():
    fabric = failed(topologies.torus.arrays((4, 4)), [0, 5, 9])
    src, dst = np.divmod(np.arange(256), 16)
    routes = topologies.routed(fabric, src, dst)
    for flow in range(256):
        walked(fabric, routes, flow, src[flow], dst[flow])
    assert (fabric.link_Bps[routes.link] > 0.0).all()


def test_who_is_cut_off_is_told():
    fabric = failed(topologies.fat_tree.arrays(4), [0])  # node 0's own link
    with pytest.raises(ValueError, match="no path that works"):
        Spraying().routes(fabric, [0], [5])
    with pytest.raises(ValueError, match="cannot reach"):
        Ecmp().routes(fabric, [0], [5])


def test_a_choice_that_makes_no_sense_is_told():
    fabric = topologies.fat_tree.arrays(4)
    for routing in (Ecmp(0), Adaptive(0)):
        with pytest.raises(ValueError, match="queue_pairs is 0; must be at least 1"):
            routing.routes(fabric, [0], [5])
    for routing in (Adaptive(), Spraying()):
        with pytest.raises(ValueError, match="has no tiers"):
            routing.routes(topologies.torus.arrays((4, 4)), [0], [5])


HTSIM = {  # Broadcom/csg-htsim 841d9e7: k=8, 128 nodes, permutations of 20 MB flows, mean FCT / ideal
    "RoCE, ECMP a flow": (Ecmp(), 2.65),
    "NDP, ECMP a flow": (Ecmp(), 2.33),
    "RoCE, adaptive": (Adaptive(), 2.15),  # 2.1 to 2.2
    "EQDS, sprayed": (Spraying(), 1.09),
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", HTSIM)
def test_permutations_are_within_10_percent_of_packets(name):
    """Over 20 permutations; packets also pay for headers and control, 9 % where nothing collides."""
    routing, theirs = HTSIM[name]
    fabric, means = topologies.fat_tree.arrays(8, link_Bps=12.5e9), []
    for seed in range(20):
        to = permutation(np.random.default_rng(seed), 128)
        r = routing.routes(fabric, np.arange(128), to, salt=seed)
        took = finish_times(
            fabric.link_Bps, r.start, r.link, np.zeros(128), np.full(128, 20e6), weight=r.weight
        )
        means.append(took.mean() / (20e6 / 12.5e9))
    assert np.mean(means) == pytest.approx(theirs, rel=0.10)


QUEUE_PAIRS = {1: 3.90, 2: 2.68, 4: 2.10, 8: 1.63, 16: 1.28, 32: 1.10}
"""Mean slow-down of ring jobs on 4,096 GPUs, non-blocking: shared/facts/network.md, 5.3."""


@pytest.mark.heavy
def test_queue_pairs_slow_down_jobs_as_in_the_study_and_spraying_nobody():
    """Within 10 %; how many nodes the study moved is not known: of 30, 40, 50 % 40 is nearest."""
    bundles = topologies.rail_optimized.arrays(512)
    fabric, found = topologies.cabled(bundles), {}
    drawn = [ring_jobs(np.random.default_rng(seed), 512, 0.4, 64) for seed in range(4)]
    for pairs in QUEUE_PAIRS:
        found[pairs] = np.mean([
            slowdowns(fabric, Ecmp(pairs), jobs, 8, 50e9, seed).mean()
            for seed, jobs in enumerate(drawn)
        ])  # fmt: skip
    for pairs, theirs in QUEUE_PAIRS.items():
        assert found[pairs] == pytest.approx(theirs, rel=0.10), found
    assert slowdowns(bundles, Spraying(), drawn[0], 8, 50e9, 0) == pytest.approx(1.0, rel=1e-9)
    adaptive = slowdowns(bundles, Adaptive(), drawn[0], 8, 50e9, 0).mean()
    assert 1.0 < adaptive < found[1]


def test_bundles_and_all_their_cables_share_alike_when_sprayed():
    """Max-min over sprayed cables is max-min over bundles."""
    fabric = topologies.fat_tree.arrays(8)
    to = permutation(np.random.default_rng(3), 128)
    rates = []
    for f in (fabric, topologies.bundled(fabric)):
        r = Spraying().routes(f, np.arange(128), to)
        rates.append(max_min(f.link_Bps, r.start, r.link, r.weight))
    np.testing.assert_allclose(*rates, rtol=1e-9)  # sums in another order
