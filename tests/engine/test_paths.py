"""The links of jobs found by compiled arithmetic are those that the routers find in arrays."""

import numpy as np
import pyarrow as pa
import pytest

from sim import Scenario, kernel
from sim.engine.paths import Finder
from sim.rng import Streams
from sim.state.fabric import FIRST, SEEKS, SPARE, roomier
from sim.state.handle import COMPILED
from sim.state.paths import PAIRS, paths_of
from sim.study.prepare import prepared
from sim.study.simulate import run
from sim.workload import SameForAll
from tests.conftest import cluster, columns
from topologies.designs import (
    Clos,
    DragonflyPlus,
    FatTree,
    HyperX,
    LeafSpine,
    MultiPlane,
    RailOnly,
    RailOptimized,
    Torus,
)
from topologies.ways import Ways

pytestmark = pytest.mark.skipif(not COMPILED, reason="without a compiler Python finds all links")

SALT = 12345
DESIGNS = {
    "leaf_spine": (96, LeafSpine(8, 3, routing="ecmp")),
    "three_tiers": (190, FatTree(routing="ecmp")),
    "oversubscribed": (60, Clos(radix=32, tiers=2, routing="ecmp", leaf_oversubscription=3)),
    "cables_and_pairs": (32, RailOptimized(rails=4, radix=8, tiers=3, routing="ecmp",
                                           queue_pairs=3)),
    "rail_only": (96, RailOnly(routing="ecmp", radix=16)),
    "planes": (64, MultiPlane(planes=4, radix=64, routing="ecmp", queue_pairs=2)),
    "nvlink": (96, RailOptimized(routing="ecmp", nvlink_gpus=32, radix=16)),
    "leaf_spine_adaptive": (96, LeafSpine(8, 3, routing="adaptive")),
    "three_tiers_adaptive": (190, FatTree(routing="adaptive")),
    "narrow_adaptive": (60, Clos(radix=32, tiers=2, routing="adaptive", leaf_oversubscription=3)),
    "rails_adaptive": (32, RailOptimized(rails=4, radix=8, tiers=3, routing="adaptive",
                                         queue_pairs=3)),
    "planes_adaptive": (64, MultiPlane(planes=4, radix=64, routing="adaptive", queue_pairs=2)),
    "torus": (90, Torus()),
    "flat_torus": (77, Torus(dimensions=2, queue_pairs=5)),
    "torus_valiant": (90, Torus(routing="valiant")),
    "hyperx": (96, HyperX(nodes_per_switch=4, dimensions=3)),
    "hyperx_valiant": (96, HyperX(nodes_per_switch=4, routing="valiant", queue_pairs=2)),
    "dragonfly_plus": (80, DragonflyPlus(radix=8, parallel=3)),
    "dragonfly_plus_valiant": (80, DragonflyPlus(radix=8, routing="valiant")),
}  # fmt: skip


def running(nodes, fabric, pattern, gangs):
    """Return a State in which gangs, each (nodes, GPUs on each), run and wait to be routed."""
    made = pa.table(columns([(0.0, int(sum(gpus)), 1.0) for _, gpus in gangs]))
    told = Scenario(fabric=fabric, comm=SameForAll(0.5, 0.0, pattern))
    state = prepared(told, cluster(nodes, 8), made, Streams(1))
    rows = sum(len(where) for where, _ in gangs)
    ledger = {name: getattr(state.ledger, name) for name in ("node", "gpus")}
    ledger = {name: np.zeros(rows, column.dtype) for name, column in ledger.items()}
    at = 0
    for job, (where, gpus) in enumerate(gangs):
        ledger["node"][at : at + len(where)], ledger["gpus"][at : at + len(where)] = where, gpus
        state.jobs.row0[job], state.jobs.rows[job] = at, len(where)
        state.fabric.spans[job], state.fabric.seeks[job] = True, job
        at += len(where)
    state.fabric.n[SEEKS] = len(gangs)
    return state.replaced(ledger=state.ledger._replace(**ledger))


def entries(state, job):
    """Return (link, B/s) of a job's entries, the last first."""
    f, e, found = state.fabric, int(state.fabric.first[job]), []
    while e >= 0:
        found.append((int(f.link[e]), float(f.use_Bps[e])))
        e = int(f.next[e])
    return found


def routed(state):
    """Let the kernel find the links of all who wait; return the State, which may have grown."""
    paths = paths_of(state.ways.plan(), len(state.ways.capacity_Bps))
    while lack := kernel.route(state, paths, SALT):
        state = state.replaced(fabric=roomier(state.fabric, lack))
    return state


def found(state):
    """Yield (link, B/s) of each who waits, as the arrays have them, entered one by one."""
    finder = Finder(state.ways, SALT)
    for job in state.fabric.seeks[: state.fabric.n[SEEKS]].tolist():
        link, use_Bps = finder.used(state, job)
        state = state.replaced(fabric=roomier(state.fabric, len(link)))
        kernel.lay(state, job, link, use_Bps, 0.0)
        yield list(zip(link.tolist(), use_Bps.tolist(), strict=True))


def gangs_of(nodes, seed):
    """Return gangs on nodes that are drawn, some of them on less than a whole node."""
    rng = np.random.default_rng(seed)
    return [(rng.choice(nodes, n, replace=False), rng.integers(1, 9, n)) for n in (2, 3, 5, 9, 17)]


@pytest.mark.parametrize("pattern", ["ring", "all_to_all"])
@pytest.mark.parametrize("name", DESIGNS)
def test_arithmetic_finds_the_links_of_the_arrays_bit_for_bit(name, pattern):
    nodes, fabric = DESIGNS[name]
    gangs = gangs_of(nodes, 3)
    state = routed(running(nodes, fabric, pattern, gangs))
    assert state.fabric.n[SEEKS] == 0
    crossed = 0
    for job, theirs in enumerate(found(running(nodes, fabric, pattern, gangs))):
        assert entries(state, job)[::-1] == theirs
        assert all(link >= state.fabric.n[FIRST] for link, _ in theirs)
        crossed += len(theirs)
    assert crossed > 0


def test_of_an_all_to_all_over_many_nodes_the_same_flows_are_chosen():
    nodes = 300
    gangs = [(np.arange(n)[::-1], np.full(n, 8)) for n in (65, 66, 130, 300)]
    gangs += [(np.arange(100, 200), np.arange(100) % 8 + 1)]
    assert 64 * 65 > PAIRS > 64 * 63
    state = routed(running(nodes, HyperX(nodes_per_switch=10, dimensions=1), "all_to_all", gangs))
    finder = Finder(state.ways, SALT)
    for job in range(len(gangs)):
        link, use_Bps = finder.used(state, job)
        assert entries(state, job)[::-1] == list(zip(link.tolist(), use_Bps.tolist(), strict=True))


def test_who_finds_no_room_for_entries_is_told_how_many_and_asks_again():
    nodes, fabric = DESIGNS["torus"]
    gangs = gangs_of(nodes, 4)
    state = running(nodes, fabric, "all_to_all", gangs)
    state.fabric.n[SPARE] = 30
    paths = paths_of(state.ways.plan(), len(state.ways.capacity_Bps))
    lack = kernel.route(state, paths, SALT)
    left = int(state.fabric.n[SEEKS])
    assert lack > state.fabric.n[SPARE]
    waits = state.fabric.seeks[:left].tolist()
    assert waits == list(range(len(gangs) - left, len(gangs)))
    assert lack == len(Finder(state.ways, SALT).used(state, waits[0])[0])


def up_of(state, leaf, spines):
    """Return what all jobs send up each port of a leaf of a leaf-spine, (spines,), B/s."""
    first = int(state.fabric.n[FIRST]) + 2 * (len(state.nodes.gpus) + leaf * spines)
    load_Bps = np.zeros(spines)
    for job in range(len(state.jobs.row0)):
        for link, use_Bps in entries(state, job):
            if 0 <= link - first < 2 * spines and (link - first) % 2 == 0:
                load_Bps[(link - first) // 2] += use_Bps
    return load_Bps


@pytest.mark.parametrize("jobs", [1, 15, 16, 40])
def test_flows_of_many_jobs_are_no_more_uneven_than_one_flow_a_port(jobs):
    nodes, spines = 64, 16
    gangs = [((n % 32, 32 + 5 * n % 32), (8, 8)) for n in range(jobs)]  # one flow each way
    fabric = LeafSpine(32, spines, routing="adaptive")
    state = routed(running(nodes, fabric, "ring", gangs))
    one_Bps = max(use_Bps for _, use_Bps in entries(state, 0))
    for leaf in (0, 1):
        counts = np.rint(np.sort(up_of(state, leaf, spines)) / one_Bps)
        assert counts.tolist() == sorted(len(x) for x in np.array_split(range(jobs), spines))


def test_of_many_small_flows_as_much_goes_up_each_port_as_if_sprayed():
    """No port has more than the mean and one queue pair's part of a flow: less, the more there are.

    As Graham (1969) has it for lists on machines alike.
    """
    nodes, spines, rng = 64, 6, np.random.default_rng(8)
    gangs = [(rng.choice(nodes, 9, replace=False), rng.integers(1, 9, 9)) for _ in range(12)]
    for pairs in (1, 4, 64):
        fabric = LeafSpine(16, spines, routing="adaptive", queue_pairs=pairs)
        state = routed(running(nodes, fabric, "all_to_all", gangs))
        widest_Bps = 8 * float(state.fabric.gpu_Bps.max()) / pairs
        for leaf in range(4):
            load_Bps = up_of(state, leaf, spines)
            assert load_Bps.max() <= load_Bps.mean() + widest_Bps
            assert load_Bps.max() - load_Bps.min() <= widest_Bps


def test_what_a_port_lacks_of_its_capacity_counts_as_sent():
    nodes, spines = 64, 4
    fabric = LeafSpine(32, spines, routing="adaptive")
    gangs = [((n, 32 + n), (8, 8)) for n in range(12)]
    state = running(nodes, fabric, "ring", gangs)
    one_Bps = Finder(state.ways, SALT).used(state, 0)[1].max()
    worn = int(state.fabric.n[FIRST]) + 2 * nodes
    state.fabric.capacity_Bps[worn] -= 2 * one_Bps * state.fabric.duty[0]  # two flows' in the mean
    counts = np.rint(up_of(routed(state), 0, spines) / one_Bps)
    assert counts.sum() == 12
    assert np.ptp(counts + [2, 0, 0, 0]) <= 1.0


def test_a_job_that_is_routed_anew_does_not_meet_itself():
    nodes, fabric = DESIGNS["rails_adaptive"]
    gangs = gangs_of(nodes, 6)
    state = routed(running(nodes, fabric, "all_to_all", gangs))
    last = len(gangs) - 1  # the others were there before it
    link, use_Bps = Finder(state.ways, SALT).used(state, last)
    theirs = list(zip(link.tolist(), use_Bps.tolist(), strict=True))
    assert entries(state, last)[::-1] == theirs


def test_a_failed_port_is_not_chosen_while_another_works():
    nodes, spines = 64, 4
    gangs = [((n, 32 + n), (8, 8)) for n in range(12)]
    state = running(nodes, LeafSpine(32, spines, routing="adaptive"), "ring", gangs)
    ways = state.ways.without(2 * nodes + np.array([0, 1]))  # leaf 0 to spine 0, and back
    load_Bps = np.zeros(len(ways.capacity_Bps))
    for job in range(12):
        _, link, _ = ways.routes(np.array([job]), np.array([32 + job]), job, np.ones(1), load_Bps)
        assert link[0] != 2 * nodes
        load_Bps[link] += 1.0
    assert load_Bps[2 * nodes : 2 * (nodes + spines) : 2].tolist() == [0.0, 4.0, 4.0, 4.0]


def test_who_has_left_its_nodes_again_is_passed_over():
    nodes, fabric = DESIGNS["torus"]
    state = running(nodes, fabric, "ring", gangs_of(nodes, 5))
    state.fabric.spans[1] = False
    state.fabric.seeking[:] = True
    state = routed(state)
    assert entries(state, 1) == [] != entries(state, 2)
    assert not state.fabric.seeking.any()


def test_where_links_have_failed_or_paths_are_no_hashes_there_is_no_plan():
    _, ways = Torus().laid(27, 8)
    assert ways.plan() is not None
    assert ways.without(np.array([4])).plan() is None
    assert RailOptimized(rails=4, radix=8, nvlink_gpus=16).laid(16, 8)[1].plan() is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torus", "cables_and_pairs", "dragonfly_plus", "rails_adaptive"])
def test_a_run_gives_the_same_ledger_whoever_finds_the_links(name, monkeypatch):
    nodes, fabric = DESIGNS[name]
    rng = np.random.default_rng(5)
    rows = np.cumsum(rng.exponential(20.0, 300)), rng.choice([8, 16, 40, 100], 300)
    made = pa.table(columns([(t, int(g), 400.0) for t, g in zip(*rows, strict=True)]))
    told = Scenario(fabric=fabric, comm=SameForAll(0.5, 0.2, "ring"))

    def ledger():
        state, *_ = run(told, prepared(told, cluster(nodes, 8), made, Streams(1)), Streams(1))
        n, one = int(state.ledger.n[0]), state.ledger
        columns = (one.job, one.node, one.start_s, one.end_s)
        return [x[:n].tobytes() for x in columns] + [state.fabric.lost_s.tobytes()]

    arithmetic = ledger()
    monkeypatch.setattr(Ways, "plan", lambda self: None)
    assert ledger() == arithmetic
