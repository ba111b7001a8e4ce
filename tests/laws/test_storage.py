"""What jobs write to storage shares links with what they send: closed forms, bytes, and faults."""

from dataclasses import replace

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.engine import Failures, Phases
from sim.errors import ScenarioError
from sim.policies.backfill import Skip
from sim.policies.elastic import EqualShares
from sim.policies.placement import Spread
from sim.policies.preemption import Tail
from sim.policies.queue import Smallest
from sim.rng import Streams
from sim.state import Inventory, Pool
from sim.study.prepare import prepared
from sim.study.simulate import run as run_state
from sim.workload import Checkpoints, Given, SameForAll
from tests.conftest import run
from tests.laws.test_fabric import Cut, ends, jobs_of, mixed
from tests.plain.fabric import level, slowness
from tests.serving.test_services import Fall
from topologies.designs import LeafSpine, RailOptimized

pytestmark = pytest.mark.rare

GPU_Bps = 50e9  # 400 GB/s a node of 8
QUIET = SameForAll(0.0)


def waited(result):
    return result.jobs.column("write_wait_s").to_pylist()


def lost(result):
    return result.jobs.column("network_lost_s").to_pylist()


def written(result, link):
    return sum(r["sent_bytes"] for r in result.links.to_pylist() if r["link"] == link)


@pytest.mark.parametrize("storage_Bps", [1e13, 80e9])
@pytest.mark.parametrize("gpus", [8, 32])
def test_a_job_alone_waits_for_storage_or_for_its_own_nics(gpus, storage_Bps):
    """Each 10 s of work 2 GB a GPU: at the NICs' 50 GB/s, or at what storage takes of them all."""
    storage = Checkpoints(2e9, 10.0, True, storage_Bps)
    result = run(jobs_of((0.0, gpus, 100.0)), nodes=9, comm=QUIET, storage=storage,
                 fabric=LeafSpine(3, 4))  # fmt: skip
    wait = 10 * gpus * 2e9 / min(gpus * GPU_Bps, storage_Bps)
    assert ends(result) == pytest.approx([100.0 + wait], rel=1e-12)  # a rate, its inverse
    assert waited(result) == pytest.approx([wait], rel=1e-10)  # a difference of those
    assert lost(result) == [0.0]
    assert written(result, "storage") == pytest.approx(10 * gpus * 2e9, rel=1e-12)


def test_who_goes_on_beside_waits_only_for_what_is_late():
    for storage_Bps, wait in ((1e12, 0.0), (4e9, 60.0)):  # 64 GB each 10 s: at once, or in 16 s
        storage = Checkpoints(2e9, 10.0, False, storage_Bps)
        result = run(jobs_of((0.0, 32, 100.0)), nodes=4, comm=QUIET, storage=storage,
                     fabric=LeafSpine(4, 4))  # fmt: skip
        assert ends(result) == pytest.approx([100.0 + wait], rel=1e-12)
        assert waited(result) == pytest.approx([wait], rel=1e-10, abs=1e-10)
        assert written(result, "storage") == pytest.approx(640e9, rel=1e-12)


@pytest.mark.parametrize("many", [2, 3])
def test_writers_that_always_write_have_equal_parts_of_storage(many):
    """Each would write 16 GB/s of 12 in all, on beside: only storage says how fast they are."""
    storage = Checkpoints(2e9, 1.0, False, 12e9)
    result = run(jobs_of(*[(0.0, 8, 10.0)] * many), nodes=many, comm=QUIET, storage=storage,
                 fabric=LeafSpine(1, 4))  # fmt: skip
    assert ends(result) == pytest.approx([10 * 16e9 * many / 12e9] * many, rel=1e-12)


def test_two_that_wait_for_their_writes_in_closed_form():
    """Each writes for q of its work at what storage takes alone; while it does it has x of that.

    x = 1 / (1 + part), part = (q / x) / (1 + q / x) the time in which the other writes; by halving.
    """
    q, low, high = 0.6, 0.5, 1.0
    for _ in range(80):
        x = (low + high) / 2
        part = (q / x) / (1 + q / x)
        low, high = (x, high) if x * (1 + part) < 1 else (low, x)
    storage = Checkpoints(q * 10.0 * 100e9 / 32, 10.0, True, 100e9)
    result = run(jobs_of((0.0, 32, 100.0), (0.0, 32, 100.0)), nodes=8, comm=QUIET,
                 storage=storage, fabric=LeafSpine(4, 4))  # fmt: skip
    assert ends(result) == pytest.approx([100.0 * (1 + q / x)] * 2, rel=1e-12)  # fixed point
    assert waited(result) == pytest.approx([100.0 * q / x] * 2, rel=1e-10)


def test_a_job_that_sends_and_one_that_writes_meet_on_an_uplink():
    """Leaves of 3 nodes whose uplinks carry one node's worth, which job 0, a ring on nodes 0 to 3,
    sends out of leaf 1 for d of its time; job 1, on nodes 4 and 5, writes two nodes' worth there.

    With x and y of their full speeds, what fills the link while one of them uses it is its own and
    the other's, no more than it has, for the part of the time in which that uses it.
    """
    d, q, x, y = 0.5, 0.4, 1.0, 1.0
    for _ in range(200):
        sends = (d / x) / (1 - d + d / x)
        y = level(1.0, 2.0, [(1.0, sends, x)])
        writes = (q / y) / (1 + q / y)
        x = level(1.0, 1.0, [(2.0, writes, y)])
    made = jobs_of((0.0, 32, 100.0), (0.0, 16, 100.0))
    made |= {"comm_fraction": [d, 0.0], "checkpoint_bytes": [0.0, q * 10.0 * 16 * GPU_Bps]}
    storage = Checkpoints(1.0, 10.0, True, 1e15)
    result = run(made, nodes=6, storage=storage, fabric=LeafSpine(3, 1, oversubscription=3.0))
    assert x < 0.75
    assert y < 0.4
    both = min(100 * (1 - d + d / x), 100 * (1 + q / y))
    assert min(ends(result)) == pytest.approx(both, rel=1e-10)  # a fixed point, by halving


def senders(scenario, seed=1):
    """Return the State's fabric at the horizon."""
    streams, inventory = Streams(seed), scenario.cluster.inventory()
    request = scenario.workload.request(streams, inventory.gpus).jobs
    return run_state(scenario, prepared(scenario, inventory, request, streams), streams)[0].fabric


@pytest.mark.parametrize("waits", [True, False])
def test_each_has_what_the_others_leave_it_at_every_link(waits):
    """Of all senders at an instant, from their entries alone; a job that waits meets not itself.

    1e-9: shares within 1e-13 of each other's, some tens of looks.
    """
    made, pool = mixed(2, 60), (Pool("n", 24, 4, "a"),)
    told = Scenario(Inventory(pool), Given(made), fabric=LeafSpine(4, 2, oversubscription=5.0),
                    storage=Checkpoints(4e9, 60.0, waits, 3e9), horizon_s=1500.0)  # fmt: skip
    f, users = senders(told), {}
    n = len(f.ran_s)
    here = np.flatnonzero(f.spans).tolist()
    for v in here:
        e = int(f.first[v])
        while e >= 0:
            users.setdefault(int(f.link[e]), {})[v] = float(f.use_Bps[e])
            e = int(f.next[e])
    for v in here:
        job, share = v % n, 1.0
        for link, uses in users.items():
            if v in uses:
                others = [(use, f.part[u], f.share[u]) for u, use in uses.items()
                          if u != v and not (waits and u % n == job)]  # fmt: skip
                share = min(share, level(float(f.capacity_Bps[link]), uses[v], others))
        assert f.share[v] == pytest.approx(share, rel=1e-9)
        alone = slowness(f.duty[job], f.share[job], f.overlap[job]) if f.spans[job] else 1.0
        writing = f.duty[job + n] / f.share[job + n]
        whole = alone + writing if waits else max(alone, writing)
        mine = f.duty[v] / f.share[v] / whole
        assert f.part[v] == pytest.approx(min(mine, 1.0), rel=1e-9)
    assert (f.share[here] < 0.9).sum() > 5
    assert {v < n for v in here} == {True, False}


def test_without_what_is_written_all_is_as_without_storage():
    made, pool = mixed(2), (Pool("n", 24, 4, "a"),)
    told = Scenario(Inventory(pool), Given(made), fabric=LeafSpine(4, 2, oversubscription=5.0))
    plain = simulate(told)
    empty = simulate(replace(told, storage=Checkpoints(0.0)))
    assert empty.ledger.equals(plain.ledger)
    assert lost(empty) == lost(plain)
    for result in (empty, plain):
        assert "write_wait_s" not in result.jobs.column_names


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("choice", [
    {"placement": Spread(), "backfill": Skip()},
    {"queue": Smallest(), "preemption": Tail(cost_s=5.0)},
    {"processes": (Failures(mtbf_s=3000.0, repair_s=60.0),)},
])  # fmt: skip
def test_bytes_and_work_are_conserved(choice, waits):
    """Held time less what links and writes cost is the work; each second of it writes its bytes."""
    made, pool = mixed(2, 60), (Pool("n", 24, 4, "a"),)
    storage = Checkpoints(4e9, 60.0, waits, 3e9)
    told = Scenario(Inventory(pool), Given(made), fabric=LeafSpine(4, 2, oversubscription=5.0),
                    storage=storage, **choice)  # fmt: skip
    result, bytes_ = simulate(told), 0.0
    for row in result.jobs.to_pylist():
        done = row["gpu_s"] / row["gpus"] - row["network_lost_s"] - row["write_wait_s"]
        assert done == pytest.approx(row["work_s"] + row["lost_s"], rel=1e-9), row  # sums
        bytes_ += row["gpus"] * 4e9 / 60.0 * done
    assert sum(waited(result)) > 100.0
    assert sum(lost(result)) > 100.0
    found, gpus = result.metrics["writes"], result.jobs.column("gpus").to_pylist()
    waits = sum(a * b for a, b in zip(waited(result), gpus, strict=True))
    assert found["wait_gpu_s"] == pytest.approx(waits, rel=1e-12)  # a sum
    held = sum(result.jobs.column("gpu_s").to_pylist())
    assert found["wait_frac"] == pytest.approx(waits / held, rel=1e-12)
    assert "waited for storage" in result.headline()
    assert written(result, "storage") == pytest.approx(bytes_, rel=1e-9)
    assert all(row["load_frac"] <= 1 + 1e-9 for row in result.links.to_pylist())


def test_resized_jobs_write_the_same_from_where_they_are():
    made, pool = mixed(4, 60), (Pool("n", 24, 4, "a"),)
    made["min_gpus"], made["max_gpus"] = np.maximum(made["gpus"] // 2, 1), made["gpus"] * 2
    told = Scenario(Inventory(pool), Given(made), elastic=EqualShares(refresh_s=200.0),
                    fabric=LeafSpine(4, 2, oversubscription=5.0))  # fmt: skip
    plain, slow = simulate(told), simulate(replace(told, storage=Checkpoints(4e9, 60.0, True, 3e9)))
    assert sum(slow.jobs.column("resizes").to_pylist()) > 20
    assert sum(ends(slow)) > sum(ends(plain))


def test_broken_links_and_nics_slow_what_is_written():
    """A node alone in its leaf: for 20 s its uplink, or its NICs, or storage, at a quarter."""
    storage = Checkpoints(5e9, 1.0, True, 400e9)  # 0.1 s of 8 NICs each second of work
    for link in (0, 2, 4):
        result = run(jobs_of((0.0, 8, 100.0)), nodes=2, comm=QUIET, storage=storage,
                     fabric=LeafSpine(1, 1), processes=(Cut((link, 0.25, 10, 30)),))  # fmt: skip
        done = 20 / 1.4  # of the work, while it was slow
        assert ends(result) == pytest.approx([30 + (100 - 10 / 1.1 - done) * 1.1], rel=1e-12)


@pytest.mark.parametrize("every_s", [10.0, 40.0, 1e6])
def test_a_failure_costs_what_was_done_since_the_last_checkpoint(every_s):
    """0.1 s of writing a second of work: of 30 s till the node fails, for 20 s, 30 / 1.1 is done."""
    storage = Checkpoints(5e9 * every_s, every_s, True, 400e9)
    told = {"nodes": 1, "comm": QUIET, "fabric": LeafSpine(1, 1), "processes": (Fall(0, 30, 50),)}
    result = run(jobs_of((0.0, 8, 100.0)), storage=storage, **told)
    done = 30 / 1.1
    lost_s = done % every_s
    assert result.jobs.column("lost_s").to_pylist() == pytest.approx([lost_s], rel=1e-12)
    assert ends(result) == pytest.approx([50 + (100 - done + lost_s) * 1.1], rel=1e-12)
    bare = run(jobs_of((0.0, 8, 100.0)), **told)
    assert ends(bare) == [150.0]


def test_jobs_that_no_failure_lets_through_come_through_with_checkpoints():
    """64 nodes, each failing every 100 s: 3,000 s of work are hopeless whole, and fine by the 1 s."""
    made = jobs_of((0.0, 512, 3000.0))
    told = {"nodes": 64, "comm": QUIET, "fabric": LeafSpine(64, 1),
            "processes": (Failures(mtbf_s=100.0, repair_s=1.0),)}  # fmt: skip
    with pytest.raises(ScenarioError, match=r"failures: begin a job anew"):
        run(made, **told)
    short = jobs_of((0.0, 512, 20.0))
    result = run(short, storage=Checkpoints(1e6, 0.5, True, 1e13), **told)
    assert result.metrics["jobs"]["completed"] == 1
    assert not any("failures: begin" in note for note in result.manifest["notes"])


def test_faults_and_what_is_not_felt_are_told():
    with pytest.raises(ScenarioError) as caught:
        Checkpoints(-1.0, 0.0, True, 0.0)
    assert len(caught.value.issues) == 3
    made, storage = jobs_of((0.0, 16, 1.0)), Checkpoints()
    with pytest.raises(ScenarioError, match=r"storage: .* set steps=mean_field"):
        run(made, nodes=2, fabric=LeafSpine(1, 1), storage=storage, processes=(Phases(),))
    with pytest.raises(ScenarioError, match=r"storage: hangs above .*routing=spraying"):
        run(made, nodes=2, fabric=RailOptimized(routing="ecmp"), storage=storage)
    told = run(made, nodes=2, storage=storage).manifest
    assert any(note.startswith("storage: there is no fabric") for note in told["notes"])
