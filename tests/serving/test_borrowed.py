"""What services take from running jobs and give back: by hand, and row by row of the ledger."""

import math

import numpy as np
import pyarrow as pa
import pytest

from sim.policies.preemption import Tail
from sim.report import evicted
from sim.report.html import page
from sim.results import Result
from sim.results.metrics.borrowed import borrowed
from sim.results.metrics.evictions import evictions
from tests.serving.test_services import Plan, asked, rows, run, service

HOUR_S = 3600.0


def test_a_replica_has_no_more_than_was_given_up_and_jobs_among_themselves_do_not_count():
    """Node n: a and b give way at 10 s, 1 GPU each, to a replica of 4; on m b takes from a."""
    rows_of = [
        ("a", "n", 1, 0.0, 10.0, "preempted"), ("b", "n", 1, 0.0, 10.0, "preempted"),
        ("s/0", "n", 4, 10.0, 110.0, "done"), ("s/1", "k", 4, 10.0, 50.0, "done"),
        ("a", "m", 1, 20.0, 60.0, "preempted"), ("b", "m", 1, 60.0, 80.0, "done"),
        ("a", "n", 1, 110.0, 140.0, "done"), (None, "k", 4, 60.0, 70.0, "repaired"),
    ]  # fmt: skip
    names = ("job_id", "node", "gpus", "start_s", "end_s", "why")
    jobs = {"job_id": ["a", "b"], "gpus": [1, 1], "end_s": [140.0, 80.0], "work_s": [30.0, 20.0],
            "lost_s": [50.0, 10.0], "gpu_s": [80.0, 30.0], "tenant": ["x", "y"]}  # fmt: skip
    made = Result(
        pa.table(jobs),
        pa.table(dict(zip(names, map(list, zip(*rows_of, strict=True)), strict=True))),
        pa.table({}), pa.table({}),
        manifest={"services": [{"name": "s", "pools": [{"name": "s", "gpus": 4}]}], "end_s": 140.0},
    )  # fmt: skip
    found = borrowed(made)["borrowed"]
    assert (found["evictions"], found["jobs"]) == (2, 2)
    assert found["borrowed_gpu_hours"] == pytest.approx(2 * 100.0 / HOUR_S)
    assert found["cut_gpu_hours"] == pytest.approx((10.0 + 10.0) / HOUR_S)
    # of a's 50 GPU-s lost 10 of 50 lie in the run that s cut, all 10 of b's
    assert found["lost_gpu_hours"] == pytest.approx((50.0 * 10.0 / 50.0 + 10.0) / HOUR_S)
    assert found["waited_hours"] == pytest.approx((10.0 + 50.0) / HOUR_S)
    assert evictions(made)["by_tenant"] == {"s": {"x": 1, "y": 1}, "y": {"x": 1}}
    assert evictions(made)["count"] == {"preempted": 3}


@pytest.mark.rare
@pytest.mark.parametrize(("checkpoint_s", "lost_s"), [(0.0, 0.0), (4.0, 2.0), (math.inf, 10.0)])
def test_what_a_replica_takes_it_gives_back_and_the_job_pays_its_checkpoint(checkpoint_s, lost_s):
    """Two nodes of two GPUs: at 10 s a second replica takes the job's, at 60 s it is told to go."""
    jobs = {"submit_s": [0.0], "gpus": [2], "work_s": [50.0], "job_id": ["a"], "tenant": ["lab"]}
    made = run(service(), Plan(((0.0, 1), (10.0, 2), (60.0, 1))), nodes=2, jobs=jobs,
               preemption=Tail(checkpoint_s=checkpoint_s))  # fmt: skip
    second = rows(made)[1]
    assert (second["start_s"], second["told_s"]) == (10.0, 60.0)
    back_s = second["end_s"]
    assert made.jobs.column("end_s").to_pylist() == pytest.approx([back_s + 40.0 + lost_s])
    found = made.metrics["borrowed"]
    assert (found["evictions"], found["jobs"]) == (1, 1)
    assert found["borrowed_gpu_hours"] == pytest.approx(2 * (back_s - 10.0) / HOUR_S)
    assert found["returned_gpu_hours"] == found["borrowed_gpu_hours"]
    assert found["cut_gpu_hours"] == pytest.approx(2 * 10.0 / HOUR_S)
    assert found["lost_gpu_hours"] == pytest.approx(2 * lost_s / HOUR_S)
    assert found["waited_hours"] == pytest.approx((back_s - 10.0) / HOUR_S)
    assert found["waited_gpu_hours"] == pytest.approx(2 * (back_s - 10.0) / HOUR_S)
    assert made.metrics["evictions"]["by_tenant"] == {"llm": {"lab": 1}}
    assert evicted.matrix(made.metrics) == (["lab"], [("llm", [1])])
    told = evicted.borrowed(made.metrics)
    assert told.startswith("Services took nodes from running jobs 1 time: ")
    assert "Services took nodes from running jobs" in page(made)


@pytest.mark.rare
def test_where_jobs_take_from_jobs_too_each_row_is_told_from_the_others():
    draw, n = np.random.default_rng(5), 60
    jobs = {
        "submit_s": np.sort(draw.uniform(0, 250, n)),
        "gpus": draw.choice([1, 2, 4], n),
        "work_s": draw.uniform(5, 60, n),
        "tenant": draw.choice(["ann", "bob"], n).tolist(),
    }
    steps = ((0.0, 1), (20.0, 4), (60.0, 1), (90.0, 3), (120.0, 1), (150.0, 4))
    made = run(service(requests=asked(6.0, 250.0)), Plan(steps), nodes=5, jobs=jobs,
               preemption=Tail(checkpoint_s=math.inf))  # fmt: skip
    ids = set(made.jobs.column("job_id").to_pylist())
    ledger = [r for r in made.ledger.to_pylist() if r["job_id"] is not None]
    taken, gpu_s, waited_s, cut_s = set(), 0.0, 0.0, 0.0
    places = {}
    for r in ledger:
        if r["job_id"] in ids and r["why"] == "preempted":
            places.setdefault((r["node"], r["end_s"]), []).append(r)
    for r in ledger:
        gone = places.get((r["node"], r["start_s"]), [])
        if r["job_id"] not in ids and gone:  # a replica began where jobs gave way
            taken |= {(g["job_id"], g["end_s"]) for g in gone}
            part = min(sum(g["gpus"] for g in gone), r["gpus"])
            gpu_s += part * (r["end_s"] - r["start_s"])
    for job, at_s in taken:
        starts = [r["start_s"] for r in ledger if r["job_id"] == job and r["start_s"] >= at_s]
        waited_s += min(starts) - at_s
        cut_s += sum(r["gpus"] * (at_s - r["start_s"]) for r in ledger
                     if (r["job_id"], r["end_s"]) == (job, at_s))  # fmt: skip
    found = made.metrics["borrowed"]
    assert found["evictions"] == len(taken) > 1
    assert found["borrowed_gpu_hours"] == pytest.approx(gpu_s / HOUR_S)
    assert found["waited_hours"] == pytest.approx(waited_s / HOUR_S)
    assert found["cut_gpu_hours"] == pytest.approx(cut_s / HOUR_S)
    # all is lost of each run that is cut, by whomever: what services cut and what jobs cut
    assert found["lost_gpu_hours"] <= made.metrics["lost_gpu_s"] / HOUR_S * (1 + 1e-12)
    mine = sum(made.metrics["evictions"]["by_tenant"].get("llm", {}).values())
    assert mine == len(taken)
