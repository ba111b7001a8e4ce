"""Shares of tenants who always want more: what dominant resource fairness promises."""

import numpy as np
import pytest

from sim.policies.backfill import NoBackfill, Skip
from sim.policies.queue import Drf, Edf, Fifo, Las, Multifactor, MultifactorClassic, Themis
from tests.conftest import cluster, run


def greedy(kinds, many):
    """Return jobs of tenants who ask for all theirs at 0: rows (tenant, gpus, cpus) each."""
    rows = [row for row in kinds for _ in range(many)]
    return {
        "submit_s": np.zeros(len(rows)),
        "gpus": np.array([r[1] for r in rows], np.int32),
        "cpus": np.array([r[2] for r in rows], float),
        "work_s": np.full(len(rows), 1000.0),
        "tenant": [r[0] for r in rows],
    }


def running(result, name):
    """Return how many jobs of a tenant run at once, and on what."""
    jobs = result.jobs.to_pylist()
    mine = [r for r in jobs if r["tenant"] == name and r["start_s"] == 0.0]
    return len(mine), sum(r["gpus"] for r in mine), sum(r["cpus"] for r in mine)


def test_the_example_of_the_paper():
    """9 cores, 18 GPUs; A wants 1 core and 4 GPUs a job, B 3 cores and 1 GPU (NSDI 2011, 4.1).

    A gets three jobs (12 of 18), B two (6 of 9): both have two thirds of what is dominant.
    """
    jobs = greedy([("a", 4, 1), ("b", 1, 3)], 6)
    result = run(jobs, inventory=cluster(1, 18, cpus=9), queue=Drf(refresh_s=0.0),
                 backfill=Skip(depth=None))  # fmt: skip
    assert running(result, "a") == (3, 12, 3)
    assert running(result, "b") == (2, 2, 6)


@pytest.mark.parametrize("many", [2, 3, 5])
def test_alike_tenants_get_alike_shares_whoever_came_first(many):
    kinds = [(f"t{i}", 1, 0) for i in range(many)]
    gpus = 4 * many
    jobs = greedy(kinds, 3 * gpus)
    fair = run(jobs, inventory=cluster(1, gpus), queue=Drf(refresh_s=0.0), backfill=NoBackfill())
    assert [running(fair, name)[0] for name, _, _ in kinds] == [4] * many
    first = run(jobs, inventory=cluster(1, gpus), queue=Fifo(), backfill=NoBackfill())
    assert running(first, "t0")[0] == gpus


def test_shares_stay_alike_as_jobs_end():
    """At every instant two tenants who always want more hold as many GPUs, give or take a job."""
    rng = np.random.default_rng(1)
    jobs = greedy([("a", 1, 0), ("b", 2, 0)], 150)
    jobs["work_s"] = rng.integers(50, 150, 300).astype(float)
    result = run(jobs, inventory=cluster(1, 16), queue=Drf(refresh_s=0.0), backfill=NoBackfill())
    rows, tenant = result.ledger.to_pylist(), dict(zip(
        result.jobs.column("job_id").to_pylist(), result.jobs.column("tenant").to_pylist(),
        strict=True))  # fmt: skip
    ends = {name: max(r["start_s"] for r in rows if tenant[r["job_id"]] == name) for name in "ab"}
    for at in sorted({r["start_s"] for r in rows}):
        if at < min(ends.values()):
            held = {name: sum(r["gpus"] for r in rows if tenant[r["job_id"]] == name
                              and r["start_s"] <= at < r["end_s"]) for name in "ab"}  # fmt: skip
            assert abs(held["a"] - held["b"]) <= 3


@pytest.mark.parametrize("policy", [Drf, Multifactor, MultifactorClassic, Themis])
def test_who_comes_between_two_refreshes_does_not_go_ahead_of_who_waits(policy):
    """One tenant, jobs alike: first come, first served, however seldom the policy is asked."""
    n = 600
    jobs = {
        "submit_s": np.sort(np.random.default_rng(1).uniform(0, 9000, n)),
        "gpus": np.ones(n, np.int32), "work_s": np.full(n, 80.0),
    }  # fmt: skip
    seldom = run(
        jobs, inventory=cluster(1, 4), queue=policy(refresh_s=700.0), backfill=NoBackfill()
    )
    fifo = run(jobs, inventory=cluster(1, 4), queue=Fifo(), backfill=NoBackfill())
    assert fifo.jobs.column("wait_s").to_numpy().max() > 2000.0
    assert seldom.jobs.column("start_s").equals(fifo.jobs.column("start_s"))


def test_a_queue_that_cannot_tell_jobs_apart_is_told():
    made = {"submit_s": [0.0, 1.0, 2.0], "gpus": [8, 8, 8], "work_s": [5.0, 5.0, 5.0]}
    urgent = made | {"deadline_s": [90.0, 90.0, 30.0]}
    for jobs, queue, told in ((made, Edf(), True), (urgent, Edf(), False), (made, Las(), True),
                              (made, Fifo(), False)):  # fmt: skip
        notes = run(jobs, queue=queue).manifest["notes"]
        assert any("the same key" in note for note in notes) == told


@pytest.mark.parametrize("queue", [Drf(refresh_s=1e6), Multifactor(refresh_s=1e6)])
def test_who_waited_for_another_job_is_asked_about_when_it_is_let_in(queue):
    """a holds half; its next one, let in at 10, goes behind b's, which came at 1."""
    made = {
        "submit_s": [0.0, 0.0, 1.0, 0.0],
        "gpus": [4, 4, 4, 4],
        "work_s": [10.0, 50.0, 5.0, 5.0],
        "tenant": ["a", "a", "b", "a"],
        "after": ["", "", "", "afterok:0"],
    }
    jobs = run(made, 1, queue=queue).jobs.to_pydict()
    begin = dict(zip(jobs["job_id"], jobs["start_s"], strict=True))
    assert begin["2"] < begin["3"]
