"""Shares of GPUs and placements that score: the fast engine and the plain one, byte for byte."""

import hashlib
import os
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim import Scenario, simulate
from sim.engine import Failures
from sim.errors import ScenarioError
from sim.policies.backfill import Conservative, Easy, Slurm
from sim.policies.placement import (
    BalancedAllocation,
    BestFitVector,
    DotProduct,
    Fgd,
    GpuClustering,
    GpuPacking,
    KubeDefault,
    LeastAllocated,
    MostAllocated,
    Pack,
    RequestedToCapacityRatio,
    Uniform,
)
from sim.policies.placement import Random as AnyOfKind
from sim.state import Inventory, Pool
from sim.workload import Given
from tests.conftest import ROOT, gantt
from tests.plain import shares
from tests.plain.plain import INF, Node
from tests.plain.shares import Shares
from tests.plain.test_same import MIXED, PLACES, RULES, plain_jobs, workload

SHAPE = ((0, 10), (40, 3), (100, 7))
LISTED = [(9, 4000, 1, 1000, ""), (7, 2000, 1, 500, "a"), (5, 1000, 0, 0, ""), (4, 8000, 2, 1000, ""),
          (3, 500, 1, 250, ""), (2, 9000, 4, 1000, "a|b")]  # fmt: skip
WISHES = [(n / 30, mcpu, gpus, milli, set(filter(None, types.split("|"))))
          for n, mcpu, gpus, milli, types in LISTED]  # fmt: skip
TYPICAL = [{"count": n, "mcpu": mcpu, "gpus": gpus, "gpu_milli": milli, "gpu_types": types}
           for n, mcpu, gpus, milli, types in LISTED]  # fmt: skip
KINDS = ["a", "b", "a"]
SCORED = {
    "fgd": (Fgd(cover=100, typical=TYPICAL), shares.fragment(WISHES, KINDS)),
    "best_fit_vector": (BestFitVector(), shares.left),
    "dot_product": (DotProduct(), shares.dot),
    "gpu_packing": (GpuPacking(), shares.packing),
    "gpu_clustering": (GpuClustering(), shares.clustering),
    "most_allocated": (MostAllocated(), shares.most((1, 1, 5))),
    "least_allocated": (LeastAllocated(2, 1, 3), shares.least((2, 1, 3))),
    "requested_to_capacity_ratio": (
        RequestedToCapacityRatio(SHAPE),
        shares.ratio(SHAPE, (1, 1, 5)),
    ),
    "balanced_allocation": (BalancedAllocation(gpu_weight=1), shares.balanced((1, 1, 1))),
    "kube_default": (
        KubeDefault(),
        lambda *told: shares.least((1, 1, 0))(*told) + shares.balanced((1, 1, 0))(*told),
    ),
}
BY_NODES = [rule for rule in RULES if "counts" not in rule and "conservative" not in rule]


def with_shares(seed, jobs, pools, load, plenty=True, whole=True):
    """Return a workload in which half of the small jobs ask for shares."""
    made = workload(seed, jobs, pools, load, plenty, whole)
    rng = np.random.default_rng(seed + 7)
    milli = rng.choice([1000, 1000, 100, 250, 500, 900], jobs)
    milli = np.where((made["gpus"] <= 2) | (rng.random(jobs) < 0.1), milli, 1000)
    made["gpu_milli"] = [int(m) if m < 1000 else None for m in milli]
    made["gpus"] = np.where(rng.random(jobs) < 0.1, 0, made["gpus"]).astype(np.int32)
    return made


def both(made, pools, rule, place):
    fast_rule, plain_rule = RULES[rule]
    placement, score = SCORED[place] if place in SCORED else (PLACES[place], None)
    scenario = Scenario(cluster=Inventory(pools), workload=Given(made), backfill=fast_rule,
                        placement=placement)  # fmt: skip
    result = simulate(scenario)
    number, nodes = {}, []
    kinds = list(dict.fromkeys((p.gpu, p.gpus_per_node) for p in pools))
    for p in pools:
        for i in range(p.nodes):
            number[f"{p.name}-{i}"] = len(nodes)
            cpu = INF if p.cpus is None else int(1000 * p.cpus)
            mem = INF if p.mem_bytes is None else int(p.mem_bytes)
            nodes.append(
                Node(len(nodes), kinds.index((p.gpu, p.gpus_per_node)), p.gpus_per_node, cpu, mem)
            )
    ledger = result.ledger.to_pylist()
    fast = [
        [int(r["job_id"]), number[r["node"]], r["gpus"], r["start_s"], r["end_s"]] for r in ledger
    ]
    if "devices" in result.ledger.column_names:
        fast = [row + [r["devices"] or ""] for row, r in zip(fast, ledger, strict=True)]
    jobs = plain_jobs(made, pools)
    for i, job in enumerate(jobs):
        milli = made["gpu_milli"][i] if "gpu_milli" in made else None
        job["milli"] = milli or 1000 if job["gpus"] else 1000
    for row in result.jobs.to_pylist():
        if row["state"] == "unfit":
            jobs[int(row["job_id"])] |= {"enter": 1e18, "cancel": 0.0}
    slow = Shares(nodes, jobs, plain_rule, place, score, tries=place == "fgd")
    return fast, slow.run(), result


def check(made, pools, rule, place):
    fast, slow, result = both(made, pools, rule, place)
    for i, (a, b) in enumerate(zip(fast, slow, strict=False)):
        assert a == b[: len(a)], f"row {i}: fast {a}, plain {b}\n{gantt(result)[:3000]}"
    assert len(fast) == len(slow)
    conserved(result)


def conserved(result):
    """No device is ever held beyond its whole, nor a node beyond its GPUs."""
    if "devices" not in result.ledger.column_names:
        return
    change = defaultdict(list)
    for row in result.ledger.to_pylist():
        for d in filter(None, (row["devices"] or "").split("-")):
            milli = row.get("gpu_milli") or 1000
            end_s = INF if row["end_s"] is None else row["end_s"]
            change[row["node"], d] += [(row["start_s"], 1, milli), (end_s, 0, -milli)]
    sizes = {row["node"]: row["gpus"] for row in result.nodes.to_pylist()}
    for (node, device), events in change.items():
        assert int(device) < sizes[node]
        assert max(np.cumsum([milli for _, _, milli in sorted(events)])) <= 1000


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", BY_NODES)
def test_shares_on_every_kind_of_node(rule, place):
    for seed in range(4):
        check(with_shares(300 + seed, 60, MIXED, 1.0), MIXED, rule, place)


@pytest.mark.parametrize("place", SCORED)
@pytest.mark.parametrize("rule", RULES)
def test_scores_of_whole_gpus(rule, place):
    for seed in range(2):
        check(workload(400 + seed, 60, MIXED, 1.0, plenty=True), MIXED, rule, place)


@pytest.mark.parametrize("place", SCORED)
@pytest.mark.parametrize("rule", BY_NODES)
def test_scores_of_shares(rule, place):
    for seed in range(3):
        check(with_shares(500 + seed, 60, MIXED, 1.0), MIXED, rule, place)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 10**6), st.sampled_from(BY_NODES), st.sampled_from([*PLACES, *SCORED]),
    st.floats(0.3, 2.0), st.booleans(),
)  # fmt: skip
def test_anything(seed, rule, place, load, whole):
    check(with_shares(seed, 40, MIXED, load, True, whole), MIXED, rule, place)


@pytest.mark.parametrize("placement", [Pack(), Uniform(), AnyOfKind(), Fgd(), GpuClustering()])
@pytest.mark.parametrize("rule", [Easy(), Slurm()])
def test_no_device_is_held_twice_where_nodes_fail(rule, placement):
    made = with_shares(9, 300, MIXED, 1.2)
    scenario = Scenario(cluster=Inventory(MIXED), workload=Given(made), backfill=rule,
                        placement=placement, processes=(Failures(2000.0, 100.0),))  # fmt: skip
    result = simulate(scenario)
    conserved(result)
    assert result.metrics["restarts"] > 0
    assert set(result.jobs.column("state").to_pylist()) <= {"completed", "cancelled", "unfit"}


def test_a_share_counts_as_such():
    jobs = {
        "submit_s": [0.0, 0.0],
        "gpus": [1, 2],
        "gpu_milli": [250, 500],
        "work_s": [100.0, 100.0],
    }
    scenario = Scenario(cluster=Inventory((Pool("n", 1, 2, "a"),)), workload=Given(jobs))
    result = simulate(scenario)
    assert result.nodes.column("busy_gpu_s").to_pylist() == [(0.25 + 2 * 0.5) * 100.0]
    assert result.metrics["occupancy"] == pytest.approx(1.25 / 2)
    assert result.ledger.column("devices").to_pylist() == ["0", "0-1"]


@pytest.mark.parametrize("rule", [Easy("counts"), Conservative()])
def test_a_reservation_by_counts_says_that_it_counts_whole_gpus(rule):
    scenario = Scenario(cluster=Inventory(MIXED), workload=Given(with_shares(1, 50, MIXED, 1.0)),
                        backfill=rule)  # fmt: skip
    with pytest.raises(ScenarioError, match=r"backfill: counts whole GPUs, but .* ask for shares"):
        simulate(scenario)


def test_too_many_devices_to_tell_apart():
    scenario = Scenario(cluster=Inventory((Pool("n", 1, 63, "a"),)), placement=GpuPacking(),
                        workload=Given({"submit_s": [0.0], "gpus": [1], "work_s": [1.0]}))  # fmt: skip
    with pytest.raises(ScenarioError, match=r"cluster\.gpus_per_node: is 63; must be <= 62"):
        simulate(scenario)


SCRIPT = """
import hashlib
from tests.plain.test_shares import MIXED, PLACES, SCORED, Uniform, with_shares
from sim import Scenario, simulate
from sim.state import Inventory
from sim.workload import Given
found = hashlib.sha256()
places = [*PLACES.values(), *(one for one, _ in SCORED.values()), Uniform()]
for k, place in enumerate(places):
    s = Scenario(cluster=Inventory(MIXED), workload=Given(with_shares(k, 50, MIXED, 1.1, True, False)),
                 placement=place)
    r = simulate(s)
    for table in (r.ledger, r.jobs, r.timeline, r.nodes):
        for column in table.columns:
            found.update(repr(column.to_pylist()).encode())
print(found.hexdigest())
"""


def test_compiled_and_not_are_the_same():
    def told(**extra):
        env = dict(os.environ, PYTHONHASHSEED="0", PYTHONPATH=str(ROOT)) | extra
        done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, cwd=ROOT, check=True,
                              capture_output=True, text=True)  # fmt: skip
        return done.stdout.strip()

    compiled, plain = told(), told(NUMBA_DISABLE_JIT="1")
    assert len(compiled) == len(hashlib.sha256().hexdigest())
    assert compiled == plain
