"""Jobs on any fabric: routed link by link, they fare as closed forms, trees and solvers say."""

from dataclasses import dataclass, replace

import networkx as nx
import numpy as np
import pytest

import topologies
from sim import Scenario, simulate
from sim.engine import AbstractProcess, SwitchFailures
from sim.engine.paths import all_to_all, ring
from sim.errors import ScenarioError
from sim.policies.backfill import Skip
from sim.policies.placement import Random, Spread
from sim.rng import Streams
from sim.state import Inventory, Pool
from sim.workload import Given, SameForAll
from tests.conftest import cluster, columns, run
from tests.plain import maxmin
from tests.plain.test_same import workload
from topologies.designs import (
    Clos,
    DragonflyPlus,
    HyperX,
    LeafSpine,
    RailOptimized,
    Torus,
)
from topologies.own import FromFile

ALL = SameForAll(1.0, 0.0, "all_to_all")
RING = SameForAll(1.0, 0.0, "ring")
HALF = SameForAll(0.5, 0.25, "all_to_all")

pytestmark = pytest.mark.rare


def ends(result):
    return result.jobs.column("end_s").to_pylist()


def filed(graph, place):
    nx.write_graphml(graph, place / "mine.graphml")
    return FromFile(str(place / "mine.graphml"))


def mixed(seed):
    made = workload(seed, 90, (Pool("n", 16, 8, "a"),), 1.2)
    made["gpus"] = np.random.default_rng(seed).choice([4, 8, 16, 24, 40], 90)
    made["gpu_types"] = [None] * 90
    return made


@pytest.mark.parametrize("comm", [RING, ALL, HALF], ids=["ring", "all", "half"])
def test_a_leaf_spine_in_a_file_is_the_shipped_one(tmp_path, comm):
    """One spine leaves no choice of paths, so the tree and the links must say the same."""
    told = {"nodes": 16, "placement": Spread(), "backfill": Skip(), "comm": comm}
    graph = topologies.leaf_spine(16, 4, 1, 50e9, 4.0)
    shipped = run(mixed(2), fabric=LeafSpine(4, 1, 50e9, 4.0), **told)
    own = run(mixed(2), fabric=filed(graph, tmp_path), **told)
    assert ends(own) == pytest.approx(ends(shipped), rel=1e-9)
    tiers = own.jobs.column("network_tier").to_pylist()
    assert tiers == shipped.jobs.column("network_tier").to_pylist()
    assert sum(own.jobs.column("network_lost_s").to_pylist()) > 0.0


@pytest.mark.parametrize(
    "fabric",
    [
        LeafSpine(4, 1, routing="ecmp"),
        HyperX(nodes_per_switch=1, dimensions=1),
        Torus(dimensions=2),
    ],
    ids=["leaf_spine", "hyperx", "torus"],
)
def test_who_has_links_enough_is_not_slowed(fabric):
    """A ring over all nodes meets no flow where hashing has no choice: a link each."""
    told = {"nodes": 16, "comm": RING}
    assert ends(run(columns([(0.0, 128, 100.0)]), fabric=fabric, **told)) == [100.0]


@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_k_to_one_slows_a_bisection_bound_job_k_fold(k):
    fabric = LeafSpine(1, 1, oversubscription=k, routing="ecmp")
    result = run(columns([(0.0, 64, 100.0)]), nodes=8, fabric=fabric, comm=ALL)
    assert ends(result) == [pytest.approx(100.0 * k, rel=1e-14)]


@pytest.mark.parametrize("k", [3, 5, 7, 11])
def test_all_to_all_on_a_ring_of_nodes_is_bound_by_its_links(k):
    """A torus of 1 by k: of 1 + 2 + … + (k - 1) / 2 flows over each link, each 1 / (k - 1) of it."""
    result = run(columns([(0.0, 8 * k, 100.0)]), nodes=k, fabric=Torus(dimensions=2), comm=ALL)
    over = sum(range(1, (k - 1) // 2 + 1)) / (k - 1)
    assert ends(result) == [pytest.approx(100.0 * max(over, 1.0), rel=1e-12)]


DESIGNS = {
    "ecmp": (32, RailOptimized(rails=4, radix=8, tiers=3, routing="ecmp", queue_pairs=2)),
    "adaptive": (32, RailOptimized(rails=4, radix=8, tiers=3, routing="adaptive")),
    "clos": (30, Clos(radix=32, tiers=2, routing="ecmp", leaf_oversubscription=3)),
    "nvlink": (32, RailOptimized(rails=4, radix=8, tiers=3, nvlink_gpus=16)),
    "torus": (36, Torus(dimensions=2)),
    "valiant": (36, Torus(dimensions=2, routing="valiant", queue_pairs=4)),
    "hyperx": (36, HyperX(nodes_per_switch=4)),
    "dragonfly_plus": (32, DragonflyPlus(radix=8)),
}


@pytest.mark.parametrize("comm", [RING, ALL], ids=["ring", "all"])
@pytest.mark.parametrize("name", DESIGNS)
def test_shares_are_the_fairest_over_the_routes_of_each_flow(name, comm):
    """All at once, scattered; what each job gets, solved anew from ledger, routes and capacities."""
    nodes, fabric = DESIGNS[name]
    rows = [(0.0, 8 * n, 100.0) for n in (2, 5, 3, 7, 4, 6)]
    told = Scenario(cluster(nodes, 8), Given(columns(rows)), placement=Random(), fabric=fabric,
                    comm=comm, horizon_s=1.0)  # fmt: skip
    result = simulate(told, seed=3)
    salt = int(Streams(3).stream("routing").integers(2**31))
    tree, ways = fabric.laid(nodes, 8)
    links, weights, load_Bps = [], [], np.zeros(len(ways.capacity_Bps))
    held = result.ledger.to_pydict()
    for job in range(len(rows)):
        name_of = result.jobs.column("job_id")[job].as_py()
        there = zip(held["job_id"], held["node"], strict=True)
        node = np.array(sorted(int(n.rpartition("-")[2]) for j, n in there if j == name_of))
        assert len(node) == rows[job][1] // 8
        src, dst, part = (ring if comm is RING else all_to_all)(np.full(len(node), 8))
        nic_Bps = tree.capacity_Bps[node[0]] / 8
        flow, link, share = ways.routes(
            node[src], node[dst], salt + job, nic_Bps * part, load_Bps.copy()
        )
        use = np.bincount(link, part[flow] * share * nic_Bps, len(load_Bps))
        load_Bps += np.rint(use)  # they send all the time
        links.append(np.flatnonzero(use).tolist())
        weights.append(use[use > 0.0].tolist())
    wanted = maxmin.rates(ways.capacity_Bps, links, weights, bound=[1.0] * len(rows))
    lost = np.array(result.jobs.column("network_lost_s").to_pylist())
    assert 1.0 - lost == pytest.approx(wanted, rel=1e-9)  # of one second
    if name not in ("nvlink", "adaptive"):
        assert min(wanted) < 1.0


@dataclass(frozen=True)
class Cuts(AbstractProcess):
    """Links are cut and mended as told: (when, link by its place, part)."""

    told: tuple = ()

    def begin(self, clock, cluster, streams):
        def life():
            for at_s, which, part in self.told:
                yield clock.timeout(at_s - clock.now)
                cluster.set_link(int(cluster.links[which]), part)

        clock.process(life())


def cut(*told, comm=ALL, fabric=None):
    """Two leaves of two nodes under two spines, each with room for one node; a job over all."""
    made = columns([(0.0, 32, 100.0)])
    fabric = fabric or LeafSpine(2, 2, 100e9, routing="ecmp", queue_pairs=64)
    told = Scenario(cluster(4, 8), Given(made), fabric=fabric, comm=comm, processes=(Cuts(told),))
    return simulate(told)


def test_flows_go_round_a_link_that_is_cut_and_come_back():
    """Of a leaf of 2 nodes all to all sends 16 · 16 / (32 - 8) GPUs' worth, as much as 10 2/3.

    One spine alone carries 8 GPUs' worth a leaf: 3/4 of the speed at most while the other is cut.
    """
    whole = LeafSpine(2, 1, 100e9)
    alone = 0.75
    both = ends(cut())[0]
    first = cut((10.0, 0, 0.0), (50.0, 0, 1.0))
    rate = 100.0 / both
    assert ends(first)[0] == pytest.approx(50.0 + (100.0 - 10.0 * rate - 40.0 * alone) / rate)
    assert ends(cut((0.0, 0, 0.0)))[0] == pytest.approx(100.0 / alone)
    assert ends(run(columns([(0.0, 32, 100.0)]), nodes=4, fabric=whole, comm=ALL)) == [100.0]


def test_who_is_cut_off_stands_still_until_the_link_is_mended():
    told = [(10.0, 0, 0.0), (20.0, 1, 0.0), (70.0, 1, 1.0), (70.0, 0, 1.0)]
    both = ends(cut())[0]
    rate = 100.0 / both
    done = 10.0 * rate + 10.0 * 0.75
    assert ends(cut(*told))[0] == pytest.approx(70.0 + (100.0 - done) / rate)


def test_a_slow_link_slows_those_who_cross_it_and_nobody_goes_round():
    fabric = LeafSpine(2, 1, 100e9, routing="ecmp")
    result = cut((0.0, 0, 0.25), comm=RING, fabric=fabric)
    # a ring is one node's worth of the two that the link carries; a quarter of it is half a node's
    assert ends(result) == [pytest.approx(200.0)]


@pytest.mark.parametrize(
    ("fabric", "nodes", "told"),
    [
        (Torus(routing="spraying"), 8, "torus has no tiers; set routing=ecmp"),
        (Torus(routing="adaptive"), 8, "is not tiers alone; set routing=ecmp"),
        (LeafSpine(routing="valiant"), 8, "is no torus, dragonfly"),
        (LeafSpine(routing="luck"), 8, "must be one of spraying, ecmp, adaptive, valiant"),
        (LeafSpine(routing="ecmp", queue_pairs=0), 8, "queue_pairs: is 0; must be at least 1"),
        (HyperX(nodes_per_switch=8), 12, "must be a multiple of the 8 of a switch"),
    ],
)
def test_faults_are_named_with_their_remedy(fabric, nodes, told):
    with pytest.raises(ScenarioError, match="fabric") as caught:
        run(columns([(0.0, 16, 1.0)]), nodes=nodes, fabric=fabric, comm=RING)
    assert told in str(caught.value)


def test_a_file_with_another_number_of_nodes_or_in_two_parts_is_refused(tmp_path):
    graph = topologies.leaf_spine(8, 4, 1)
    with pytest.raises(ScenarioError, match="has 8 nodes, but 16 are asked for"):
        run(columns([(0.0, 16, 1.0)]), nodes=16, fabric=filed(graph, tmp_path), comm=RING)
    graph.remove_edge("leaf0", "spine0")
    with pytest.raises(ScenarioError, match="cannot reach the others"):
        run(columns([(0.0, 16, 1.0)]), nodes=8, fabric=filed(graph, tmp_path), comm=RING)


def test_a_thinned_all_to_all_sends_as_much_as_a_whole_one():
    gpus = np.array([8, 4, 8, 8, 2, 8, 8, 8, 6, 8])
    total, least = gpus.sum(), gpus.min()
    for most in (10, 30, 4096):
        src, dst, part = all_to_all(gpus, most)
        assert (src != dst).all()
        out = np.bincount(src, part, len(gpus))
        assert out == pytest.approx(gpus * (total - gpus) / (total - least))


def test_the_same_seed_gives_the_same_routes():
    made = mixed(5)
    fabric = LeafSpine(4, 4, 50e9, 2.0, routing="ecmp")
    told = Scenario(Inventory((Pool("n", 16, 8, "a"),)), Given(made), fabric=fabric, comm=ALL,
                    placement=Spread(), backfill=Skip())  # fmt: skip
    assert ends(simulate(told, seed=4)) == ends(simulate(told, seed=4)) != ends(simulate(told, 5))


@pytest.mark.parametrize("routing", ["spraying", "ecmp"])
@pytest.mark.parametrize("duty", [1.0, 0.4])
def test_a_link_carries_what_its_jobs_send_however_they_are_slowed(routing, duty):
    """Bytes are conserved: duty x work x B/s at full speed, over whatever time it took.

    Of N GPUs, m below a leaf, whole nodes of 8, all to all sends m (N - m) / (N - 8) GPUs' worth.
    """
    fabric = LeafSpine(4, 1, 100e9, 6.0, routing=routing)
    told = {"nodes": 16, "placement": Spread(), "backfill": Skip()}
    made = mixed(7)
    made["gpus"] = np.random.default_rng(7).choice([8, 16, 24, 40], 90)
    result = run(made, fabric=fabric, comm=SameForAll(duty, 0.0, "all_to_all"), **told)
    assert sum(result.jobs.column("network_lost_s").to_pylist()) > 100.0
    wanted = np.zeros(4)
    gpus_of = dict(
        zip(*(result.jobs.column(n).to_pylist() for n in ("job_id", "gpus")), strict=True)
    )
    work_of = dict(
        zip(*(result.jobs.column(n).to_pylist() for n in ("job_id", "work_s")), strict=True)
    )
    below = {}
    for row in result.ledger.to_pylist():
        leaf = int(row["node"].rpartition("-")[2]) // 4
        below[row["job_id"], leaf] = below.get((row["job_id"], leaf), 0) + row["gpus"]
    for (job, leaf), m in below.items():
        n = gpus_of[job]
        if n > 8:
            wanted[leaf] += duty * work_of[job] * 100e9 / 8 * m * (n - m) / (n - 8)
    found = {}
    for row in result.links.to_pylist():
        found[row["link"]] = found.get(row["link"], 0.0) + row["sent_bytes"]
        assert -1e-12 <= row["load_frac"] <= 1.0 + 1e-9
        assert row["begin_s"] < row["end_s"]
    name = "leaf {} up" if routing == "spraying" else "leaf{} → spine0"
    assert [found[name.format(x)] for x in range(4)] == pytest.approx(wanted.tolist(), rel=1e-9)
    if routing == "ecmp":  # as much comes down as goes up, in all
        down = sum(v for k, v in found.items() if k.startswith("spine"))
        assert down == pytest.approx(wanted.sum(), rel=1e-9)


def test_a_run_that_stops_early_tells_what_was_sent_by_then():
    made = columns([(0.0, 64, 1000.0)])
    told = Scenario(cluster(8, 8), Given(made), fabric=LeafSpine(4, 1, 100e9, 4.0), comm=ALL,
                    horizon_s=100.0)  # fmt: skip
    sent = simulate(told).links.column("load_frac").to_pylist()
    assert sent == pytest.approx([1.0] * 4)  # both leaves are full, in bins of 60 s, the last of 40


@dataclass(frozen=True)
class Switches(AbstractProcess):
    """Switches fail and come back as told: (when, number, works)."""

    told: tuple = ()

    def begin(self, clock, cluster, streams):
        def life():
            for at_s, number, works in self.told:
                yield clock.timeout(at_s - clock.now)
                cluster.set_switch(number, works)

        clock.process(life())


def failing(*told, nodes=4, fabric=None, comm=ALL):
    """As `cut`: switches 0 and 1 are the leaves, 2 and 3 the spines."""
    fabric = fabric or LeafSpine(2, 2, 100e9, routing="ecmp", queue_pairs=64)
    made = columns([(0.0, 8 * nodes, 100.0)])
    told = Scenario(cluster(nodes, 8), Given(made), fabric=fabric, comm=comm,
                    processes=(Switches(told),))  # fmt: skip
    return ends(simulate(told))[0]


def test_a_spine_that_fails_is_gone_round_and_a_leaf_stops_its_nodes():
    """One spine of two carries 3/4 of the speed, as above; two failures at once are told apart."""
    rate = 100.0 / ends(cut())[0]
    spine = failing((10.0, 2, False), (50.0, 2, True))
    assert spine == pytest.approx(50.0 + (100.0 - 10.0 * rate - 40.0 * 0.75) / rate)
    leaf = failing((10.0, 0, False), (50.0, 0, True))
    assert leaf == pytest.approx(50.0 + (100.0 - 10.0 * rate) / rate)
    both = failing((10.0, 2, False), (20.0, 0, False), (50.0, 2, True), (70.0, 0, True))
    assert both == pytest.approx(70.0 + (100.0 - 10.0 * rate - 10.0 * 0.75) / rate)


def test_sprayed_switches_that_fail_leave_what_their_cables_carried():
    """Two leaves of 2 nodes of 100 GB/s; of a node's 24 partners 16 hang on the other leaf.

    So 200 · 16 / 24 GB/s go out of a leaf, through 200 of two spines, or 100 of one.
    """
    fabric = LeafSpine(2, 2, 100e9)
    assert failing(fabric=fabric) == 100.0
    slow = 100.0 / (200.0 * 16 / 24)
    one = failing((10.0, 2, False), (50.0, 2, True), fabric=fabric)
    assert one == pytest.approx(50.0 + 100.0 - 10.0 - 40.0 * slow)
    both = failing((10.0, 2, False), (20.0, 3, False), (50.0, 2, True), (60.0, 3, True),
                   fabric=fabric)  # fmt: skip
    assert both == pytest.approx(60.0 + 100.0 - 10.0 - 20.0 * slow)
    leaf = failing((10.0, 0, False), (50.0, 0, True), fabric=fabric)
    assert leaf == pytest.approx(50.0 + 100.0 - 10.0)
    rails = RailOptimized(rails=4, radix=16)
    assert failing((0.0, 0, False), fabric=rails, comm=RING) == pytest.approx(100.0 / 0.75)


def test_a_rail_that_loses_its_leaf_costs_its_part_of_the_speed():
    """Of 4 rails one goes: a node keeps 3/4 of its NICs, and its flows go over the others."""
    fabric = RailOptimized(rails=4, radix=16, routing="ecmp", queue_pairs=8)
    whole = failing(nodes=4, fabric=fabric, comm=RING)
    less = failing((0.0, 0, False), nodes=4, fabric=fabric, comm=RING)
    assert whole == 100.0
    assert less == pytest.approx(100.0 / 0.75)


def test_switches_fail_as_chance_has_it_and_work_is_done():
    made = mixed(3)
    told = Scenario(Inventory((Pool("n", 16, 8, "a"),)), Given(made), comm=ALL,
                    fabric=LeafSpine(4, 4, 50e9, 2.0, routing="ecmp"), backfill=Skip(),
                    processes=(SwitchFailures(mtbf_s=2000.0, repair_s=300.0),))  # fmt: skip
    worse = simulate(told)
    assert set(worse.jobs.column("state").to_pylist()) == {"completed"}
    lost = sum(worse.jobs.column("network_lost_s").to_pylist())
    assert lost > sum(
        simulate(replace(told, processes=())).jobs.column("network_lost_s").to_pylist()
    )
    sprayed = replace(told, fabric=LeafSpine(4, 4, 50e9, 2.0))
    worse, well = simulate(sprayed), simulate(replace(sprayed, processes=()))
    lost, less = (sum(x.jobs.column("network_lost_s").to_pylist()) for x in (worse, well))
    assert lost > less
