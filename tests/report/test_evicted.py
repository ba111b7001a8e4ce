"""Who gave way, on the page: counted from the ledger and the jobs."""

import collections

import numpy as np

from sim.engine.failures import Failures
from sim.policies.placement import Pack
from sim.policies.preemption import Tail
from sim.policies.queue import Priority
from sim.report import evicted
from sim.report.html import page
from tests.conftest import run


def crowded(**choices):
    draw = np.random.default_rng(3)
    n = 120
    made = {
        "submit_s": np.sort(draw.uniform(0, 4000, n)),
        "gpus": draw.choice([1, 2, 8, 16], n),
        "work_s": draw.uniform(50, 400, n),
        "priority": draw.choice([0.0, 9.0], n, p=[0.7, 0.3]),
        "tenant": draw.choice(["<ann>", "bob", "eve"], n).tolist(),
    }
    return run(made, nodes=3, queue=Priority(), placement=Pack(), **choices)


def test_who_gave_way_is_counted_as_in_the_ledger():
    found = crowded(preemption=Tail(checkpoint_s=60.0), processes=(Failures(9000.0, 60.0),))
    jobs = {row["job_id"]: row for row in found.jobs.to_pylist()}
    cut = {(r["job_id"], r["end_s"], r["why"]) for r in found.ledger.to_pylist()
           if r["why"] in ("preempted", "node_fail")}  # fmt: skip
    many = collections.Counter(why for _, _, why in cut)
    assert min(many.values()) > 0
    told = evicted.told(found.metrics)
    assert f"{many['preempted']:,} times a job was evicted for another" in told
    assert f"{many['node_fail']:,} time" in told
    for what, of in (("by_size", None), ("by_tenant", "tenant")):
        lines = {line["name"]: line for line in evicted.lines(found.metrics[what])}
        assert sum(line["restarts"] for line in lines.values()) == len(cut)
        for name, line in lines.items():
            own = [row for row in jobs.values() if of is None or row[of] == name]
            if of:
                assert line["restarts"] == sum(row["restarts"] for row in own)
                assert line["each"] == line["restarts"] / len(own)
    others, lines = evicted.matrix(found.metrics)
    lost = collections.Counter(jobs[job]["tenant"] for job, _, why in cut if why == "preempted")
    for i, name in enumerate(others):  # several may take from one at one instant
        assert sum(times[i] for _, times in lines) >= lost[name]
    assert set(others) == set(lost)
    text = page(found)
    assert "Who gave way" in text
    assert "from &lt;ann&gt;" in text
    assert "from <ann>" not in text


def test_a_run_in_which_nobody_gave_way_says_nothing_of_it():
    found = crowded()
    assert evicted.told(found.metrics) == ""
    assert evicted.matrix(found.metrics) == ([], [])
    assert "Who gave way" not in page(found)


def test_one_tenant_is_not_held_against_itself():
    made = {"submit_s": [0.0, 1.0], "gpus": [8, 8], "work_s": [9.0, 5.0], "priority": [0.0, 1.0]}
    found = run(made, queue=Priority(), preemption=Tail())
    assert found.metrics["evictions"]["count"] == {"preempted": 1}
    assert evicted.matrix(found.metrics) == ([], [])
    assert evicted.told(found.metrics).startswith("1 time a job was evicted for another. ")
    assert "Who gave way" in page(found)
