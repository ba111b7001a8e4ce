"""Every family obeys its counts, degrees, distances and cuts; some are cases of others."""

from math import prod

import networkx as nx
import numpy as np
import pytest

import topologies
from topologies.routes.shortest import Shortest

SMALL = {
    "leaf_spine": lambda: topologies.leaf_spine.arrays(18, 4, 3, oversubscription=2.0),
    "fat_tree": lambda: topologies.fat_tree.arrays(4),
    "clos": lambda: topologies.clos.arrays(64, radix=8, leaf_oversubscription=3.0),
    "rail_optimized": lambda: topologies.rail_optimized.arrays(30, rails=4, radix=8),
    "rail_only": lambda: topologies.rail_only.arrays(20, rails=4, radix=8),
    "rail_only_flat": lambda: topologies.rail_only.arrays(8, rails=4, radix=8),
    "multi_plane": lambda: topologies.multi_plane.arrays(12, planes=4, radix=16, gpus_per_node=2),
    "dragonfly_plus": lambda: topologies.dragonfly_plus.arrays(5, radix=4),
    "dragonfly_bundles": lambda: topologies.dragonfly_plus.arrays(3, radix=8, parallel=4),
    "torus": lambda: topologies.torus.arrays((4, 3, 2)),
    "cubes": lambda: topologies.torus.arrays((4, 4, 8), cube=4, cubes=(5, 2)),
    "hyperx": lambda: topologies.hyperx.arrays((4, 3), 2),
    "nvlink": lambda: topologies.nvlink_arrays(
        topologies.rail_optimized.arrays(16, rails=4, radix=8), 8
    ),
}
COLUMNS = ("kind", "a", "b", "capacity_Bps", "back_Bps", "latency_s", "cables", "cable", "optic")


def between(fabric, low, high):
    """Return the cables between two kinds."""
    pair = (fabric.kind[fabric.a] == low) & (fabric.kind[fabric.b] == high)
    return int(fabric.cables[pair].sum())


def many(fabric, kind):
    return int(np.count_nonzero(fabric.kind == kind))


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_the_arrays_are_the_graph(make):
    fabric = make()
    again = topologies.compiled(fabric.graph())
    for column in COLUMNS:
        assert np.array_equal(getattr(fabric, column), getattr(again, column)), column
    assert fabric.names() == again.names()
    assert fabric.places.keys() == again.places.keys()
    for place, values in fabric.places.items():
        assert np.array_equal(values, again.places[place]), place


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_a_shipped_fabric_has_no_faults_and_no_edge_twice(make):
    fabric = make()
    assert topologies.faults(fabric.graph()) == []
    assert (fabric.a < fabric.b).all()
    assert len({*zip(fabric.a.tolist(), fabric.b.tolist(), strict=True)}) == len(fabric.a)


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_the_bisection_is_the_greatest_flow_between_the_halves(make):
    fabric = make()
    if fabric.kind[-1] == "nvlink":  # nodes relay over NVLink in the greatest flow
        fabric = topologies.rail_optimized.arrays(16, rails=4, radix=8)
    said = topologies.describe(fabric).bisection_Bps
    sides = getattr(fabric.router, "sides", None)
    if sides is None:  # tiers: where the halves are whole leaves, of three tiers whole pods
        whole = fabric.nodes % (2 * fabric.router.nodes_per_leaf) == 0
        if whole and (fabric.router.groups == 1 or fabric.router.groups % 2 == 0):
            assert said == pytest.approx(Shortest().cut_Bps(fabric))
    else:  # a cut holds whatever flow there is; its size is the formula's, below
        assert said > 0


@pytest.mark.parametrize("k", [2, 4, 8])
def test_a_fat_tree_has_the_counts_of_its_paper(k):
    fabric = topologies.fat_tree.arrays(k)
    counts = [many(fabric, kind) for kind in ("node", "leaf", "spine", "core")]
    assert counts == [k**3 // 4, k**2 // 2, k**2 // 2, k**2 // 4]
    assert between(fabric, "leaf", "spine") + between(fabric, "spine", "core") == k**3 // 2
    assert topologies.describe(fabric).bisection_Bps == k**3 / 8 * 50e9
    graph = fabric.graph()
    assert {graph.degree(v) for v in graph if isinstance(v, str)} == {k}
    assert nx.diameter(graph) == 6


@pytest.mark.parametrize("k", [4, 8])
def test_a_fat_tree_is_the_three_tier_clos_of_its_radix(k):
    one, two = topologies.fat_tree.arrays(k), topologies.clos.arrays(k**3 // 4, radix=k, tiers=3)
    for column in COLUMNS:
        assert np.array_equal(getattr(one, column), getattr(two, column)), column


def test_a_clos_of_two_tiers_is_a_leaf_spine():
    one, two = topologies.clos.arrays(32, radix=8, tiers=2), topologies.leaf_spine.arrays(32, 4, 4)
    for column in COLUMNS:
        assert np.array_equal(getattr(one, column), getattr(two, column)), column


def test_one_rail_is_a_clos_and_one_plane_too():
    plain = topologies.clos.arrays(32, radix=8, tiers=2)
    rail = topologies.rail_optimized.arrays(32, rails=1, radix=8, tiers=2)
    only = topologies.rail_only.arrays(32, rails=1, radix=8, tiers=2)
    plane = topologies.multi_plane.arrays(32, planes=1, radix=8, gpus_per_node=1, nic_Bps=50e9)
    for other in (rail, only, plane):
        for column in COLUMNS:
            assert np.array_equal(getattr(plain, column), getattr(other, column)), column


SUPERPOD = [  # NVIDIA's tables: nodes, radix, nodes of a unit, leaf, spine, core, leaf–spine cables
    (32, 64, 32, 8, 4, 0, 256),
    (64, 64, 32, 16, 8, 0, 512),
    (96, 64, 32, 24, 16, 0, 768),
    (128, 64, 32, 32, 16, 0, 1024),
    (256, 64, 32, 64, 32, 0, 2048),
    (512, 64, 32, 128, 128, 64, 4096),
    (1024, 64, 32, 256, 256, 128, 8192),
    (2048, 64, 32, 512, 512, 256, 16384),
    (72, 144, 72, 8, 4, 0, 576),
    (144, 144, 72, 16, 8, 0, 1152),
    (288, 144, 72, 32, 18, 0, 2304),
    (576, 144, 72, 64, 36, 0, 4608),
    (1296, 144, 72, 144, 72, 0, 10368),
]


@pytest.mark.parametrize("row", SUPERPOD, ids=lambda row: f"{row[0]}x8-of-{row[1]}")
def test_rails_have_the_counts_of_the_published_tables(row):
    nodes, radix, unit, leaf, spine, core, cables = row
    fabric = topologies.rail_optimized.arrays(nodes, radix=radix, nodes_per_leaf=unit)
    assert [many(fabric, kind) for kind in ("leaf", "spine", "core")] == [leaf, spine, core]
    assert between(fabric, "node", "leaf") == 8 * nodes
    assert between(fabric, "leaf", "spine") == cables
    assert between(fabric, "spine", "core") == (cables if core else 0)
    assert topologies.describe(fabric).bisection_Bps == 8 * nodes / 2 * 50e9


def test_rail_only_holds_what_its_paper_says():
    assert topologies.describe(topologies.rail_only.arrays(64)).gpus == 8 * 64
    assert many(topologies.rail_only.arrays(64), "leaf") == 8
    full = topologies.rail_only.arrays(2048)
    assert topologies.describe(full).gpus == 8 * 64**2 // 2
    assert many(full, "leaf") + many(full, "spine") == 3 * 16384 // 64
    assert between(full, "leaf", "spine") == 16384


def test_eight_planes_hold_a_hundred_thousand_gpus_in_two_tiers():
    fabric = topologies.multi_plane.arrays(16384)
    shown = topologies.describe(fabric)
    assert shown.gpus == 512**2 // 2 == 131072
    assert many(fabric, "core") == 0
    assert shown.injection_Bps == 131072 * 100e9
    assert shown.bisection_Bps == 131072 / 2 * 100e9
    planes = fabric.places["plane"]
    wired = fabric.kind[fabric.a] == "leaf"
    assert (planes[fabric.a[wired]] == planes[fabric.b[wired]]).all()


@pytest.mark.parametrize("over", [1.0, 2.0, 4.0, 1.5])
def test_oversubscription_thins_the_tier_above(over):
    fabric = topologies.clos.arrays(960, radix=60, tiers=3, leaf_oversubscription=over)
    down, up = between(fabric, "node", "leaf"), between(fabric, "leaf", "spine")
    full = many(fabric, "leaf") * fabric.router.nodes_per_leaf
    assert up == full / over >= down / over
    shown = topologies.describe(
        topologies.rail_optimized.arrays(84, radix=64, oversubscription=2.0)
    )
    assert shown.oversubscription == 2.0


def test_spines_oversubscribe_apart_from_leaves():
    fabric = topologies.clos.arrays(96, radix=8, tiers=3, spine_oversubscription=3.0)
    assert between(fabric, "leaf", "spine") == 3 * between(fabric, "spine", "core") == 96


@pytest.mark.parametrize(("groups", "radix", "parallel"), [(5, 4, 1), (8, 8, 1), (4, 8, 5)])
def test_dragonfly_plus(groups, radix, parallel):
    fabric = topologies.dragonfly_plus.arrays(groups, radix=radix, parallel=parallel)
    half = radix // 2
    assert fabric.nodes == groups * half**2
    assert many(fabric, "leaf") == many(fabric, "spine") == groups * half
    assert between(fabric, "leaf", "spine") == groups * half**2
    assert between(fabric, "spine", "spine") == parallel * groups * (groups - 1) // 2
    cut = (groups // 2) * (groups - groups // 2) * parallel
    assert topologies.describe(fabric).bisection_Bps == cut * 50e9
    # between groups 5, or, where the global links meet one spine, within a group 4
    assert nx.diameter(nx.subgraph_view(fabric.graph())) >= 5


@pytest.mark.parametrize("dims", [(4, 4), (8, 4), (4, 4, 4), (5, 4, 3), (2, 2, 2), (1, 6)])
def test_torus(dims):
    fabric = topologies.torus.arrays(dims)
    graph = fabric.graph()
    total = prod(dims)
    assert fabric.nodes == total
    assert len(fabric.a) == sum(total if k > 2 else total // 2 if k == 2 else 0 for k in dims)
    assert nx.diameter(graph) == sum(k // 2 for k in dims)
    longest = max(dims)
    if longest % 2 == 0 and longest > 2:
        assert topologies.describe(fabric).bisection_Bps == 2 * total / longest * 50e9


def test_a_torus_of_two_is_a_hypercube_and_of_three_is_hyperx():
    assert nx.is_isomorphic(topologies.torus((2, 2, 2)), nx.hypercube_graph(3))
    switches = topologies.hyperx((3, 3), 1)
    switches.remove_nodes_from(range(9))
    assert nx.is_isomorphic(topologies.torus((3, 3)), switches)


def test_tpu_v4_has_its_optical_links():
    fabric = topologies.torus.arrays((16, 16, 16), cube=4)
    assert len(fabric.a) == 12288
    assert np.count_nonzero(fabric.cable == "circuit") == 3072
    shown = topologies.bill(fabric)
    cubes, face = 64, 4 * 4  # links of a face; 6 faces a cube
    assert shown.circuit_ports == shown.cables["fibre"] == cubes * 6 * face == 48 * 128
    assert shown.cables["copper"] == 12288 - 3072
    assert shown.optics == {"400G": 2 * 3072}
    assert {*shown.missing} >= {"circuit_port_W", "circuit_port_usd", "fibre_usd"}
    prices = topologies.Prices(copper_usd=1.0, fibre_usd=10.0, optic_usd=100.0,
                               circuit_port_usd=1e3, circuit_port_W=2.0)  # fmt: skip
    shown = topologies.bill(fabric, prices)
    assert shown.price_usd == 9216 + 6144 * (10.0 + 100.0 + 1e3)
    assert shown.watts_W == 6144 * (2.0 + 9.0)
    assert len(np.unique(fabric.places["rack"])) == 64
    assert topologies.describe(fabric).bisection_Bps == 512 * 50e9


def test_reconfiguration_moves_cubes_and_nothing_else():
    one = topologies.torus.arrays((4, 4, 8), cube=4, cubes=(0, 1))
    two = topologies.torus.arrays((4, 4, 8), cube=4, cubes=(7, 1))
    assert np.array_equal(one.a, two.a)
    assert {*np.unique(two.places["rack"]).tolist()} == {1, 7}


@pytest.mark.parametrize("dims", [(4,), (4, 4), (3, 4, 5)])
def test_hyperx(dims):
    fabric = topologies.hyperx.arrays(dims, 2)
    switches = prod(dims)
    assert between(fabric, "router", "router") == switches * sum(k - 1 for k in dims) // 2
    graph = fabric.graph()
    assert {d for v, d in graph.degree() if isinstance(v, str)} == {2 + sum(k - 1 for k in dims)}
    assert nx.diameter(graph) == len(dims) + 2
    cuts = [(k // 2) ** 2 * switches // k for k in dims if k % 2 == 0]
    assert topologies.describe(fabric).bisection_Bps == min(cuts) * 50e9


@pytest.mark.parametrize(("domain", "per_node"), [(8, 8), (72, 4), (576, 4)])
def test_nvlink_domains(domain, per_node):
    below = topologies.rail_optimized.arrays(2 * 576 // per_node, rails=per_node)
    fabric = topologies.nvlink_arrays(below, domain, gpu_Bps=900e9)
    assert many(fabric, "nvlink") == 2 * 576 // domain
    over = fabric.kind[fabric.b] == "nvlink"
    per_domain = np.bincount(fabric.b[over] - len(below.kind), fabric.capacity_Bps[over])
    assert (per_domain == domain * 900e9).all()  # NVL72: 64.8 TB/s each way, 129.6 both
    assert topologies.describe(fabric).bisection_Bps == topologies.describe(below).bisection_Bps


def test_the_graph_gets_the_same_domains():
    one = topologies.nvlink(topologies.rail_optimized(16, rails=4, radix=8), 8)
    two = SMALL["nvlink"]().graph()
    assert nx.utils.graphs_equal(one, two)


WRONG = [
    (lambda: topologies.fat_tree(5), "k is 5; must be even"),
    (lambda: topologies.clos(8, radix=8, tiers=4), "tiers is 4; must be 1, 2 or 3, or 0"),
    (lambda: topologies.clos(8, radix=8, nodes_per_leaf=-1), "nodes_per_leaf is -1; must be at"),
    (lambda: topologies.torus((4, 4), latency_s=-1.0), "latency_s is -1.0; must be at least 0"),
    (
        lambda: topologies.hyperx((4, 4), 1, link_Bps=float("nan"), latency_s=-1.0),
        "link_Bps is nan; must be above 0; latency_s is -1.0; must be at least 0",
    ),
    (lambda: topologies.multi_plane(8, planes=0, nic_Bps=0.0), "planes is 0; must be at least 1; "),
    (lambda: topologies.torus((2000, 2000)), "nodes is 4000000; must be at most 2000000"),
    (lambda: topologies.leaf_spine(10**5, 4, 10**6), "edges; must be at most"),
    (lambda: topologies.clos(10**9, radix=10**6), "nodes is 1000000000; must be at most"),
    (lambda: topologies.clos(0, radix=0), "nodes is 0; must be at least 1; radix is 0"),
    (lambda: topologies.clos(9, radix=8, tiers=1), "9 nodes need 2 leaves"),
    (lambda: topologies.clos(33, radix=8, tiers=2), "tiers is 2; must be at most 32 nodes"),
    (lambda: topologies.clos(129, radix=8, tiers=3), "must be at most 128 nodes: raise radix"),
    (
        lambda: topologies.rail_optimized(999, rails=3, radix=8, tiers=3),
        "4 ports down do not divide",
    ),
    (lambda: topologies.clos(80, radix=8, leaf_oversubscription=2.0**0.5), "no whole number"),
    (lambda: topologies.rail_optimized(8, nodes_per_leaf=40), "must fit in 32"),
    (lambda: topologies.clos(8, radix=8, link_Bps=0.0), "link_Bps is 0.0; must be above 0"),
    (lambda: topologies.torus((4,)), "1 dimensions; must be 2 or 3"),
    (lambda: topologies.torus((4, 6), cube=4), "must divide each"),
    (lambda: topologies.torus((4, 8), cube=4, cubes=(1, 1)), "1 different; must name 2 different"),
    (lambda: topologies.hyperx((40, 40), 4), "82 ports; must be at least as many"),
    (lambda: topologies.dragonfly_plus(6, radix=4), "5 at most radix² / 4 = 4"),
    (lambda: topologies.nvlink(topologies.fat_tree(4), 12), "must be a multiple of the 8"),
]


@pytest.mark.parametrize(("make", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_bad_parameter_says_what_must_be(make, said):
    with pytest.raises(ValueError, match=r"must|no whole") as caught:
        make()
    assert said in str(caught.value)


def test_more_cables_than_ports_is_a_fault():
    graph = topologies.fat_tree(4)
    graph.add_node(16, kind="node")
    graph.add_edge(16, "leaf0", capacity_Bps=1.0, latency_s=0.0)
    assert any("'leaf0' has 5 cables on 4 ports" in fault for fault in topologies.faults(graph))
