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
    finder = Finder(state.ways, SALT)
    assert state.fabric.n[SEEKS] == 0
    crossed = 0
    for job in range(len(gangs)):
        link, use_Bps = finder.used(state, job)
        assert entries(state, job)[::-1] == list(zip(link.tolist(), use_Bps.tolist(), strict=True))
        assert (link >= state.fabric.n[FIRST]).all()
        crossed += len(link)
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


def test_jobs_that_come_one_by_one_do_not_all_take_the_same_port_up():
    """Each job has one flow at the switch; hashed or adaptive, ports are met by chance."""
    nodes, jobs = 64, 40
    gangs = [((0, 32), (8, 8))] * jobs  # each the same two nodes, of two leaves
    state = routed(running(nodes, LeafSpine(32, 16, routing="adaptive"), "ring", gangs))
    first, base = int(state.fabric.n[FIRST]), 2 * nodes  # a leaf's links after those of the nodes
    took = [{link - first - base for link, _ in entries(state, job)} for job in range(jobs)]
    up = {link for links in took for link in links if link < 2 * 16 and link % 2 == 0}
    assert all(len(links) == 4 for links in took)
    empty = 16 * (1 - 1 / 16) ** jobs  # spines that nobody meets, in the mean
    assert abs(16 - len(up) - empty) < 4.0 * empty**0.5


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
