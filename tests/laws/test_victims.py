"""Who gives way first, and what becomes of them: by hand, and as laws of random workloads."""

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.policies.backfill import NoBackfill, Skip
from sim.policies.limits import Walltime
from sim.policies.placement import FirstFit, Pack
from sim.policies.preemption import Tail
from sim.policies.queue import Priority
from tests.conftest import run


def rows(result):
    return [(r["job_id"], r["start_s"], r["end_s"], r["why"]) for r in result.ledger.to_pylist()]


def evicted(result):
    return {
        r["job_id"] for r in result.ledger.to_pylist() if r["why"] in ("preempted", "suspended")
    }


# three run: 0 is old, 1 small and of middle age, 2 young and large; at 50 s one comes for 2 GPUs
THREE = {
    "submit_s": [0.0, 20.0, 30.0, 50.0],
    "gpus": [3, 2, 3, 2],
    "work_s": [100.0, 100.0, 100.0, 5.0],
    "priority": [1.0, 2.0, 3.0, 9.0],
}


@pytest.mark.parametrize(
    ("victims", "who"),
    [
        ("tail", "0"),  # priority orders the queue: the least of it is last
        ("lowest", "0"),
        ("slurm", "0"),
        ("youngest", "2"),  # started at 30
        ("smallest", "1"),
        ("least_lost", "1"),  # 2 x 30 GPU-s; 0 would lose 150, 2 would lose 60 as well: see below
    ],
)
def test_who_goes_first(victims, who):
    made = dict(THREE)
    if victims == "least_lost":
        made["submit_s"] = [0.0, 20.0, 29.0, 50.0]  # 2 would lose 3 x 21 = 63, 1 loses 2 x 30 = 60
    # those who are cancelled do not come back to evict others in their turn
    gives = Tail(victims=victims, checkpoint_s=np.inf, mode="cancel")
    assert evicted(run(made, queue=Priority(), preemption=gives)) == {who}


def test_the_recheck_spares_whom_it_did_not_need():
    """2 GPUs, smallest first, are too few for a taker of 6; then come 6: those alone will do."""
    made = {"submit_s": [0.0, 1.0, 5.0], "gpus": [2, 6, 6], "work_s": [50.0] * 3,
            "priority": [0.0, 0.0, 1.0]}  # fmt: skip
    plain = run(made, 1, queue=Priority(), preemption=Tail(victims="smallest"))
    again = run(made, 1, queue=Priority(), preemption=Tail(victims="smallest", recheck=1))
    assert evicted(plain) == {"0", "1"}
    assert evicted(again) == {"1"}


def test_cancelled():
    made = {"submit_s": [0.0, 5.0], "gpus": [8, 8], "work_s": [50.0, 10.0], "priority": [0.0, 1.0]}
    result = run(made, queue=Priority(), preemption=Tail(mode="cancel"))
    assert rows(result) == [("0", 0.0, 5.0, "preempted"), ("1", 5.0, 15.0, "done")]
    assert result.jobs.column("state").to_pylist() == ["preempted", "completed"]
    assert result.jobs.column("lost_s").to_pylist() == [5.0, 0.0]


def test_suspended():
    """It goes on when the taker is gone, before one who waits behind it; nothing is lost."""
    made = {"submit_s": [0.0, 5.0, 6.0], "gpus": [8, 8, 8], "work_s": [50.0, 10.0, 1.0],
            "priority": [1.0, 2.0, 0.0]}  # fmt: skip
    result = run(made, queue=Priority(), preemption=Tail(mode="suspend"))
    assert rows(result) == [
        ("0", 0.0, 5.0, "suspended"), ("1", 5.0, 15.0, "done"), ("0", 15.0, 60.0, "done"),
        ("2", 60.0, 61.0, "done"),
    ]  # fmt: skip
    assert result.jobs.column("lost_s").to_pylist() == [0.0] * 3
    assert result.jobs.column("restarts").to_pylist() == [0] * 3
    assert result.jobs.column("waiting_s").to_pylist() == [10.0, 0.0, 54.0]


def test_no_time_passes_for_the_limit_of_one_that_is_suspended():
    made = {"submit_s": [0.0, 5.0], "gpus": [8, 8], "work_s": [50.0, 10.0], "priority": [0.0, 1.0],
            "walltime_s": [30.0, 10.0]}  # fmt: skip
    result = run(made, queue=Priority(), preemption=Tail(mode="suspend"), limits=Walltime(True))
    assert rows(result)[-1] == ("0", 15.0, 40.0, "done")
    assert result.jobs.column("state").to_pylist()[0] == "timeout"


def test_its_nodes_stay_its_own():
    """0 sleeps on node 0, whose other half is free: 2, behind it, may not have that."""
    made = {"submit_s": [0.0, 5.0, 6.0], "gpus": [8, 4, 4], "work_s": [50.0, 10.0, 30.0],
            "priority": [1.0, 2.0, 0.0]}  # fmt: skip
    for rule in (NoBackfill(), Skip()):
        result = run(made, backfill=rule, queue=Priority(), preemption=Tail(mode="suspend"))
        begin = dict(zip(*(result.jobs.column(c).to_pylist() for c in ("job_id", "start_s")),
                         strict=True))  # fmt: skip
        assert begin == {"0": 0.0, "1": 5.0, "2": 60.0}


@pytest.mark.parametrize("mode", ["requeue", "suspend", "cancel"])
@pytest.mark.parametrize("victims", ["tail", "youngest", "least_lost", "smallest", "slurm"])
def test_work_is_conserved(mode, victims):
    """GPU time held = work done and lost; no GPU is held twice; who sleeps wakes on its nodes."""
    many = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        n = 50
        made = {
            "submit_s": np.sort(rng.uniform(0, 300, n)).tolist(),
            "gpus": rng.integers(1, 13, n).tolist(),
            "work_s": rng.integers(1, 60, n).astype(float).tolist(),
            "priority": rng.integers(0, 4, n).astype(float).tolist(),
        }
        gives = Tail(mode=mode, victims=victims, checkpoint_s=16.0, recheck=seed % 2)
        result = run(made, 4, queue=Priority(), backfill=Skip(), preemption=gives,
                     placement=Pack() if seed % 2 else FirstFit())  # fmt: skip
        jobs, led = result.jobs.to_pydict(), result.ledger.to_pylist()
        for gpus, held, work, lost, state in zip(
            *(jobs[c] for c in ("gpus", "gpu_s", "work_s", "lost_s", "state")), strict=True
        ):
            done = lost if state == "preempted" else work + lost
            assert held == pytest.approx(gpus * done, abs=1e-6)  # sums of rounded instants
        for held, gpus, jct, waited in zip(
            *(jobs[c] for c in ("gpu_s", "gpus", "jct_s", "waiting_s")), strict=True
        ):  # who does not run waits, suspended or not
            assert jct == pytest.approx(held / gpus + waited, abs=1e-6)
        for t in {r["start_s"] for r in led}:
            on = {}
            for r in led:
                if r["start_s"] <= t < r["end_s"]:
                    on[r["node"]] = on.get(r["node"], 0) + r["gpus"]
            assert max(on.values(), default=0) <= 8
        if mode == "suspend":
            assert max(jobs["lost_s"]) == 0.0
            for job in set(jobs["job_id"]):
                nodes = {}
                for r in led:
                    if r["job_id"] == job:
                        nodes.setdefault(r["start_s"], set()).add((r["node"], r["gpus"]))
                assert len({frozenset(x) for x in nodes.values()}) == 1
        many += len(evicted(result))
    assert many > 10


def test_who_evicted_whom():
    """b takes a's node at 1 s, c takes b's at 2 s; neither taker had given way before."""
    made = {"submit_s": [0.0, 1.0, 2.0], "gpus": [8, 8, 8], "work_s": [50.0, 50.0, 10.0],
            "priority": [0.0, 1.0, 2.0], "tenant": ["a", "b", "c"]}  # fmt: skip
    found = run(made, queue=Priority(), preemption=Tail()).metrics["evictions"]
    assert found == {
        "count": {"preempted": 2}, "gpu_s": {"preempted": 16.0},
        "by_tenant": {"b": {"a": 1}, "c": {"b": 1}}, "longest_chain": 1,
    }  # fmt: skip
    quiet = run(made, queue=Priority()).metrics["evictions"]
    assert quiet == {"count": {}, "gpu_s": {}, "by_tenant": {}, "longest_chain": 0}


def test_a_chain():
    """c takes b's node; b, back in the queue in the same pass, takes a's: a chain of two."""
    made = {"submit_s": [0.0, 1.0, 5.0], "gpus": [8, 8, 8], "work_s": [50.0, 50.0, 10.0],
            "priority": [0.0, 1.0, 2.0], "tenant": ["a", "b", "c"]}  # fmt: skip
    gives = Tail(victims="youngest")
    found = run(made, 2, queue=Priority(), preemption=gives).metrics["evictions"]
    assert found["by_tenant"] == {"b": {"a": 1}, "c": {"b": 1}}
    assert found["longest_chain"] == 2


@pytest.mark.parametrize(
    ("choice", "told"), [({"recheck": -1}, "recheck"), ({"min_run_s": -1.0}, "min_run_s")]
)
def test_bad_knobs(choice, told):
    made = {"submit_s": [0.0], "gpus": [1], "work_s": [1.0]}
    with pytest.raises(ScenarioError, match=told):
        run(made, preemption=Tail(**choice))
