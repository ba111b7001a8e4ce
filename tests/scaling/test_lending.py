"""What lending gives and takes: by hand, by a slow plain version, and sums that must agree."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.engine import Reservations
from sim.policies.autoscaler import Scheduled
from sim.policies.node_scaler import AbstractNodeScaler, Lending
from sim.results import Result
from sim.state import Homogeneous, Supply
from sim.state.scaling import NOTHING, NodeWish
from sim.state.words import Going
from sim.workload import Checkpoints, Poisson, SameForAll
from sim.workload.requests import DrawnRequests, LogNormalTokens
from sim.workload.services import LlmReplica, LlmService
from tests.scaling.test_live_nodes import held_only_while_there, jobs, spans
from topologies.designs import LeafSpine

GPUS, HOUR_S = 4, 3600.0
PLAN = ((0, 3), (1, 1), (2, 3))


def lend(*rows, nodes=3, plan=PLAN, supply=None, **knobs):
    """Run jobs on a cluster whose nodes are lent by a plan."""
    made = simulate(Scenario(
        Homogeneous(nodes, GPUS), jobs(*rows), node_scaler=Lending(plan=plan, **knobs),
        supply=supply or Supply(come_s=300.0), horizon_s=30 * HOUR_S,
    ))  # fmt: skip
    held_only_while_there(made)
    return made


def gpu_hours(*spans_s):
    return pytest.approx(GPUS * sum(spans_s) / HOUR_S)


def test_what_is_lent_returned_and_lost_is_the_arithmetic_of_the_plan():
    """Two of three nodes go for an hour, told 120 s before it, and take 300 s to come back.

    On the first a job of two hours is stopped at the hour and begins anew when both are back; the
    second ends its job a minute after it was told; the third stays.
    """
    made = lend((0, 4, 7200), (0, 4, 3540), (0, 4, 9000))
    assert made.jobs.column("end_s").to_pylist() == [7500.0 + 7200.0, 3540.0, 9000.0]
    found = made.metrics["fleet"]["lending"]
    end_s = 7500.0 + 7200.0
    assert found["nodes"] == 2
    assert found["lent_gpu_hours"] == gpu_hours(7200 - 3600, 7200 - 3540)
    assert found["returned_gpu_hours"] == found["lent_gpu_hours"]
    assert found["returning_gpu_hours"] == gpu_hours(300, 300)
    assert found["leaving_gpu_hours"] == gpu_hours(120, 60)
    assert found["here_gpu_hours"] == gpu_hours(3600 + end_s - 7500, 3540 + end_s - 7500)
    assert found["used_gpu_hours"] == gpu_hours(3600, 7200, 3540)
    assert found["handed_over"] == {"at_once": 0, "emptied": 1, "stopped": 1}
    assert (found["late"], found["late_gpu_hours"], found["returns"]) == (0, 0.0, 2)
    cost = made.metrics["fleet"]["stopped"]["lent"]
    assert (cost["evictions"], cost["jobs"], cost["replicas"]) == (1, 1, 0)
    assert cost["lost_gpu_hours"] == gpu_hours(3600)
    assert cost["waited_hours"] == pytest.approx((7500 - 3600) / HOUR_S)
    assert cost["waited_gpu_hours"] == gpu_hours(7500 - 3600)
    assert cost["lost_gpu_hours"] == pytest.approx(made.metrics["lost_gpu_s"] / HOUR_S)


@pytest.mark.parametrize("notice_s", [120.0, 90.0, 50.0, 0.0])
def test_a_notice_between_two_askings_makes_a_node_late_by_the_rest(notice_s):
    """Asked each minute: told at the first asking within the notice of the hour, gone after it."""
    late_s = 60.0 * math.ceil((HOUR_S - notice_s) / 60.0) + notice_s - HOUR_S
    made = lend((0, 12, 9000), nodes=3, plan=((0, 3), (1, 2)), notice_s=notice_s)
    gone = [r for r in spans(made) if r["state"] == "lent"]
    assert gone[0]["begin_s"] == HOUR_S + late_s
    told = [r["due_s"] for r in spans(made) if r["why"] == "lent"]
    assert told == [HOUR_S, 25 * HOUR_S]  # the plan is repeated
    found = made.metrics["fleet"]["lending"]
    assert found["late"] == 2 * (late_s > 0)
    assert found["late_gpu_hours"] == gpu_hours(late_s, late_s)
    first = made.stopped.to_pylist()[0]  # the whole gang, of each day
    assert (first["at_s"], first["lost_s"]) == (HOUR_S + late_s, HOUR_S + late_s)
    assert found["handed_over"] == {"at_once": 0, "emptied": 0, "stopped": 2}


def test_nodes_that_are_not_there_at_the_start_are_lent_not_off():
    made = lend((0, 4, 3 * HOUR_S), plan=((0, 1), (2, 3)), supply=Supply(start_nodes=1))
    found = made.metrics["fleet"]
    assert found["node_hours"]["off"] == 0.0
    assert found["lent_gpu_hours"] == found["away_gpu_hours"] == gpu_hours(7200, 7200)
    assert found["off_gpu_hours"] == 0.0
    assert found["lending"]["handed_over"] == {"at_once": 0, "emptied": 0, "stopped": 0}
    assert found["lending"]["returns"] == 2


def test_what_is_not_back_when_the_run_ends_is_not_returned():
    made = lend((0, 4, 5000), plan=((0, 3), (1, 1)))
    found = made.metrics["fleet"]["lending"]
    assert found["handed_over"] == {"at_once": 2, "emptied": 0, "stopped": 0}
    assert found["lent_gpu_hours"] == gpu_hours(5000 - 3480, 5000 - 3480)  # idle: gone when told
    assert (found["returned_gpu_hours"], found["returns"]) == (0.0, 0)


def test_a_node_that_is_refused_back_stays_with_the_others():
    supply = Supply(come_s=300.0, refused_frac=1.0, refused_after_s=20.0)
    made = lend((0, 4, 8000), plan=((0, 2), (1, 1), (2, 2)), nodes=2, supply=supply)
    after = [(r["state"], r["begin_s"]) for r in spans(made) if r["begin_s"] >= 7200.0]
    want = [(w, 60.0 * k + s) for k in range(120, 134) for w, s in (("coming", 0), ("lent", 20))]
    assert after == [row for row in want if row[1] < 8000.0]
    assert made.metrics["fleet"]["lending"]["handed_over"]["at_once"] == 1
    assert made.metrics["fleet"]["lending"]["returned_gpu_hours"] == 0.0


@dataclass(frozen=True)
class ByTurns(AbstractNodeScaler):
    """A user's own: lends the first node, gives back the second, then wants both again."""

    every_s: float = 100.0

    def wish(self, seen, notes):
        both, none = np.isin(seen.nodes.node, (0, 1)), np.zeros(len(seen.nodes.node), bool)
        remove, add = (both, 0) if seen.now_s == 100.0 else (none, 2 * (seen.now_s == 500.0))
        why = np.where(seen.nodes.node == 0, int(Going.LENT), int(Going.GIVEN_BACK))
        return NodeWish(np.array([add]), remove, NOTHING, why)


def test_any_policy_may_say_why_a_node_goes():
    made = simulate(Scenario(
        Homogeneous(3, GPUS), jobs((0, 4, 1000), (0, 4, 1000), (0, 4, 1000)),
        node_scaler=ByTurns(), supply=Supply(notice_s=50.0, come_s=0.0, lost_s=30.0),
        horizon_s=3000.0,
    ))  # fmt: skip
    held_only_while_there(made)
    assert "due_s" not in made.node_states.column_names
    away = [(r["state"], r["begin_s"], r["end_s"]) for r in spans(made)
            if r["state"] in ("lent", "off")]  # fmt: skip
    assert away == [("lent", 150.0, 500.0), ("off", 150.0, 500.0)]
    found = made.metrics["fleet"]
    assert found["lent_gpu_hours"] == found["off_gpu_hours"] == gpu_hours(350)
    assert sorted(found["stopped"]) == ["given back", "lent"]
    for cost in found["stopped"].values():  # at most 30 s of work is done again
        assert cost["evictions"] == 1
        assert cost["lost_gpu_hours"] == gpu_hours(30)
        assert cost["waited_gpu_hours"] == gpu_hours(350)


def slowly(made):
    """Return what lending gave and took, node by node and span by span, in plain words."""
    end_s = made.manifest["end_s"]
    found = dict.fromkeys(("lent", "returned", "here", "leaving", "returning", "late"), 0.0)
    ways = {"at_once": 0, "emptied": 0, "stopped": 0}
    stops = [] if made.stopped is None else made.stopped.to_pylist()
    for node in made.nodes.column("node").to_pylist():
        own = [r for r in spans(made) if r["node"] == node]
        if not any(r["state"] == "lent" for r in own):
            continue
        for i, r in enumerate(own):
            hours = GPUS * (r["end_s"] - r["begin_s"]) / HOUR_S
            if r["state"] == "lent":
                found["lent"] += hours
                if any(later["state"] == "on" for later in own[i:]):
                    found["returned"] += hours
                if i and own[i - 1]["state"] in ("on", "leaving"):
                    told = own[i - 1] if own[i - 1]["why"] == "lent" else own[i - 2]
                    late_s = max(r["begin_s"] - told["due_s"], 0.0)
                    found["late"] += GPUS * late_s / HOUR_S
                    forced = any((s["node"], s["at_s"]) == (node, r["begin_s"]) for s in stops)
                    idle = told["end_s"] == r["begin_s"]
                    ways["stopped" if forced else "at_once" if idle else "emptied"] += 1
            elif r["state"] in ("on", "leaving"):
                found["here"] += hours
                found["leaving"] += hours if r["state"] == "leaving" else 0.0
            elif r["state"] == "coming":
                found["returning"] += hours
    waited = lost = 0.0
    for s in stops:
        row = next(j for j in made.jobs.to_pylist() if j["job_id"] == s["job_id"])
        starts = [r["start_s"] for r in made.ledger.to_pylist() if r["job_id"] == s["job_id"]]
        waited += min((t for t in starts if t >= s["at_s"]), default=end_s) - s["at_s"]
        lost += row["gpus"] * s["lost_s"] / HOUR_S  # at rate 1
    return found, ways, waited / HOUR_S, lost


@pytest.mark.parametrize("seed", range(6))
def test_sums_are_those_of_a_plain_walk_over_the_tables(seed):
    draw = np.random.default_rng(seed)
    n = 5
    hours = np.sort(draw.choice(23, 5, replace=False) + draw.random(5))
    plan = tuple((float(h), float(k)) for h, k in zip(hours, draw.integers(0, n + 1, 5),
                                                      strict=True))  # fmt: skip
    rows = [(float(t), int(g), float(w)) for t, g, w in zip(
        np.sort(draw.uniform(0, 20 * HOUR_S, 40)), draw.integers(1, 9, 40),
        draw.exponential(2 * HOUR_S, 40), strict=True)]  # fmt: skip
    supply = Supply(come_s=200.0, refused_frac=0.3, lost_s=900.0,
                    start_nodes=None if seed % 2 else 2)  # fmt: skip
    made = lend(*rows, nodes=n, plan=plan, supply=supply, notice_s=float(draw.integers(0, 400)))
    want, ways, waited_h, lost_h = slowly(made)
    found = made.metrics["fleet"]["lending"]
    for name, value in want.items():
        assert found[f"{name}_gpu_hours"] == pytest.approx(value), name
    assert found["handed_over"] == ways
    stops = made.metrics["fleet"].get("stopped", {})
    assert set(stops) <= {"lent"}
    if stops:
        assert stops["lent"]["waited_hours"] == pytest.approx(waited_h)
        assert stops["lent"]["lost_gpu_hours"] == pytest.approx(lost_h, rel=0.05)
    parts = sum(found[f"{name}_gpu_hours"] for name in ("lent", "here", "returning"))
    assert parts == gpu_hours(found["nodes"] * made.manifest["end_s"])
    assert sum(found["handed_over"].values()) == made.metrics["fleet"]["went"] - sum(
        r["why"] not in ("lent", "cut") for r in spans(made) if r["state"] == "on"
    )


def test_the_tables_come_back_as_they_were_written(tmp_path):
    made = lend((0, 4, 7200), (0, 4, 3540), (0, 4, 9000))
    again = Result.read(made.write(tmp_path))
    assert again.stopped.equals(made.stopped)
    assert again.metrics["fleet"] == made.metrics["fleet"]


@pytest.mark.rare
@pytest.mark.parametrize("every_s", [10.0, 40.0, 1e6])
def test_who_writes_checkpoints_does_again_what_it_did_since_the_last(every_s):
    """0.1 s of writing a second of work: of 150 s until it is stopped 150 / 1.1 is done."""
    made = simulate(Scenario(
        Homogeneous(2, 8), jobs((0, 16, 300.0)), node_scaler=ByTurns(), horizon_s=3000.0,
        supply=Supply(notice_s=50.0, come_s=0.0), comm=SameForAll(0.0), fabric=LeafSpine(1, 1),
        storage=Checkpoints(5e9 * every_s, every_s, True, 800e9),
    ))  # fmt: skip
    done = 150.0 / 1.1
    assert made.stopped.column("lost_s").to_pylist() == pytest.approx([done % every_s])
    assert made.jobs.column("lost_s").to_pylist() == pytest.approx([done % every_s])


def test_a_service_in_the_same_run_gains_nodes_that_are_set_aside_for_it_by_the_clock():
    """conf/experiment/lending.yaml says so: it is a tenant by its name; who trained starts anew."""
    step = ((0.02, 1e-4, 1e-7), (0.02, 5e-5, 1e-9, 1e-4, 1e-7))
    one = LlmService(
        requests=DrawnRequests(1.0, 2000.0, Poisson(), LogNormalTokens(300, 1.0, 60, 1.0, 4000)),
        replica=LlmReplica(4, None, *step, batch=16, chunk_tokens=256, kv_tokens=50_000),
        min_replicas=1, max_replicas=2, start_replicas=1,
    )  # fmt: skip
    by_day = Scheduled(plan=((0.0, 1.0), (1000.0 / HOUR_S, 2.0)), period_s=7200.0, every_s=50.0)
    aside = Reservations(({"nodes": 1, "start_s": 1000.0, "announced_s": 1000.0,
                           "duration_s": 800.0, "tenants": ["llm"], "evicts": True},))  # fmt: skip
    began, trained = [], []
    for processes in ((), (aside,)):
        made = simulate(Scenario(
            Homogeneous(3, GPUS), jobs((0, 4, 1500), (0, 4, 1500)), services=one,
            autoscaler=by_day, processes=processes, horizon_s=5000.0,
        ))  # fmt: skip
        rows = [row for row in made.ledger.to_pylist() if row["job_id"] is not None]
        began.append(sorted(r["start_s"] for r in rows if r["job_id"].startswith("llm")))
        trained = sorted((r["start_s"], r["end_s"]) for r in rows if r["job_id"] in ("0", "1"))
    assert began[0] == [0.0, 1500.0]  # it waits for the end of a job
    assert 1000.0 <= began[1][1] <= 1050.0  # the asking at the hour, or the next
    assert trained == [(0.0, 1000.0), (0.0, 1500.0), (1500.0, 3000.0)]
