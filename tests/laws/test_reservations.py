"""Nodes set aside: nobody else's job lies in the window, and plans go round it."""

import csv
from datetime import datetime

import numpy as np
import pytest

from sim.engine import Reservations
from sim.errors import ScenarioError
from sim.policies.backfill import Conservative, Easy, NoBackfill, Skip, Slurm
from sim.policies.placement import Consecutive, Pack, Spread
from sim.policies.preemption import Rebuild, Tail
from sim.policies.queue import Priority
from tests.conftest import ROOT, run, starts

RULES = {
    "none": NoBackfill(),
    "skip": Skip(),
    "easy": Easy(),
    "conservative": Conservative(),
    "slurm": Slurm(interval_s=1.0, resolution_s=1.0),
}


def aside(nodes=2, start_s=180.0, duration_s=120.0, **more):
    entry = {"nodes": nodes, "start_s": start_s, "duration_s": duration_s} | more
    return (Reservations([entry]),)


@pytest.mark.parametrize("rule", RULES)
def test_a_wide_job_starts_when_the_window_ends(rule):
    """4 nodes for 5 min, 2 of them in maintenance from 3 min to 5 min: it starts at 5 min."""
    made = {"submit_s": [0.0], "gpus": [32], "nodes": [4], "work_s": [20.0], "walltime_s": [300.0]}
    assert starts(run(made, 4, backfill=RULES[rule], processes=aside())) == [300.0]


@pytest.mark.parametrize("rule", RULES)
def test_who_is_done_by_then_starts_there(rule):
    made = {"submit_s": [0.0, 0.0, 0.0], "gpus": [16, 16, 16], "work_s": [20.0] * 3,
            "walltime_s": [180.0, 181.0, 300.0]}  # fmt: skip
    found = starts(run(made, 4, backfill=RULES[rule], processes=aside()))
    assert found[:2] == [0.0, 0.0]
    assert found[2] == (300.0 if rule == "never" else 20.0)


def test_a_tenant_may_run_inside():
    made = {"submit_s": [0.0, 0.0], "gpus": [8, 8], "work_s": [50.0] * 2, "tenant": ["b", "a"]}
    result = run(made, 1, backfill=Skip(), processes=aside(1, 10.0, 100.0, tenants=["a"]))
    assert starts(result) == [110.0, 0.0]


def test_it_comes_again_and_evicts():
    made = {"submit_s": [0.0, 90.0], "gpus": [8, 8], "work_s": [80.0, 60.0],
            "walltime_s": [5.0, 60.0]}  # fmt: skip
    window = aside(1, 10.0, 10.0, announced_s=8.0, every_s=100.0, evicts=True)
    result = run(made, 1, processes=window)
    rows = [(r["job_id"], r["start_s"], r["end_s"], r["why"]) for r in result.ledger.to_pylist()]
    assert rows == [
        ("0", 0.0, 10.0, "preempted"),  # it had said 5 s, and starts anew
        ("0", 20.0, 100.0, "done"),
        ("1", 100.0, 110.0, "preempted"),  # the next window was not announced yet
        ("1", 120.0, 180.0, "done"),
    ]


@pytest.mark.parametrize("place", [Consecutive(), Pack(), Spread()])
@pytest.mark.parametrize("rule", RULES)
def test_nobody_lies_in_a_window(rule, place):
    """Random jobs that keep their walltime: no ledger row of theirs meets a window they must shun.

    Which nodes are set aside is told by the process that was watched here.
    """
    for seed in range(4):
        rng = np.random.default_rng(seed)
        n, told = 60, []
        made = {
            "submit_s": np.sort(rng.uniform(0, 300, n)).tolist(),
            "gpus": rng.integers(1, 17, n).tolist(),
            "work_s": rng.integers(1, 50, n).astype(float).tolist(),
            "tenant": [["a", "b"][k] for k in rng.integers(0, 2, n)],
            "priority": rng.integers(0, 3, n).astype(float).tolist(),
        }
        made["walltime_s"] = [w * 1.5 for w in made["work_s"]]
        entries = [
            {"nodes": 2, "start_s": 100.0, "duration_s": 60.0, "announced_s": 20.0},
            {"nodes": 3, "start_s": 120.0, "duration_s": 90.0, "tenants": ["a"]},
        ]
        heard = Heard(entries, told)
        gives = [{}, {"preemption": Tail()}, {"preemption": Rebuild()}, {}][seed]
        gives = {} if rule == "slurm" else gives
        result = run(made, 6, backfill=RULES[rule], placement=place, processes=(heard,),
                     queue=Priority(), **gives)  # fmt: skip
        tenant = dict(zip(*(result.jobs.column(c).to_pylist() for c in ("job_id", "tenant")),
                          strict=True))  # fmt: skip
        assert len(told) == 2
        for nodes, (begin, end), tenants, since in told:
            assert len(nodes) in (2, 3)
            for r in result.ledger.to_pylist():
                inside = (
                    int(r["node"].split("-")[1]) in nodes and tenant[r["job_id"]] not in tenants
                )
                if inside and r["start_s"] >= since:
                    assert r["end_s"] <= begin or r["start_s"] >= end


class Heard(Reservations.__mro__[1]):
    """Reservations that note which nodes they got."""

    def __init__(self, entries, told):
        self.inner, self.told = Reservations(entries), told

    @property
    def windows(self):
        return self.inner.windows

    def begin(self, clock, cluster, streams):
        plain = cluster.set_aside

        def set_aside(row, nodes, span_s, tenants):
            found = plain(row, nodes, span_s, tenants)
            self.told.append((set(found.tolist()), span_s, tenants, clock.now))
            return found

        cluster.set_aside = set_aside
        self.inner.begin(clock, cluster, streams)


def test_easy_never_delays_the_head():
    """The blocked head starts no later with those behind it than without them."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        n = 14
        gpus = [16, 16, 32, *rng.integers(1, 17, n).tolist()]
        work = [30.0, 60.0, 40.0, *rng.integers(5, 200, n).astype(float).tolist()]
        made = {"submit_s": [0.0, 0.0, 1.0, *[2.0] * n], "gpus": gpus, "work_s": work}
        window = aside(2, 80.0, 50.0)
        alone = {name: values[:3] for name, values in made.items()}
        head = starts(run(alone, 4, backfill=Easy(), processes=window))[2]
        assert starts(run(made, 4, backfill=Easy(), processes=window))[2] == head


def test_recorded_maintenance():
    """Slurm 22.05: a 2-node window of 2 min, 3 min ahead; the main loop passes over who it keeps out.

    The requeued jobs came to the main loop only at its scan each minute: they are given as eligible
    at their recorded starts. Job 22 asks for all 4 nodes; 5 and 20 overtake it, though lower.
    """
    with (ROOT / "conf" / "traces" / "slurm_sacct.txt").open() as file:
        rows = [
            r for r in csv.DictReader(file, delimiter="|") if r["JobID"] in ["5", "20", "22", "23"]
        ]
    rows = [r for r in rows if r["State"] == "COMPLETED"]
    zero = datetime.fromisoformat("2026-11-23T07:36:02")

    def at(text):
        return (datetime.fromisoformat(text) - zero).total_seconds()

    begin = {r["JobID"]: at(r["Start"]) for r in rows}
    came = {r["JobID"]: begin[r["JobID"]] if r["JobID"] in ("5", "20") else at(r["Submit"])
            for r in rows}  # fmt: skip
    rows.sort(key=lambda r: (came[r["JobID"]], -int(r["JobID"])))
    gpus = {"5": 8, "20": 2, "22": 32, "23": 16}
    made = {
        "submit_s": [came[r["JobID"]] for r in rows],
        "gpus": [gpus[r["JobID"]] for r in rows],
        "nodes": [int(r["NNodes"]) for r in rows],
        "work_s": [at(r["End"]) - at(r["Start"]) for r in rows],
        "walltime_s": [60.0 * float(r["TimelimitRaw"]) for r in rows],
        "priority": [{"22": 3.0, "23": 2.0}.get(r["JobID"], 1.0) for r in rows],
    }
    result = run(made, 4, backfill=Slurm(interval_s=2.0, resolution_s=1.0), queue=Priority(),
                 placement=Consecutive(), processes=aside(2, 180.0, 120.0))  # fmt: skip
    for ours, r in zip(starts(result), rows, strict=True):
        assert abs(ours - begin[r["JobID"]]) <= 2.0, (r["JobID"], ours, begin[r["JobID"]])


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"nodes": 0}, "nodes"),
        ({"start_s": -1.0}, "start_s"),
        ({"duration_s": 0.0}, "duration_s"),
        ({"announced_s": 500.0}, "start_s"),
        ({"every_s": 1.0}, "every_s"),
        ({"tenants": "a"}, "tenants"),
        ({"kills": True}, "kills: is not known"),
    ],
)
def test_bad_entries(entry, told):
    with pytest.raises(ScenarioError, match=rf"reservations.entries\[0\].*{told}"):
        aside(**entry)
