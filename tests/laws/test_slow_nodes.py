"""A job goes at the pace of its slowest node, and sends no slower for it."""

from itertools import pairwise

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.engine import AbstractProcess, Phases, SlowNodes
from sim.errors import ScenarioError
from sim.physics.parallelism import Profile, step_s
from sim.policies.elastic import EqualShares
from sim.state import Inventory, Pool
from sim.workload import Given, SameForAll
from sim.workload.storage import Checkpoints
from tests.conftest import columns, run
from tests.plain import fabric as plain
from tests.plain.test_same import workload
from topologies.designs import LeafSpine


class Slow(AbstractProcess):
    """Nodes that are slow from one instant to another: (node, keeps, from, to)."""

    hobbles = True

    def __init__(self, *spells):
        self.spells = spells

    def begin(self, clock, cluster, streams):
        for node, keeps, from_s, to_s in self.spells:
            clock.process(self.life(clock, cluster, node, keeps, from_s, to_s))

    def life(self, clock, cluster, node, keeps, from_s, to_s):
        yield clock.timeout(from_s)
        cluster.hobble(node, keeps)
        yield clock.timeout(to_s - from_s)
        cluster.hobble(node, 1.0)


def jobs_of(*rows):
    """Return jobs of (submit, gpus, work)."""
    submit, gpus, work = zip(*rows, strict=True)
    return columns({"submit_s": list(submit), "gpus": list(gpus), "work_s": list(work)})


def ends(result):
    return result.jobs.column("end_s").to_pylist()


def test_the_slowest_of_its_nodes_sets_the_pace_of_each_job_there():
    """Job 0 on nodes 0 and 1, job 1 on 2; 10 s from 10 s on, two spells on the one that overlap."""
    made = jobs_of((0.0, 16, 100.0), (0.0, 8, 100.0), (150.0, 8, 10.0))
    slow = Slow((0, 0.5, 10.0, 30.0), (1, 0.8, 20.0, 40.0))
    result = run(made, nodes=3, processes=(slow,))
    assert ends(result) == [pytest.approx(100 + 20 * 0.5 + 10 * 0.2, rel=1e-14), 100.0, 160.0]


def test_who_starts_on_a_slow_node_is_slow_from_the_start():
    made = jobs_of((0.0, 8, 10.0), (10.0, 8, 100.0))
    result = run(made, nodes=1, processes=(Slow((0, 0.25, 5.0, 50.0)),))
    assert ends(result) == [pytest.approx(5 + 5 / 0.25), pytest.approx(50 + (100 - 25 * 0.25))]


@pytest.mark.parametrize("d", [0.0, 0.2, 0.6])
@pytest.mark.parametrize("o", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("oversubscription", [1.0, 3.0])
def test_a_step_beside_a_slow_node_is_as_long_as_its_formula(d, o, oversubscription):
    """All to all over eight leaves of a node each: its share is 1 over the oversubscription."""
    profile = Profile(*(np.array([x]) for x in (1.0 - (1.0 - o) * d, d, 0.0, o)))
    alone_s = float(step_s(profile, 1.0)[0])
    assert alone_s == pytest.approx(1.0)
    made = jobs_of((0.0, 64, 100.0))
    fabric = LeafSpine(1, 1, oversubscription=oversubscription)
    result = run(made, nodes=8, fabric=fabric, comm=SameForAll(d, o, "all_to_all"),
                 processes=(Slow((3, 0.5, 0.0, 1e6)),))  # fmt: skip
    wanted = float(step_s(profile, 1.0 / oversubscription, slowness=2.0)[0])
    assert ends(result) == [pytest.approx(100 * wanted, rel=1e-12)]
    assert result.jobs.column("comm_fraction").to_pylist() == [d]


def test_a_slow_job_leaves_more_of_a_link_to_its_neighbour():
    """Two rings cross a leaf whose uplinks carry one of them; the slow one sends less often."""
    d, keeps = 0.4, 0.25
    made = jobs_of((0.0, 32, 100.0), (0.0, 32, 100.0))
    result = run(made, nodes=9, fabric=LeafSpine(3, 1, oversubscription=3.0),
                 comm=SameForAll(d, 0.0, "ring"), processes=(Slow((0, keeps, 0.0, 1e6)),))  # fmt: skip
    alone = {0: d + (1 - d) / keeps, 1: 1.0}
    duty, overlap = {job: d / alone[job] for job in alone}, dict.fromkeys(alone, 0.0)
    got = plain.shares({0: {0: 8.0, 1: 8.0}, 1: {1: 8.0, 2: 8.0}}, [8.0] * 3, duty, overlap)
    took = {job: alone[job] * plain.slowness(duty[job], got[job], 0.0) for job in alone}
    assert 1.0 < took[1] < plain.slowness(d, 0.7, 0.0)  # two alike get less than 0.7
    first_s = 100 * took[1]
    wanted = [first_s + alone[0] * (100 - first_s / took[0]), first_s]
    assert ends(result) == pytest.approx(wanted, rel=1e-9)  # fixed points to 1e-13


def test_the_work_of_every_run_is_done_at_the_pace_of_its_slowest_node():
    pool, rng = (Pool("n", 24, 4, "a"),), np.random.default_rng(7)
    made = workload(3, 120, pool, 1.2)
    spells = []
    for node in range(24):
        at = np.cumsum(rng.exponential(300.0, 8))
        part = rng.uniform(0.2, 0.9, 4)
        spells += [(node, part[k], at[2 * k], at[2 * k + 1]) for k in range(4)]
    result = simulate(Scenario(Inventory(pool), Given(made), processes=(Slow(*spells),)))
    number = {name: i for i, name in enumerate(result.nodes.column("node").to_pylist())}
    held = {}
    for row in result.ledger.to_pylist():
        held.setdefault(row["job_id"], []).append(
            (number[row["node"]], row["start_s"], row["end_s"])
        )
    slowed = 0
    for row in result.jobs.to_pylist():
        if row["job_id"] not in held:
            continue
        nodes = {node for node, _, _ in held[row["job_id"]]}
        _, start, end = held[row["job_id"]][0]
        mine = [s for s in spells if s[0] in nodes and s[2] < end and s[3] > start]
        marks = sorted({start, end, *(t for s in mine for t in s[2:] if start < t < end)})
        done = sum(
            (b - a) * min([1.0, *(s[1] for s in mine if s[2] <= a and b <= s[3])])
            for a, b in pairwise(marks)
        )
        assert done == pytest.approx(row["work_s"], rel=1e-9), row  # sums
        slowed += bool(mine)
    assert slowed > 30


def test_writes_take_as_long_beside_a_slow_node():
    made = jobs_of((0.0, 16, 1000.0))
    told = {"nodes": 2, "fabric": LeafSpine(1, 1), "comm": SameForAll(0.0)}
    storage = Checkpoints(every_s=100.0, gpu_bytes=10e9, waits=True, storage_Bps=1e9)
    (whole,) = ends(run(made, **told, storage=storage))
    assert whole > 1000.0
    (slow,) = ends(run(made, **told, storage=storage, processes=(Slow((0, 0.5, 0.0, 1e6)),)))
    assert slow - 2000.0 == pytest.approx(whole - 1000.0, rel=1e-9)  # sums


def test_played_by_phases_only_compute_is_slower():
    made = jobs_of((0.0, 64, 100.0))
    result = run(made, nodes=8, fabric=LeafSpine(1, 1), comm=SameForAll(0.4, 0.0, "all_to_all"),
                 processes=(Slow((3, 0.5, 0.0, 1e6)), Phases(1.0, aligned=True)))  # fmt: skip
    assert ends(result) == [pytest.approx(100 * (0.6 / 0.5 + 0.4), rel=1e-9)]  # 200 phases


def test_nodes_that_keep_all_their_speed_change_nothing():
    pool = (Pool("n", 24, 4, "a"),)
    made = workload(3, 80, pool, 1.2)
    plain = simulate(Scenario(Inventory(pool), Given(made)))
    kept = simulate(
        Scenario(Inventory(pool), Given(made), processes=(SlowNodes(500.0, 60.0, 1.0),))
    )
    assert kept.ledger.equals(plain.ledger)


def test_resized_jobs_go_at_the_pace_of_the_nodes_they_are_on():
    """One job grows from node 0 over the slow node 1, when the other has left it."""
    made = jobs_of((0.0, 8, 100.0), (0.0, 8, 20.0))
    made["min_gpus"], made["max_gpus"] = [8, 8], [16, 8]
    told = {"nodes": 2, "elastic": EqualShares(refresh_s=10.0, cost_s=0.0)}

    def grown(until_s):
        """Return when it grew and when it ended, node 1 slow until then."""
        result = run(made, **told, processes=(Slow((1, 0.5, 0.0, until_s)),))
        held = [r["start_s"] for r in result.ledger.to_pylist() if r["job_id"] == "0"]
        return max(held), ends(result)[0]

    at_s, slow_s = grown(1e6)
    assert 20.0 < at_s < 100.0
    same_s, whole_s = grown(at_s)
    assert same_s == at_s
    assert slow_s - at_s == pytest.approx(2 * (whole_s - at_s), rel=1e-9)  # sums


def test_wrong_knobs_are_told_together():
    with pytest.raises(ScenarioError) as caught:
        SlowNodes(0.0, 60.0, 0.0)
    assert [text.split(":")[0] for text in caught.value.issues] == [
        "slow_nodes.mtbf_s", "slow_nodes.keeps"
    ]  # fmt: skip
