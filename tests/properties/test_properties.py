"""What must hold in every run, whatever was chosen."""

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sim import Scenario, simulate
from sim.engine import Failures
from sim.policies.backfill import Easy, NoBackfill, Skip, Slurm
from sim.policies.placement import (
    BestFit,
    Consecutive,
    FewestNodes,
    FirstFit,
    Pack,
    Random,
    Spread,
)
from sim.policies.preemption import NoPreemption, Rebuild, Tail
from sim.policies.queue import (
    Edf,
    Fifo,
    Las,
    Ljf,
    Priority,
    Sjf,
    Smallest,
    Srtf,
    Tiresias,
    Unicef,
    Wfp3,
)
from sim.state import Inventory
from sim.workload import Given
from tests.conftest import columns, run
from tests.plain.test_same import MIXED, RULES, workload

QUEUES = [Fifo(), Sjf(), Ljf(), Smallest(), Priority(), Edf(), Wfp3(30.0), Unicef(0.0)]
PLACEMENTS = [Pack(), Spread(), FirstFit(), BestFit(), Random(), FewestNodes(), Consecutive()]
WHOLE_GANGS = [placement for placement in PLACEMENTS if not isinstance(placement, FewestNodes)]
STARTS = [*(rule for rule, _ in RULES.values()), Slurm(interval_s=7.0, resolution_s=1.0)]


def check_everything(result, pools, requeued=False):
    """No GPU held twice, gangs whole, work and GPUs conserved, nothing before its time."""
    jobs = {r["job_id"]: r for r in result.jobs.to_pylist()}
    size = {r["node"]: r["gpus"] for r in result.nodes.to_pylist()}
    kind = {r["node"]: r["gpu_type"] for r in result.nodes.to_pylist()}
    rows = [r for r in result.ledger.to_pylist() if r["job_id"] is not None]
    events = []
    runs = {}
    for r in rows:
        assert r["end_s"] >= r["start_s"]
        events += [(r["start_s"], 1, r["node"], r["gpus"]), (r["end_s"], 0, r["node"], -r["gpus"])]
        runs.setdefault((r["job_id"], r["start_s"]), []).append(r)
    held = dict.fromkeys(size, 0)
    for _, _, node, gpus in sorted(events):
        held[node] += gpus
        assert 0 <= held[node] <= size[node]
    for (job, start), parts in runs.items():
        assert sum(p["gpus"] for p in parts) == jobs[job]["gpus"]
        assert len({p["end_s"] for p in parts}) == 1
        assert len({p["node"] for p in parts}) == len(parts)
        assert len({kind[p["node"]] for p in parts}) == 1
        assert start >= jobs[job]["submit_s"]
    for job, r in jobs.items():
        if r["state"] == "completed":
            mine = [p[0] for (j, _), p in runs.items() if j == job]
            assert len(mine) == r["restarts"] + 1
            if not requeued:
                assert mine[0]["end_s"] == r["end_s"]
    assert {r["state"] for r in jobs.values()} <= {"completed", "cancelled", "unfit"}
    assert sum(p.nodes * p.gpus_per_node for p in pools) == sum(size.values())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 10**6), st.sampled_from(QUEUES), st.sampled_from(STARTS),
    st.sampled_from(PLACEMENTS), st.floats(0.3, 1.8),
)  # fmt: skip
def test_every_choice_keeps_the_books(seed, queue, backfill, placement, load):
    made = workload(seed, 50, MIXED, load, plenty=True)
    scenario = Scenario(cluster=Inventory(MIXED), workload=Given(made), queue=queue,
                        backfill=backfill, placement=placement)  # fmt: skip
    check_everything(simulate(scenario), MIXED)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.sampled_from(STARTS), st.sampled_from(PLACEMENTS))
def test_work_is_conserved_when_nodes_fail(seed, backfill, placement):
    made = workload(seed, 60, MIXED, 0.9)
    scenario = Scenario(
        cluster=Inventory(MIXED), workload=Given(made), backfill=backfill, placement=placement,
        processes=(Failures(mtbf_s=2000.0, repair_s=100.0),),
    )  # fmt: skip
    result = simulate(scenario, seed)
    check_everything(result, MIXED, requeued=True)
    held = {}
    for r in result.ledger.to_pylist():
        if r["job_id"] is not None:
            held[r["job_id"], r["start_s"]] = (r["end_s"] - r["start_s"], r["why"])
    for r in result.jobs.to_pylist():
        spent = sum(t for (job, _), (t, _) in held.items() if job == r["job_id"])
        assert spent == pytest.approx(r["work_s"] + r["lost_s"], abs=1e-6)
        hit = sum(why == "node_fail" for (job, _), (_, why) in held.items() if job == r["job_id"])
        assert hit == r["restarts"]
    down = [r for r in result.ledger.to_pylist() if r["job_id"] is None]
    up_s = dict(zip(result.nodes.column("node").to_pylist(),
                    result.nodes.column("up_s").to_pylist(), strict=True))  # fmt: skip
    end = result.manifest["end_s"]
    for node, up in up_s.items():
        gone = sum((r["end_s"] or end) - r["start_s"] for r in down if r["node"] == node)
        assert up == pytest.approx(end - gone)


GIVES = [
    NoPreemption(round_s=20.0), Tail(), Tail(strictly=False, cost_s=5.0), Tail(min_run_s=30.0),
    Tail(round_s=25.0, in_vain=True), Rebuild(), Rebuild(checkpoint_s=4.0, cost_s=2.0),
    Rebuild(round_s=10.0, checkpoint_s=4.0),
]  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 10**6),
    st.sampled_from([*QUEUES, Srtf(), Srtf(by_gpus=True), Las(refresh_s=20.0), Tiresias((99.0,)),
                     Tiresias((99.0,), starve_limit=1.5)]),
    st.sampled_from(STARTS), st.sampled_from(GIVES), st.floats(0.3, 1.5), st.booleans(),
)  # fmt: skip
def test_interrupted_work_is_conserved(seed, queue, backfill, gives, load, fails):
    """Every second held at speed 1 is work of the job or lost; rounds hold GPUs to their end."""
    assume(not (gives.round_s and isinstance(backfill, Slurm)))  # refused: it has its own interval
    made = workload(seed, 50, MIXED, load)
    hazards = (Failures(mtbf_s=2000.0, repair_s=100.0),) if fails else ()
    result = simulate(Scenario(
        cluster=Inventory(MIXED), workload=Given(made), queue=queue, backfill=backfill,
        preemption=gives, processes=hazards,
    ), seed)  # fmt: skip
    check_everything(result, MIXED, requeued=True)
    held = {}
    for r in result.ledger.to_pylist():
        if r["job_id"] is not None:
            held[r["job_id"], r["start_s"]] = (r["end_s"] - r["start_s"], r["why"])
    round_s = gives.round_s
    for r in result.jobs.to_pylist():
        mine = [(t, why) for (job, _), (t, why) in held.items() if job == r["job_id"]]
        spent, due = sum(t for t, _ in mine), r["work_s"] + r["lost_s"]
        assert spent >= due - 1e-6
        assert spent <= due + round_s * (r["restarts"] + 1) + 1e-6
        assert sum(why in ("preempted", "node_fail") for _, why in mine) == r["restarts"]
        if round_s and not fails:
            assert r["start_s"] % round_s == r["end_s"] % round_s == 0.0


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.sampled_from(STARTS), st.randoms(use_true_random=False))
def test_the_order_of_rows_in_the_trace_does_not_matter(seed, backfill, chance):
    made = workload(seed, 40, MIXED, 1.0)
    order = list(range(40))
    chance.shuffle(order)
    mixed = {name: [values[i] for i in order] for name, values in made.items()}

    def told(table):
        scenario = Scenario(cluster=Inventory(MIXED), workload=Given(table), backfill=backfill)
        return simulate(scenario).ledger

    assert told(made).equals(told(mixed))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_strict_fifo_starves_nobody(seed):
    rng = np.random.default_rng(seed)
    rows = [(float(rng.integers(0, 50)), int(rng.integers(1, 17)), float(rng.integers(1, 20)))
            for _ in range(30)]  # fmt: skip
    rows.sort()
    result = run(rows, 2, 8, backfill=NoBackfill())
    start = result.jobs.column("start_s").to_pylist()
    assert start == sorted(start)  # nobody passes anybody
    for i, (submit, _, _) in enumerate(rows):
        assert start[i] <= submit + sum(work for _, _, work in rows[:i]) + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([Pack(), Spread(), FirstFit(), Consecutive()]))
def test_easy_by_nodes_never_delays_the_head(seed, placement):
    """With exact estimates the head starts no later than if nobody had been let past it."""
    rng = np.random.default_rng(seed)
    rows = [(float(i), int(rng.choice([1, 2, 4, 8, 16])), float(rng.integers(1, 30)))
            for i in range(12)]  # fmt: skip
    with_all = run(rows, 3, 8, backfill=Easy("nodes", None), placement=placement)
    starts = with_all.jobs.column("start_s").to_pylist()
    strict = run(rows, 3, 8, backfill=NoBackfill(), placement=placement)
    first = next((i for i, w in enumerate(strict.jobs.column("wait_s").to_pylist()) if w > 0), None)
    if first is not None:  # the first job that ever waits is the first head: its promise is kept
        assert starts[first] <= strict.jobs.column("start_s").to_pylist()[first]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(WHOLE_GANGS), st.sampled_from(QUEUES))
def test_who_lets_anything_pass_is_work_conserving(seed, placement, queue):
    """Whoever waits does not fit: no job is held back while GPUs lie ready for it.

    Not so with FewestNodes: the rest of a gang, after its large pieces, must fit on one node.
    """
    rng = np.random.default_rng(seed)
    rows = [(float(rng.integers(0, 60)), int(rng.choice([1, 2, 3, 4, 8, 12])),
             float(rng.integers(1, 30))) for _ in range(40)]  # fmt: skip
    rows.sort()
    result = run(rows, 3, 8, queue=queue, backfill=Skip(depth=None), placement=placement)
    assert result.metrics["waited_for"]["held_back_s"] == 0.0
    assert sum(r["wait_s"] for r in result.jobs.to_pylist()) > 0.0


def test_the_same_bytes_twice_and_other_bytes_for_another_seed(tmp_path):
    def digest(seed, name):
        folder = simulate(Scenario(horizon_s=3e5), seed).write(tmp_path / name)
        files = sorted(folder.glob("*.parquet")) + [folder / "metrics.json"]
        return [hashlib.sha256(f.read_bytes()).hexdigest() for f in files]

    assert digest(1, "a") == digest(1, "b")
    assert digest(1, "c")[0] != digest(2, "d")[0]


def test_a_horizon_cuts_and_says_so():
    result = simulate(
        Scenario(
            cluster=Inventory(MIXED[:1]),
            workload=Given(columns([(0, 8, 100), (10, 16, 100)])),
            horizon_s=50.0,
        )
    )
    assert result.manifest["end_s"] == 50.0
    assert [r["state"] for r in result.jobs.to_pylist()] == ["running", "waiting"]
    assert [r["why"] for r in result.ledger.to_pylist()] == ["cut"]
    assert result.ledger.to_pylist()[0]["end_s"] is None
