"""Laws of quotas: never exceeded, nothing idle that may be used, evicted work is done all the same."""

from itertools import pairwise

import numpy as np
import pytest

from sim.policies.backfill import Skip
from sim.policies.preemption import Reclaim
from sim.policies.queue import Priority
from sim.policies.quota import Kueue
from sim.report.html import page
from sim.report.quotas import lines
from tests.conftest import run
from tests.plain.quota import Book
from tests.plain.test_quota import drawn, work


def looked_at(seed, jobs=150):
    knobs, tree, fair, _ = drawn(seed)
    made = work(seed, jobs, len(knobs["queues"]))
    made["gpu_types"] = [""] * jobs
    made["cancel_s"] = [None] * jobs
    result = run(made, nodes=40, gpus=8, queue=Priority(), backfill=Skip(None),
                 quota=Kueue(**knobs), preemption=Reclaim(0.0, 10.0, 2.0)) if flat(knobs) else None  # fmt: skip
    return result, made, tree, fair


def flat(knobs):
    return all("flavors" not in q for q in knobs["queues"].values())


SEEDS = [seed for seed in range(60) if flat(drawn(seed)[0])]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_quota_is_exceeded_at_any_instant(seed):
    """At each start and end, by the ledger: no root holds more than it has, no queue more than its
    quota and what it may borrow."""
    result, made, tree, _ = looked_at(seed)
    rows = result.ledger.to_pylist()
    book = Book(tree)
    cells = sorted({cell for node in tree.values() for cell in node["nominal"]})
    for at_s in sorted({r["start_s"] for r in rows}):
        book.held = {
            int(r["job_id"]): (f"q{made['tenant'][int(r['job_id'])][1:]}", "", {
                0: 1000 * int(made["gpus"][int(r["job_id"])]),
                1: int(1000 * made["cpus"][int(r["job_id"])]),
            }, 0.0)
            for r in rows
            if r["start_s"] <= at_s < (r["end_s"] or np.inf)
        }  # fmt: skip
        for name in tree:
            for cell in cells:
                limit = book.quota(name, cell) + book.number(name, "borrow", cell, np.inf)
                if not tree[name]["parent"]:
                    limit = book.quota(name, cell)
                assert book.used(name, cell) <= limit, (at_s, name, cell)


@pytest.mark.parametrize("seed", SEEDS)
def test_evicted_work_is_conserved(seed):
    """GPU time held = work done + work lost, for every job that completed."""
    result, *_ = looked_at(seed)
    for r in result.jobs.to_pylist():
        if r["state"] == "completed":
            work_s = r["work_s"] + r["lost_s"]
            assert r["gpu_s"] == pytest.approx(r["gpus"] * work_s, rel=1e-12)  # sums of floats


def test_nothing_is_idle_where_borrowing_is_unlimited():
    """While any job of one GPU waits, all 16 GPUs of the tree are held."""
    rng = np.random.default_rng(5)
    n = 400
    made = {
        "submit_s": np.sort(rng.uniform(0, 1000, n)), "gpus": np.ones(n, np.int32),
        "work_s": rng.exponential(60.0, n), "tenant": [f"t{i}" for i in rng.integers(0, 4, n)],
    }  # fmt: skip
    queues = {f"q{i}": {"cohort": "all", "gpus": 2 * i, "tenants": [f"t{i}"]} for i in range(4)}
    quota = Kueue(queues=queues, cohorts={"all": {"gpus": 4}})
    result = run(made, nodes=2, gpus=8, quota=quota, backfill=Skip(None))
    begin, end = (np.array(result.ledger[c].to_pylist()) for c in ("start_s", "end_s"))
    waited = [(r["submit_s"], r["start_s"]) for r in result.jobs.to_pylist() if r["wait_s"] > 0.0]
    assert len(waited) > 100
    for at_s in np.unique(np.concatenate([begin, end])):
        if any(a <= at_s < b for a, b in waited):
            assert ((begin <= at_s) & (end > at_s)).sum() == 2 * 8


def test_what_each_queue_held_and_borrowed():
    """ann has 2 of the 8 GPUs and holds 6 from 0 to 10; bob's 6 take 4 back at 5."""
    made = {
        "submit_s": np.array([0.0, 0.0, 0.0, 5.0]), "gpus": np.array([2, 2, 2, 6], np.int32),
        "work_s": np.array([10.0, 10.0, 10.0, 10.0]), "tenant": ["ann", "ann", "ann", "bob"],
    }  # fmt: skip
    queues = {"a": {"cohort": "all", "gpus": 2, "tenants": ["ann"]},
              "b": {"cohort": "all", "gpus": 6, "tenants": ["bob"]}}  # fmt: skip
    quota = Kueue(queues=queues, cohorts={"all": {}}, reclaim_within_cohort="Any")
    result = run(made, gpus=8, quota=quota, backfill=Skip(None), preemption=Reclaim(0.0, 0.0, 0.0))
    found = result.metrics["by_queue"]
    assert found["a"]["evictions"] == 2
    assert found["b"]["evictions"] == 0
    # 6 from 0 to 5, 2 from 5 to 10 and, one evicted job after the other, from 10 to 15
    first = sum(r["gpus"] * (r["end_s"] - r["start_s"]) for r in result.ledger.to_pylist()
                if r["job_id"] in ("0", "1", "2"))  # fmt: skip
    assert first == 3 * 2 * 10
    assert found["a"]["held_gpu_s"] == first
    assert found["b"]["held_gpu_s"] == 6 * 10
    begun = 4 * 5  # 6 held of 2, until 5
    again = sum(2 * (min(r["end_s"], 99) - r["start_s"]) for r in result.ledger.to_pylist()
                if r["job_id"] in ("0", "1", "2") and r["start_s"] >= 10.0)  # fmt: skip
    assert found["a"]["borrowed_gpu_s"] == begun + again - 2 * sum_of_own(result)
    assert found["a"]["most_gpus"] == 6
    assert found["b"]["quota_gpus"] == 6
    assert found["b"]["lent_gpu_s"] == found["a"]["borrowed_gpu_s"]  # of whom else
    assert found["a"]["lent_gpu_s"] == 0.0
    assert lines(result.metrics)[1]["lent"] == f"{found['b']['lent_gpu_s'] / 3600:,.1f}"
    assert "had of its quota" in page(result)


@pytest.mark.parametrize("seed", SEEDS[:12])
def test_what_queues_lent_is_what_others_borrowed_of_it(seed):
    """Interval by interval of the ledger; no more is lent than borrowed, nor than lay idle."""
    result, made, tree, _ = looked_at(seed)
    found, end_s = result.metrics["by_queue"], result.manifest["end_s"]
    own = {name: node["nominal"].get(("", 0), 0) / 1000.0 for name, node in tree.items()}
    root = {}
    for name in tree:
        top = name
        while tree[top]["parent"]:
            top = tree[top]["parent"]
        root[name] = top
    rows = [r for r in result.ledger.to_pylist() if r["job_id"] is not None]
    of = [f"q{made['tenant'][int(r['job_id'])][1:]}" for r in rows]
    marks = sorted({0.0, end_s, *(r["start_s"] for r in rows), *(r["end_s"] for r in rows)})
    want = dict.fromkeys(found, 0.0)
    for a, b in pairwise(marks):
        held = dict.fromkeys(found, 0.0)
        for name, r in zip(of, rows, strict=True):
            held[name] += r["gpus"] if r["start_s"] <= a < r["end_s"] else 0
        for top in set(root.values()):
            under = [name for name in found if root[name] == top]
            beside = sum(gpus for n, gpus in own.items() if root[n] == top and n not in found)
            beyond = sum(max(held[n] - own[n], 0.0) for n in under)
            idle = sum(max(own[n] - held[n], 0.0) for n in under)
            for n in under:
                if idle > 0.0:
                    part = min(max(beyond - beside, 0.0) / idle, 1.0)
                    want[n] += (b - a) * part * max(own[n] - held[n], 0.0)
    for name, one in found.items():
        assert one["quota_gpus"] == own[name]
        assert one["lent_gpu_s"] == pytest.approx(want[name], rel=1e-9, abs=1e-6), name
    lost = sum(r["lost_gpu_s"] for r in found.values())
    assert lost == pytest.approx(result.metrics["lost_gpu_s"], rel=1e-9)


def sum_of_own(result):
    """Return for how long, from 10 on, ann held something at all."""
    rows = [r for r in result.ledger.to_pylist() if r["job_id"] in ("0", "1", "2")]
    marks = sorted({r["start_s"] for r in rows} | {r["end_s"] for r in rows})
    return sum(b - a for a, b in pairwise(marks)
               if a >= 10.0 and any(r["start_s"] <= a < r["end_s"] for r in rows))  # fmt: skip


def test_nobody_starves_within_its_quota():
    """Who stays within its quota starts at once where all that is lent is taken back."""
    n = 300
    rng = np.random.default_rng(9)
    small = rng.random(n) < 0.1
    made = {
        "submit_s": np.sort(rng.uniform(0, 3000, n)), "gpus": np.where(small, 1, 4).astype(np.int32),
        "work_s": np.where(small, 5.0, 200.0),
        "tenant": ["small" if x else "large" for x in small],
    }  # fmt: skip
    queues = {"small": {"cohort": "all", "gpus": 16, "tenants": ["small"]},
              "large": {"cohort": "all", "gpus": 16, "tenants": ["large"]}}  # fmt: skip
    quota = Kueue(queues=queues, cohorts={"all": {}}, reclaim_within_cohort="Any")
    result = run(made, nodes=4, gpus=8, quota=quota, backfill=Skip(None), preemption=Reclaim())
    waits = [r["wait_s"] for r in result.jobs.to_pylist() if r["tenant"] == "small"]
    assert max(waits) == 0.0
    assert sum(result.jobs["restarts"].to_pylist()) > 0


@pytest.mark.parametrize(("strategy", "starts_s"), [("StrictFIFO", 50.0), ("BestEffortFIFO", 2.0)])
def test_a_head_that_gives_up_blocks_nobody_any_more(strategy, starts_s):
    """Half the quota is held; the head asks for all of it until 50 s, the next for what is left."""
    made = {
        "submit_s": [0.0, 1.0, 2.0], "gpus": [2, 4, 2], "work_s": [1000.0, 10.0, 10.0],
        "tenant": ["a"] * 3, "cancel_s": [None, 50.0, None],
    }  # fmt: skip
    quota = Kueue({"q": {"gpus": 4, "tenants": ["a"]}}, queueing_strategy=strategy)
    result = run(made, nodes=2, gpus=2, backfill=Skip(None), quota=quota)
    assert result.jobs["start_s"].to_pylist() == [0.0, None, starts_s]
