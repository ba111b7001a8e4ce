"""Jobs on a fabric: who is slowed by whom, how much, and that no work is lost."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.engine import AbstractProcess, Failures, LinkFailures
from sim.errors import ScenarioError
from sim.kernel.duty import sending, slowness
from sim.kernel.jit import entry
from sim.physics.duty import slowdown
from sim.policies.backfill import Skip
from sim.policies.elastic import EqualShares
from sim.policies.placement import FewestNodes, Pack, Spread
from sim.policies.preemption import Tail
from sim.policies.queue import Smallest
from sim.rng import Streams
from sim.state import Inventory, NoFabric, Pool
from sim.study.prepare import prepared
from sim.study.simulate import run as run_state
from sim.workload import ByClass, Given, SameForAll
from tests.conftest import cluster, columns, run
from tests.plain import fabric as plain
from tests.plain.test_same import workload
from topologies.designs import LeafSpine

ALL = SameForAll(1.0, 0.0, "all_to_all")
RING = SameForAll(1.0, 0.0, "ring")

pytestmark = pytest.mark.rare


def ends(result):
    return result.jobs.column("end_s").to_pylist()


def jobs_of(*rows):
    """Return jobs of (submit_s, gpus, work_s)."""
    return columns(list(rows))


@pytest.mark.parametrize("pattern", ["ring", "all_to_all"])
def test_one_to_one_slows_nobody(pattern):
    rng = np.random.default_rng(1)
    made = workload(3, 120, (Pool("n", 16, 8, "a"),), 1.1)
    made["gpus"] = rng.choice([4, 8, 16, 24, 40], 120)
    made["gpu_types"] = [None] * 120
    told = {"nodes": 16, "placement": Spread(), "backfill": Skip()}
    comm = SameForAll(1.0, 0.0, pattern)
    slow = run(made, fabric=LeafSpine(4, 4), comm=comm, **told)
    assert ends(slow) == ends(run(made, **told))
    assert set(slow.jobs.column("network_lost_s").to_pylist()) == {0.0}
    assert max(slow.jobs.column("network_tier").to_pylist()) == 2


@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_k_to_one_slows_a_bisection_bound_job_k_fold(k):
    """A node a leaf: all that a node sends goes up; of wider leaves (N - m) / (N - g) of it."""
    made = jobs_of((0.0, 64, 100.0))
    assert ends(run(made, nodes=8, fabric=LeafSpine(1, 4, oversubscription=k), comm=ALL)) == [
        pytest.approx(100.0 * k, rel=1e-14)  # one division
    ]
    wide = run(made, nodes=8, fabric=LeafSpine(4, 4, oversubscription=k), comm=ALL)
    out, share = 32 * 32 / (64 - 8), 32 / k  # GPUs' worth sent out of a leaf, and carried
    assert ends(wide) == [pytest.approx(100.0 * max(out / share, 1.0), rel=1e-14)]


def test_jobs_within_a_leaf_or_a_node_are_never_slowed():
    made = jobs_of((0.0, 64, 50.0), (0.0, 32, 100.0), (0.0, 8, 100.0), (0.0, 4, 70.0))
    result = run(made, nodes=16, fabric=LeafSpine(4, 1, oversubscription=16), comm=ALL)
    assert ends(result)[1:] == [100.0, 100.0, 70.0]
    assert ends(result)[0] > 50.0
    assert result.jobs.column("network_tier").to_pylist() == [2, 1, 0, 0]


def test_two_rings_share_an_uplink_until_one_ends():
    """Leaves of 3 nodes: job 0 on nodes 0-3 and job 1 on 4-7, of 2 nodes' worth between leaves.

    Job 0 crosses leaves 0 and 1, job 1 leaves 1 and 2: a ring is a node's worth a link.
    """
    made = jobs_of((0.0, 32, 100.0), (40.0, 32, 100.0))
    wide = run(made, nodes=9, fabric=LeafSpine(3, 1, oversubscription=1.5), comm=RING)
    assert ends(wide) == [100.0, 140.0]  # room for both
    tight = run(made, nodes=9, fabric=LeafSpine(3, 1, oversubscription=3.0), comm=RING)
    # 40 s alone, then both at half: 60 of work in 120 s; job 1 has done 60 then and ends alone
    assert ends(tight) == pytest.approx([160.0, 200.0], rel=1e-14)
    lost = tight.jobs.column("network_lost_s").to_pylist()
    assert lost == pytest.approx([60.0, 60.0], rel=1e-13)
    assert tight.jobs.column("network_s").to_pylist() == pytest.approx([160.0, 160.0], rel=1e-13)


def test_the_mean_field_of_two_alike_in_closed_form():
    """Each sends for d of its time alone, and while it does it has x = 1 / (1 + part) of the link.

    part = (d / x) / (1 - d + d / x) is the part of its time in which the other sends; by halving.
    """
    d = 0.4
    low, high = 0.5, 1.0
    for _ in range(80):
        x = (low + high) / 2
        part = (d / x) / (1 - d + d / x)
        low, high = (x, high) if x * (1 + part) < 1 else (low, x)
    slow = 1 - d + d / x
    made = jobs_of((0.0, 32, 100.0), (0.0, 32, 100.0))
    fabric = LeafSpine(3, 1, oversubscription=3.0)
    result = run(made, nodes=9, fabric=fabric, comm=SameForAll(d, 0.0, "ring"))
    assert ends(result) == pytest.approx([100.0 * slow] * 2, rel=1e-12)  # fixed point to 1e-13


def test_what_overlaps_compute_is_hidden_first():
    for o, k in ((0.0, 2.0), (0.5, 2.0), (1.0, 2.0), (1.0, 4.0)):
        made = jobs_of((0.0, 64, 100.0))
        fabric = LeafSpine(1, 1, oversubscription=k)
        result = run(made, nodes=8, fabric=fabric, comm=SameForAll(0.4, o, "all_to_all"))
        assert ends(result) == [pytest.approx(100.0 * plain.slowness(0.4, 1 / k, o), rel=1e-14)]


@entry
def parts(d, x, o):
    """Give kernels, which have no door of their own, one for Python."""
    return slowness(d, x, o), sending(d, x, o)


def test_the_parts_of_time_are_parts():
    rng = np.random.default_rng(0)
    for d, x, o in rng.uniform(0.001, 1.0, (200, 3)):
        slow, part = parts(d, x, o)
        assert slow == pytest.approx(plain.slowness(d, x, o), rel=1e-15)
        assert slow == pytest.approx(float(slowdown(d, x, o)), rel=1e-15)
        assert 1.0 <= slow <= 1 / x * (1 + 1e-15)
        assert d * (1 - 1e-12) <= part <= 1.0
    assert parts(0.3, 0.0, 0.0) == (np.inf, 1.0)


POOL = (Pool("n", 24, 4, "a"),)


def mixed(seed, jobs=110, load=1.2, duty=None):
    """Return jobs of 1 to 9 nodes with profiles of their own."""
    made = workload(seed, jobs, POOL, load)
    rng = np.random.default_rng(seed + 5)
    made["gpus"] = rng.choice([1, 2, 4, 6, 8, 12, 20, 36], jobs)
    made["gpu_types"] = [None] * jobs
    made["comm_fraction"] = rng.choice([0.0, 0.2, 0.5, 0.9, 1.0], jobs) if duty is None else duty
    made["comm_fraction"] = np.broadcast_to(made["comm_fraction"], jobs).copy()
    if duty is None:
        made["comm_overlap"] = rng.choice([0.0, 0.3, 1.0], jobs)
    made["comm_pattern"] = list(rng.choice(np.array(["ring", "all_to_all"], object), jobs))
    for name in ("nodes", "gpus_per_node"):
        made.pop(name, None)
    return made


CHOICES = [
    {"placement": Pack(), "backfill": Skip()},
    {"placement": Spread()},
    {"placement": FewestNodes()},
    {"queue": Smallest(), "preemption": Tail(cost_s=5.0)},
    {"processes": (Failures(mtbf_s=3000.0, repair_s=60.0),)},
]


@pytest.mark.parametrize("duty", [None, 1.0])
@pytest.mark.parametrize("choice", CHOICES)
def test_the_slow_way_does_the_same_work(choice, duty):
    """At each instant all shares are found anew from who runs where; the work they do is all.

    Relative 1e-9: the slow way halves 60 times and stops at 1e-14, ours at 1e-13; times add up.
    """
    fabric, slowed = LeafSpine(4, 2, oversubscription=5.0), 0
    made = mixed(2, duty=duty)
    result = simulate(Scenario(Inventory(POOL), Given(made), fabric=fabric, **choice))
    done = plain.done_work(result, 4, 4 * 4 / 5.0)
    for row in result.jobs.to_pylist():
        asked = row["work_s"] + row["lost_s"]
        assert done[row["job_id"]] == pytest.approx(asked, rel=1e-9), row
        slowed += row["network_lost_s"] > 0.01 * row["network_s"]
    assert slowed > 20


def test_resized_jobs_send_from_where_they_are():
    made = mixed(4, 60, duty=1.0)
    made["min_gpus"] = np.maximum(made["gpus"] // 2, 1)
    made["max_gpus"] = made["gpus"] * 2
    fabric = LeafSpine(4, 2, oversubscription=5.0)
    result = simulate(Scenario(Inventory(POOL), Given(made), elastic=EqualShares(refresh_s=200.0),
                               fabric=fabric))  # fmt: skip
    free = simulate(Scenario(Inventory(POOL), Given(made), elastic=EqualShares(refresh_s=200.0)))
    assert sum(result.jobs.column("resizes").to_pylist()) > 20
    assert sum(ends(result)) > sum(ends(free))


def test_a_rate_changes_only_where_a_change_reaches():
    """Job 0 on nodes 0-4 hears nothing of job 2 on 8-12 and of those that come and go on 13-16."""
    rows = [(0.0, 40, 1000.0), (0.0, 24, 1000.0), (0.0, 40, 500.0)]
    rows += [(2.0 + 10 * i, 32, 1.0) for i in range(30)]  # of leaves 3 and 4
    made = jobs_of(*rows)
    scenario = Scenario(cluster(20, 8), Given(made), comm=RING,
                        fabric=LeafSpine(4, 1, oversubscription=8.0))  # fmt: skip
    streams = Streams(1)
    request = scenario.workload.request(streams, 160).jobs
    state = prepared(scenario, scenario.cluster.inventory(), request, streams)
    state = run_state(scenario, state, streams)[0]
    one = 3  # started, slowed at once by the link alone, stopped
    assert state.jobs.epoch[0] == one
    assert state.jobs.epoch[1] == one - 1  # in one leaf
    assert state.jobs.epoch[2] == one + 2 * 30
    assert (state.jobs.epoch[3:] == one).all()


def test_what_a_job_says_goes_before_what_is_assumed():
    made = jobs_of((0.0, 16, 100.0), (0.0, 16, 100.0), (0.0, 16, 100.0), (0.0, 16, 100.0))
    made["comm_fraction"] = [0.5, None, None, None]
    made["comm_bytes"] = [None, 5e9, None, None]
    made["step_s"] = [None, 0.5, None, None]
    made["job_class"] = ["x", "x", "x", "y"]
    fabric = LeafSpine(1, 1, node_Bps=8 * 40e9, oversubscription=2.0)
    comm = ByClass({"x": 0.125}, others=1.0, comm_pattern="all_to_all")
    result = run(made, nodes=8, fabric=fabric, comm=comm)
    duty = [0.5, 5e9 / 40e9 / 0.5, 0.125, 1.0]
    assert ends(result) == pytest.approx([100 * (1 + d) for d in duty], rel=1e-14)
    assert result.jobs.column("comm_fraction").to_pylist() == duty


def test_faults_are_named_with_their_remedy():
    made = jobs_of((0.0, 16, 100.0))
    with pytest.raises(ScenarioError) as caught:
        run(made, nodes=8, fabric=LeafSpine(0, 1), comm=SameForAll(1.5))
    assert any("fabric.nodes_per_leaf: is 0" in text for text in caught.value.issues)
    assert any("comm.comm_fraction: is 1.5" in text for text in caught.value.issues)
    with pytest.raises(ScenarioError) as caught:
        run(made, nodes=8, fabric=LeafSpine(4, 1, node_Bps=0.0, routing="hashed", queue_pairs=0))
    told = [text.split(": is ")[0] for text in caught.value.issues]
    assert told == ["fabric.node_Bps", "fabric.routing", "fabric.queue_pairs"]
    with pytest.raises(ScenarioError) as caught:
        run(made, nodes=8, fabric=LeafSpine(4, 1), comm=SameForAll(1.5))
    assert any("comm.comm_fraction: is 1.5" in text for text in caught.value.issues)
    told = made | {"comm_bytes": [1e12], "step_s": [1.0]}
    with pytest.raises(ScenarioError) as caught:
        run(told, nodes=8, fabric=LeafSpine(4, 1))
    assert "lower comm_bytes" in caught.value.issues[0]


def test_what_is_not_felt_without_a_fabric_is_told():
    made = jobs_of((0.0, 16, 100.0))
    notes = run(made, nodes=8, comm=SameForAll(0.5)).manifest["notes"]
    assert [text for text in notes if text.startswith("comm:")]
    assert not run(made, nodes=8).manifest["notes"]


def test_without_a_fabric_nothing_is_told_of_it():
    result = run(jobs_of((0.0, 16, 100.0)), nodes=8, fabric=NoFabric())
    assert not any(name.startswith(("network", "comm")) for name in result.jobs.column_names)


def test_the_numbers_of_the_network_are_those_of_the_table():
    made = mixed(2, duty=1.0)
    result = simulate(Scenario(Inventory(POOL), Given(made),
                               fabric=LeafSpine(4, 2, oversubscription=5.0)))  # fmt: skip
    found, slow = result.metrics["network"], []
    for row in result.jobs.to_pylist():
        if row["network_s"] > 0:
            slow.append(row["network_s"] / (row["network_s"] - row["network_lost_s"]))
    assert found["jobs"] == len(slow)
    assert found["slowdown"]["mean"] == pytest.approx(np.mean(slow), rel=1e-12)  # sums
    assert sum(part["jobs"] for part in found["by_reach"].values()) == len(slow)
    assert sum(part["jobs"] for part in found["by_size"].values()) == len(slow)
    assert found["by_reach"]["one leaf"]["slowdown"]["p99"] == 1.0
    assert "network slow-down, mean" in result.headline()
    assert "network" not in run(jobs_of((0.0, 16, 1.0)), nodes=2).metrics


class Cut(AbstractProcess):
    """Links that carry less from one instant to another: (link, part, from, to)."""

    def __init__(self, *cuts):
        self.cuts = cuts

    def begin(self, clock, cluster, streams):
        for link, part, from_s, to_s in self.cuts:
            clock.process(self.life(clock, cluster, link, part, from_s, to_s))

    def life(self, clock, cluster, link, part, from_s, to_s):
        yield clock.timeout(from_s)
        cluster.set_link(link, part)
        yield clock.timeout(to_s - from_s)
        cluster.set_link(link, 1.0)


def test_broken_links_slow_those_who_cross_them_for_as_long():
    """8 nodes in leaves 8, 9 (of 4): job 0 crosses at its bisection, job 1 keeps to one node."""
    made = jobs_of((0.0, 56, 100.0), (0.0, 8, 100.0))
    fabric = LeafSpine(4, 4)
    out = 32 * 24 / (56 - 8)  # GPUs' worth out of each leaf, of 32 that the uplinks carry
    for part in (0.25, 0.4):
        slow = out / (32 * part)
        result = run(made, nodes=8, fabric=fabric, comm=ALL, processes=(Cut((8, part, 10, 30)),))
        assert ends(result) == [pytest.approx(100 + 20 * (1 - 1 / slow), rel=1e-12), 100.0]
    still = run(made, nodes=8, fabric=fabric, comm=ALL, processes=(Cut((9, 0.0, 10, 30)),))
    assert ends(still) == [120.0, 100.0]
    assert still.jobs.column("network_lost_s").to_pylist() == [20.0, 0.0]


def test_a_node_with_half_its_nics_slows_its_gangs():
    made = jobs_of((0.0, 24, 100.0), (0.0, 8, 100.0))
    cut = Cut((1, 0.5, 10, 30))
    result = run(made, nodes=4, fabric=LeafSpine(4, 4), comm=RING, processes=(cut,))
    assert ends(result) == [110.0, 100.0]
    late = Cut((1, 0.5, 0, 1000))  # broken before its gang starts
    made = jobs_of((0.0, 8, 100.0), (5.0, 24, 100.0))
    result = run(made, nodes=4, fabric=LeafSpine(4, 4), comm=RING, processes=(late,))
    assert ends(result) == [100.0, 205.0]


def test_a_node_repaired_fills_its_uplink_again():
    """A ring of 6 nodes over two leaves whose uplinks carry half a node's worth."""
    made = jobs_of((0.0, 48, 100.0))
    fabric = LeafSpine(4, 4, oversubscription=8.0)
    result = run(made, nodes=8, fabric=fabric, comm=RING, processes=(Cut((1, 0.25, 0, 40)),))
    assert ends(result) == [40.0 + (100.0 - 40.0 * 0.25) / 0.5]


def test_links_fail_as_chance_has_it_and_work_is_done():
    made = mixed(3, 80, duty=1.0)
    told = {"fabric": LeafSpine(4, 2, oversubscription=2.0)}
    broken = simulate(Scenario(Inventory(POOL), Given(made), **told,
                      processes=(LinkFailures(mtbf_s=500.0, repair_s=300.0, carries=0.1),)))  # fmt: skip
    whole = simulate(Scenario(Inventory(POOL), Given(made), **told))
    lost = [sum(r.jobs.column("network_lost_s").to_pylist()) for r in (broken, whole)]
    assert lost[0] > 1.2 * lost[1]
    for row in broken.jobs.to_pylist():
        held_s = row["gpu_s"] / row["gpus"]
        assert held_s - row["network_lost_s"] == pytest.approx(row["work_s"], rel=1e-9)  # sums
    told = simulate(Scenario(Inventory(POOL), Given(made), processes=(LinkFailures(),))).manifest
    assert any("no fabric" in note for note in told["notes"])
