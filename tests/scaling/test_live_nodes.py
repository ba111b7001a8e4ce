"""Nodes that come and go in a run: none is used while off, none leaves with work unsaid."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.policies.node_scaler import AbstractNodeScaler, Lending, PowerDown
from sim.state import Homogeneous, Pools, PurchasePlan, Supply
from sim.state.scaling import NOTHING, NodeWish
from sim.workload import Given, NoJobs, Poisson
from sim.workload.requests import DrawnRequests, GivenRequests, LogNormalTokens
from sim.workload.services import LlmReplica, LlmService


def jobs(*rows):
    """Rows: submitted, GPUs, seconds of work."""
    submit, gpus, work = zip(*rows, strict=True)
    return Given(pa.table({
        "submit_s": np.array(submit, float), "gpus": np.array(gpus, np.int64),
        "work_s": np.array(work, float), "walltime_s": np.array(work, float),
    }))  # fmt: skip


@dataclass(frozen=True)
class Steps(AbstractNodeScaler):
    """At each asking what the next step says: nodes to add, numbers of nodes to give back."""

    steps: tuple = ()
    every_s: float = 100.0

    def wish(self, seen, notes):
        turn = round(seen.now_s / self.every_s) - 1
        add, back = self.steps[turn] if turn < len(self.steps) else (0, ())
        return NodeWish(np.array([add]), np.isin(seen.nodes.node, back), NOTHING)


def spans(result):
    return result.node_states.to_pylist()


def held_only_while_there(result):
    """Assert that nobody holds a node while it is absent, off or coming; states fill the span."""
    rows, end_s = spans(result), result.manifest["end_s"]
    away = [r for r in rows if r["state"] in ("absent", "off", "lent", "coming")]
    for row in result.ledger.to_pylist():
        if row["job_id"] is None:
            continue
        until = end_s if row["end_s"] is None or np.isnan(row["end_s"]) else row["end_s"]
        for r in away:
            if r["node"] == row["node"]:
                assert until <= r["begin_s"] or row["start_s"] >= r["end_s"], (row, r)
    total = sum(r["end_s"] - r["begin_s"] for r in rows)
    assert total == pytest.approx(result.nodes.num_rows * end_s, rel=1e-12)  # sums of floats


def test_a_node_comes_after_its_delay_and_takes_who_waits():
    supply = Supply(start_nodes=1, come_s=40.0)
    made = simulate(Scenario(
        Homogeneous(3, 4), jobs((0, 4, 1000), (0, 4, 1000)), node_scaler=Steps(((1, ()),)),
        supply=supply, horizon_s=3000.0,
    ))  # fmt: skip
    held_only_while_there(made)
    assert made.jobs.column("start_s").to_pylist() == [0.0, 140.0]  # asked at 100
    own = [(r["state"], r["begin_s"], r["end_s"], r["why"]) for r in spans(made)
           if r["node"] == made.nodes.column("node")[1].as_py()]  # fmt: skip
    assert own == [("off", 0.0, 100.0, "asked"), ("coming", 100.0, 140.0, "came"),
                   ("on", 140.0, 1140.0, "cut")]  # fmt: skip


def test_an_empty_node_goes_at_once_and_a_used_one_after_its_notice():
    supply = Supply(notice_s=60.0)
    made = simulate(Scenario(
        Homogeneous(2, 4), jobs((0, 4, 500), (300, 4, 500)), node_scaler=Steps(((0, (0, 1)),)),
        supply=supply, horizon_s=2000.0,
    ))  # fmt: skip
    held_only_while_there(made)
    stopped = [r for r in made.ledger.to_pylist() if r["why"] == "preempted"]
    assert [(r["job_id"], r["start_s"], r["end_s"]) for r in stopped] == [
        (made.jobs.column("job_id")[0].as_py(), 0.0, 160.0)
    ]
    assert made.jobs.column("lost_s").to_pylist() == [160.0, 0.0]  # no checkpoint: all of it
    went = {(r["node"], r["end_s"]) for r in spans(made) if r["state"] == "on"}
    assert {end_s for _, end_s in went} == {100.0}
    assert [r["end_s"] for r in spans(made) if r["state"] == "leaving"] == [160.0]


def test_a_job_that_ends_within_the_notice_loses_nothing_and_the_node_goes_then():
    made = simulate(Scenario(
        Homogeneous(1, 4), jobs((0, 4, 130), (0, 4, 10)), node_scaler=Steps(((0, (0,)),)),
        supply=Supply(notice_s=60.0), horizon_s=1000.0,
    ))  # fmt: skip
    held_only_while_there(made)
    assert [r["end_s"] for r in spans(made) if r["state"] == "leaving"] == [130.0]
    assert made.jobs.column("end_s").to_pylist()[0] == 130.0
    assert made.jobs.column("state").to_pylist()[1] == "waiting"


def test_who_is_refused_is_told_and_pays_nothing():
    supply = Supply(start_nodes=0, refused_frac=1.0, refused_after_s=30.0, node_h_usd=9.0)
    made = simulate(Scenario(
        Homogeneous(2, 4), jobs((0, 4, 10)), node_scaler=Steps(((2, ()),)), supply=supply,
        horizon_s=1000.0,
    ))  # fmt: skip
    held_only_while_there(made)
    found = made.metrics["fleet"]
    assert (found["refused"], found["came"], found["cost_usd"]) == (2, 0, 0.0)


def test_a_plan_with_all_delivered_at_once_is_no_plan():
    work = jobs(*[(10.0 * i, 1 + i % 8, 100.0 + 7 * i) for i in range(60)])
    plain = simulate(Scenario(Homogeneous(3, 8), work))
    plan = PurchasePlan(({"at_s": 0.0, "nodes": 2}, {"at_s": 0.0, "nodes": 1}))
    bought = simulate(Scenario(Homogeneous(3, 8), work, growth=plan))
    for name in ("jobs", "ledger", "nodes", "timeline"):
        assert getattr(plain, name).equals(getattr(bought, name)), name


def test_nodes_are_used_from_their_delivery_and_until_they_are_retired():
    plan = PurchasePlan((
        {"at_s": 100.0, "nodes": 1}, {"at_s": 400.0, "nodes": -1, "notice_s": 150.0},
    ))  # fmt: skip
    made = simulate(Scenario(
        Homogeneous(2, 4), jobs((0, 4, 290), (0, 4, 50), (200, 4, 1000)), growth=plan,
    ))  # fmt: skip
    held_only_while_there(made)
    # the first runs on node 0 until 290; from 250 on node 0 takes nobody; the second waits for 100
    assert made.jobs.column("start_s").to_pylist() == [0.0, 100.0, 200.0]
    found = made.metrics["fleet"]["node_hours"]
    assert found["absent"] * 3600 == pytest.approx(100.0 + (1200.0 - 290.0))  # sums of floats


def test_power_down_follows_its_arithmetic():
    """Idle from 100 s on, off after 300 s more at the asking of then; on again for who waits."""
    policy = PowerDown(idle_s=300.0, every_s=10.0)
    made = simulate(Scenario(
        Homogeneous(1, 4), jobs((0, 4, 100), (1005, 4, 10)), node_scaler=policy,
        supply=Supply(come_s=60.0),
    ))  # fmt: skip
    held_only_while_there(made)
    assert [(r["state"], r["begin_s"]) for r in spans(made)] == [
        ("on", 0.0), ("off", 400.0), ("coming", 1010.0), ("on", 1070.0),
    ]  # fmt: skip
    assert made.jobs.column("start_s").to_pylist() == [0.0, 1070.0]


def test_lending_holds_its_plan():
    """Two here from 0 h, one from 1 h, two from 2 h; called back its notice before."""
    policy = Lending(plan=((0, 2), (1, 1), (2, 2)), notice_s=120.0, period_s=86400.0)
    made = simulate(Scenario(
        Homogeneous(2, 4), jobs((0, 8, 1000), (3 * 3600, 8, 10)), node_scaler=policy,
        supply=Supply(come_s=60.0),
    ))  # fmt: skip
    held_only_while_there(made)
    off = [(r["begin_s"], r["end_s"]) for r in spans(made) if r["state"] == "lent"]
    assert off == [(3480.0, 7200.0)]
    assert made.metrics["fleet"]["away_gpu_hours"] == pytest.approx(4 * (7200 - 3480) / 3600)


def test_interrupted_nodes_are_the_same_for_the_same_seed():
    scenario = Scenario(
        Homogeneous(4, 4), jobs(*[(50.0 * i, 4, 600.0) for i in range(20)]),
        node_scaler=PowerDown(idle_s=1e6), supply=Supply(spot_mtbf_s=2000.0, come_s=30.0),
        horizon_s=1e5,
    )  # fmt: skip
    one, again = (simulate(scenario, seed=4) for _ in range(2))
    held_only_while_there(one)
    assert one.node_states.equals(again.node_states)
    assert one.metrics["fleet"]["interrupted"] > 0
    assert (np.array(one.jobs.column("state")) == "completed").all()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"supply": Supply(min_nodes=3, max_nodes=2)}, "min_nodes: is 3, above max_nodes, 2"),
        ({"supply": Supply(max_nodes=9)}, "max_nodes: is 9; must be at most 4"),
        ({"supply": Supply(pools={"cloud": {}})}, "supply.pools.cloud: is no pool"),
        (
            {"supply": Supply(min_nodes=2), "node_scaler": Lending(plan=((0, 4), (7, 1)))},
            "min_nodes: is 2 in pool .*; must be at most 1, what node_scaler.plan leaves .* hour 7",
        ),
        ({"node_scaler": Lending(plan=((0, 5), (7, 1)))}, "plan: has 5 .* hour 0 .* at most 4"),
        ({"node_scaler": Lending(plan=((0, 5), (0, 2)))}, "plan: has 5 .* hour 0 .* at most 4"),
        (
            {"supply": Supply(min_nodes=2), "node_scaler": Lending(plan=((0, 4), (7, 1.9)))},
            "min_nodes: is 2 in pool .*; must be at most 1, what node_scaler.plan leaves .* hour 7",
        ),
        ({"growth": PurchasePlan(({"at_s": 5.0, "nodes": -5},))}, "4 nodes are there by then"),
        ({"growth": PurchasePlan(({"at_s": 5.0, "nodes": 5},))}, "at most 4, all it has"),
    ],
)
def test_what_cannot_be_is_named_with_its_remedy(given, text):
    with pytest.raises(ScenarioError, match=text):
        simulate(Scenario(Homogeneous(4, 4), jobs((0, 1, 1)), **given))


def test_a_plan_that_its_supply_can_just_meet_is_taken():
    policy = Lending(plan=((0, 4), (7, 1)))
    for supply in (Supply(min_nodes=1), Supply(min_nodes=1, max_nodes=4)):
        made = Scenario(Homogeneous(4, 4), jobs((0, 1, 1)), node_scaler=policy, supply=supply)
        assert simulate(made).jobs.column("state").to_pylist() == ["completed"]


@pytest.mark.parametrize("plan", [((0, 2), (1, 1), (1, 0), (2, 2)), ((2, 2.9), (0, 2.5), (1, 1.5))])
def test_an_hour_named_twice_has_the_most_and_a_part_of_a_node_is_none(plan):
    """Two here from 0 h, one from 1 h, two from 2 h: refused by no bound that lets these be."""
    made = simulate(Scenario(
        Homogeneous(2, 4), jobs((0, 8, 1000), (3 * 3600, 8, 10)),
        node_scaler=Lending(plan=plan, notice_s=120.0, period_s=86400.0),
        supply=Supply(come_s=60.0, min_nodes=1, max_nodes=2),
    ))  # fmt: skip
    held_only_while_there(made)
    off = [(r["begin_s"], r["end_s"]) for r in spans(made) if r["state"] == "lent"]
    assert off == [(3480.0, 7200.0)]


def test_a_date_in_the_past_is_refused():
    with pytest.raises(ScenarioError, match="must be a finite time >= 0; the run begins at 0 s"):
        PurchasePlan(({"at_s": -1.0, "nodes": 1},))


def test_a_node_given_back_loses_no_request():
    """Its replica answers what it has, another starts elsewhere; nothing is stopped."""
    step = ((0.02, 1e-4, 1e-7), (0.02, 5e-5, 1e-9, 1e-4, 1e-7))
    one = LlmService(
        requests=DrawnRequests(4.0, 300.0, Poisson(), LogNormalTokens(300, 1.0, 60, 1.0, 4000)),
        replica=LlmReplica(4, None, *step, batch=16, chunk_tokens=256, kv_tokens=50_000),
        min_replicas=1, max_replicas=2, start_replicas=1,
    )  # fmt: skip
    made = simulate(Scenario(
        Homogeneous(3, 4), NoJobs(), services=one, node_scaler=Steps(((0, (0,)),)),
        supply=Supply(notice_s=300.0),
    ))  # fmt: skip
    held_only_while_there(made)
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    assert sum(made.requests.column("preemptions").to_pylist()) == 0
    first, second = made.replicas.to_pylist()
    assert (first["why"], first["told_s"], second["asked_s"]) == ("drained", 100.0, 100.0)
    assert [r["end_s"] for r in spans(made) if r["state"] == "leaving"] == [first["end_s"]]


def test_where_there_are_no_jobs_replicas_alone_are_stopped():
    """One answer of 60,000 steps; its node is given back, the notice is over before."""
    ask = GivenRequests({"arrival_s": [0.0], "prompt_tokens": [9], "output_tokens": [60_000]})
    one = LlmService(requests=ask, replica=LlmReplica(4), max_replicas=1, start_replicas=1)
    made = simulate(Scenario(
        Homogeneous(2, 4), NoJobs(), services=one, node_scaler=Steps(((0, (0,)),)),
        supply=Supply(notice_s=5.0), horizon_s=500.0,
    ))  # fmt: skip
    held_only_while_there(made)
    assert [r["job_id"] for r in made.stopped.to_pylist()] == ["llm/0"]
    found = made.metrics["fleet"]["stopped"]["given back"]
    assert found.pop("replicas") == 1
    assert set(found.values()) == {0}


def test_a_node_that_comes_within_the_notice_of_its_retirement_is_retired_too():
    plan = PurchasePlan(({"at_s": 300.0, "nodes": -1, "notice_s": 250.0},))
    made = simulate(Scenario(
        Homogeneous(1, 4), jobs((0, 4, 400)), growth=plan, node_scaler=Steps(((1, ()),), 40.0),
        supply=Supply(start_nodes=0, come_s=100.0), horizon_s=1000.0,
    ))  # fmt: skip
    held_only_while_there(made)
    # asked for at 40, told at 50 that it goes at 300, there at 140
    assert [(r["state"], r["begin_s"]) for r in spans(made)] == [
        ("off", 0.0), ("coming", 40.0), ("on", 140.0), ("absent", 300.0),
    ]  # fmt: skip


def test_pools_have_their_own_terms():
    pools = Pools(({"name": "own", "nodes": 1, "gpus_per_node": 4},
                   {"name": "cloud", "nodes": 2, "gpus_per_node": 4}))  # fmt: skip
    supply = Supply(pools={"cloud": {"start_nodes": 0, "node_h_usd": 36.0}})
    made = simulate(Scenario(pools, jobs((0, 4, 100), (0, 4, 100)), supply=supply))
    held_only_while_there(made)
    assert made.jobs.column("start_s").to_pylist() == [0.0, 100.0]
    assert made.metrics["fleet"]["cost_usd"] == 0.0
