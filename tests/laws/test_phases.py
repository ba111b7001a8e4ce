"""Jobs whose steps are played phase by phase: closed forms, a slow version, and the mean field."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.engine import Failures, Phases
from sim.errors import ScenarioError
from sim.kernel.flows import max_min
from sim.physics.duty import phases
from sim.physics.parallelism import Profile
from sim.policies.backfill import Skip
from sim.policies.elastic import EqualShares
from sim.policies.placement import Random, Spread
from sim.policies.preemption import Tail
from sim.policies.queue import Smallest
from sim.rng import Streams
from sim.state import Inventory, Pool
from sim.study.prepare import prepared
from sim.study.simulate import run as run_state
from sim.workload import Given, SameForAll
from tests.conftest import cluster, columns, run
from tests.laws.test_fabric import Cut, ends, jobs_of, mixed
from tests.plain import phases as plain
from topologies.designs import LeafSpine, RailOptimized

pytestmark = pytest.mark.rare

TIGHT = {"nodes": 9, "fabric": LeafSpine(3, 1, oversubscription=3.0)}
"""Leaves of 3 nodes whose uplinks carry one node's worth: rings of 4 nodes side by side share one."""


def played(step_s=1.0, aligned=True):
    return (Phases(step_s, aligned),)


def ring(duty, overlap=0.0):
    return SameForAll(duty, overlap, "ring")


@pytest.mark.parametrize("overlap", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("duty", [0.1, 0.5, 1.0])
def test_who_is_alone_is_not_slowed_at_all(duty, overlap):
    result = run(jobs_of((0.3, 32, 100.7)), comm=ring(duty, overlap),
                 processes=played(0.7, False), **TIGHT)  # fmt: skip
    assert ends(result) == [0.3 + 100.7]
    assert result.jobs.column("network_lost_s").to_pylist() == [0.0]


@pytest.mark.parametrize("duty", [0.2, 0.5, 0.8, 1.0])
def test_two_in_step_send_at_half_and_compute_at_full_speed(duty):
    made = jobs_of((0.0, 32, 50.0), (0.0, 32, 50.0))
    result = run(made, comm=ring(duty), processes=played(), **TIGHT)
    assert ends(result) == pytest.approx([50.0 * (1 - duty + 2 * duty)] * 2, rel=1e-12)  # sums
    lost = result.jobs.column("network_lost_s").to_pylist()
    assert lost == pytest.approx([50.0 * duty] * 2, rel=1e-12)


def test_two_that_send_by_turns_do_not_slow_each_other():
    """Half a step apart, each sends for less than half of it: there is always room for both."""
    made = jobs_of((0.0, 32, 50.0), (0.5, 32, 50.0))
    result = run(made, comm=ring(0.45), processes=played(), **TIGHT)
    assert ends(result) == [50.0, 50.5]
    always = run(made, comm=ring(0.45), **TIGHT)
    assert min(ends(always)) > 55.0  # the mean field has them meet now and then


def test_two_whose_sending_overlaps_for_a_while():
    """Both of steps of 1, sending the last d of it; the second begins x later, d > x.

    What both send together goes at half the speed. Of the first's first sending x is alone, then
    d - x takes twice as long; the second then has x left, alone: all of that is d - x later than
    without each other. So is every step: they stay x apart.
    """
    d, x, steps = 0.4, 0.1, 40
    made = jobs_of((0.0, 32, float(steps)), (x, 32, float(steps)))
    result = run(made, comm=ring(d), processes=played(), **TIGHT)
    wanted = [steps * (1 + d - x), x + steps * (1 + d - x)]
    assert ends(result) == pytest.approx(wanted, rel=1e-12)  # sums


def test_what_may_go_beside_compute_waits_for_nobody_until_it_is_late():
    """A link of 1 / k: beside 1 - (1 - o) d of compute it takes o d k to send o d."""
    d, k = 0.4, 4.0
    fabric = LeafSpine(1, 1, oversubscription=k)
    for o in (0.25, 0.5, 1.0):
        result = run(jobs_of((0.0, 64, 30.0)), nodes=8, fabric=fabric, processes=played(),
                     comm=SameForAll(d, o, "all_to_all"))  # fmt: skip
        step = max(1 - (1 - o) * d, o * d * k) + (1 - o) * d * k
        late = (1 - o) * d == 0.0 and step - 1  # of the last step nobody waits for what is beside
        assert ends(result) == pytest.approx([30.0 * step - late], rel=1e-12)  # sums


def test_steps_are_those_that_jobs_say():
    """Both begin with a whole step; one's is twice as long, of which the same part goes on links."""
    made = jobs_of((0.0, 32, 8.0), (0.0, 32, 8.0)) | {"step_s": [2.0, None]}
    result = run(made, comm=ring(0.5), processes=played(), **TIGHT)
    wanted = plain.ends(
        [plain.Sender(0.0, 8.0, s, 0.5, 0.0, {0: 1.0}, 0.0) for s in (2.0, 1.0)], [1.0]
    )
    assert ends(result) == pytest.approx(wanted, rel=1e-12)


def used(scenario, seed=1):
    """Return what each job that runs at the horizon uses: {link: B/s}, and what links carry."""
    streams = Streams(seed)
    inventory = scenario.cluster.inventory()
    request = scenario.workload.request(streams, inventory.gpus).jobs
    state = prepared(scenario, inventory, request, streams)
    f = run_state(scenario, state, streams)[0].fabric
    uses = []
    for e in f.first.tolist():
        uses.append({})
        while e >= 0:
            uses[-1][int(f.link[e])] = float(f.use_Bps[e])
            e = int(f.next[e])
    assert f.spans.all()
    return uses, f.capacity_Bps.tolist()


def crowd(seed, jobs, nodes, steps):
    """Return jobs of 2 to 5 nodes that fit all at once, with steps and overlaps of their own.

    So many steps each, not a whole number: with the last byte or without is a tie.
    """
    rng = np.random.default_rng(seed)
    size = rng.integers(2, 6, jobs)
    assert size.sum() <= nodes
    step_s = rng.uniform(1.0, 4.0, jobs)
    made = columns([(float(t), 8 * int(k), float(steps * s))
                    for t, k, s in zip(np.sort(rng.uniform(0, 2, jobs)), size, step_s, strict=True)])  # fmt: skip
    return made | {
        "step_s": step_s,
        "comm_fraction": rng.choice([0.25, 0.5, 0.9], jobs),
        "comm_overlap": rng.choice([0.0, 0.0, 0.5, 1.0], jobs),
        "comm_pattern": list(rng.choice(np.array(["ring", "all_to_all"], object), jobs)),
    }


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("routing", ["spraying", "ecmp"])
def test_the_slow_way_ends_at_the_same_instants(routing, aligned):
    """Relative 1e-9: shares of some tens of levels at 1e-13, sums of some thousand phases."""
    made = crowd(3, 12, 48, 12.3)
    chosen = {
        "cluster": cluster(48, 8), "workload": Given(made), "placement": Random(),
        "fabric": LeafSpine(8, 4, oversubscription=4.0, routing=routing),
        "processes": played(aligned=aligned),
    }  # fmt: skip
    uses, capacity = used(Scenario(**chosen, horizon_s=2.5))
    begins = np.zeros(12) if aligned else Streams(1).stream("phases").random(12)
    names = ("submit_s", "work_s", "step_s", "comm_fraction", "comm_overlap")
    rows = zip(*(np.asarray(made[n], float).tolist() for n in names), uses, begins, strict=True)
    wanted = plain.ends([plain.Sender(*row) for row in rows], capacity)
    result = simulate(Scenario(**chosen))
    assert ends(result) == pytest.approx(wanted, rel=1e-9)
    lost = result.jobs.column("network_lost_s").to_pylist()
    assert sum(x > 0.1 for x in lost) > 6
    took = np.subtract(wanted, made["submit_s"]) - made["work_s"]
    assert lost == pytest.approx(took.tolist(), rel=1e-8, abs=1e-8)  # differences of those


@pytest.mark.parametrize("queue_pairs", [0, 2])
def test_steps_are_as_long_as_the_formula_s_own_loop_has_them(queue_pairs):
    """`physics.duty.phases` on the run's links, its mean of the steps 2 to n of a job.

    The job is let go after n steps, and after 1: between the two ends lie n - 1.
    """
    jobs, part, until_s = 10, 0.5, 60.0
    rng = np.random.default_rng(7)
    alone_s, begin_s = rng.uniform(1.0, 4.0, jobs), np.sort(rng.uniform(0.0, 3.0, jobs))
    made = {"submit_s": begin_s, "gpus": 8 * rng.integers(2, 5, jobs), "step_s": alone_s,
            "work_s": np.full(jobs, 1e4)}  # fmt: skip
    routing = {"routing": "ecmp", "queue_pairs": queue_pairs} if queue_pairs else {}
    chosen = {
        "cluster": cluster(40, 8), "placement": Random(), "processes": played(),
        "fabric": RailOptimized(radix=16, oversubscription=4.0, **routing), "comm": ring(part),
    }  # fmt: skip
    uses, capacity = used(Scenario(**chosen, workload=Given(columns(made)), horizon_s=4.0))
    first = np.cumsum([0, *map(len, uses)])
    link = np.concatenate([[*one] for one in uses]).astype(np.int64)
    weight = np.concatenate([[*one.values()] for one in uses])
    flow = np.repeat(np.arange(jobs), np.diff(first))

    def shares(on):
        some = on[flow]
        size = np.bincount(flow[some], minlength=jobs)
        return max_min(np.array(capacity), np.concatenate([[0], np.cumsum(size)]), link[some],
                       weight[some], bound_Bps=1.0)  # fmt: skip

    none = np.zeros(jobs)
    profile = Profile((1 - part) * alone_s, part * alone_s, none, none)
    wanted = phases(profile, 1.0, shares, begin_s, until_s)
    assert (wanted / alone_s).max() > 1.2
    for job in np.argsort(-wanted / alone_s)[:3].tolist():

        def end_s(steps, job=job):
            work_s = made["work_s"].copy()
            work_s[job] = steps * alone_s[job]
            told = Given(columns(made | {"work_s": work_s}))
            return ends(simulate(Scenario(**chosen, workload=told, horizon_s=until_s + 9.0)))[job]

        n = round((until_s - begin_s[job]) / wanted[job])
        n -= end_s(n) > until_s
        assert end_s(n) <= until_s < end_s(n + 1)
        assert (end_s(n) - end_s(1)) / (n - 1) == pytest.approx(wanted[job], rel=1e-9)  # sums


@pytest.mark.parametrize("choice", [
    {"placement": Spread(), "backfill": Skip()},
    {"queue": Smallest(), "preemption": Tail(cost_s=5.0)},
    {"queue": Smallest(), "preemption": Tail(mode="suspend")},
    {"processes": (Failures(mtbf_s=3000.0, repair_s=60.0),)},
    {"elastic": EqualShares(refresh_s=200.0)},
])  # fmt: skip
def test_work_is_done_whatever_comes_between(choice):
    """Held time less what links cost is the work, in the mean field and by phases."""
    made, pool = mixed(2, 60), (Pool("n", 24, 4, "a"),)
    resized = "elastic" in choice
    if resized:
        made["min_gpus"], made["max_gpus"] = np.maximum(made["gpus"] // 2, 1), made["gpus"] * 2
    chosen = {"fabric": LeafSpine(4, 2, oversubscription=5.0)} | choice
    lost = []
    for more in ((), played(5.0, False)):
        told = chosen | {"processes": (*choice.get("processes", ()), *more)}
        result = simulate(Scenario(Inventory(pool), Given(made), **told))
        lost.append(sum(result.jobs.column("network_lost_s").to_pylist()))
        for row in result.jobs.to_pylist() if not resized else ():
            held_s = row["gpu_s"] / row["gpus"]
            done = held_s - row["network_lost_s"]
            assert done == pytest.approx(row["work_s"] + row["lost_s"], rel=1e-9)  # sums
    assert min(lost) > 100.0


def test_links_carry_what_is_sent_and_failures_are_felt():
    """Bytes out of leaf 0: duty x work x a node's NICs, however they were spread over time."""
    made = jobs_of((0.0, 32, 60.0), (7.0, 32, 60.0))
    told = TIGHT | {"comm": ring(0.4), "processes": (*played(1.3, False), Cut((10, 0.5, 20, 40)))}
    result = run(made, **told)
    whole = run(made, **told | {"processes": played(1.3, False)})
    assert max(ends(result)) > max(ends(whole)) + 1.0
    sent = {}
    for row in result.links.to_pylist():
        sent[row["link"]] = sent.get(row["link"], 0.0) + row["sent_bytes"]
        assert row["load_frac"] <= 1.0 + 1e-9
    one = 0.4 * 60.0 * 400e9
    wanted = {"leaf 0 up": one, "leaf 1 up": 2 * one, "leaf 2 up": one}
    assert sent == pytest.approx(wanted, rel=1e-2)  # parts of a first and a last step, of 46


def test_the_same_seed_gives_the_same_bytes():
    made = jobs_of((0.0, 32, 60.0), (7.0, 32, 60.0))
    told = TIGHT | {"comm": ring(0.4), "processes": played(1.0, False)}
    first, again, other = (run(made, seed=seed, **told) for seed in (3, 3, 4))
    assert first.ledger.equals(again.ledger)
    assert not first.ledger.equals(other.ledger)


def test_faults_and_what_is_not_felt_are_told():
    with pytest.raises(ScenarioError, match=r"steps\.step_s: is 0\.0"):
        Phases(step_s=0.0)
    told = run(jobs_of((0.0, 16, 1.0)), nodes=2, processes=played()).manifest
    assert any(note.startswith("steps: there is no fabric") for note in told["notes"])
