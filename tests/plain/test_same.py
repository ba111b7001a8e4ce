"""The fast engine and the plain one give the same ledger, byte for byte."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sim import Scenario, simulate
from sim.policies.backfill import Conservative, Easy, NoBackfill, Skip
from sim.policies.placement import Consecutive, FirstFit, Pack, Spread
from sim.state import Inventory, Pool
from sim.workload import Given
from tests.conftest import ROOT, gantt
from tests.plain.plain import INF, Node, Plain

RULES = {
    "none": (NoBackfill(), {"depth": 0, "reserves": 0}),
    "skip": (Skip(depth=None), {"depth": 10**9, "reserves": 0}),
    "skip3": (Skip(depth=3), {"depth": 3, "reserves": 0}),
    "easy nodes": (Easy("nodes", None), {"depth": 10**9, "reserves": 1, "nodes": True}),
    "easy nodes 4": (Easy("nodes", 4), {"depth": 4, "reserves": 1, "nodes": True}),
    "easy counts": (Easy("counts", None), {"depth": 10**9, "reserves": 1, "nodes": False}),
    "easy counts 4": (Easy("counts", 4), {"depth": 4, "reserves": 1, "nodes": False}),
    "conservative": (Conservative(None), {"depth": 10**9, "reserves": "all"}),
    "conservative 2": (Conservative(2), {"depth": 2, "reserves": "all"}),
}
PLACES = {
    "pack": Pack(),
    "spread": Spread(),
    "first_fit": FirstFit(),
    "consecutive": Consecutive(),
}


def workload(seed, jobs, pools, load, plenty=False, whole=True):
    """Return job_request columns with everything in them: shapes, types, CPU, cancels, overruns."""
    rng = np.random.default_rng(seed)
    total = sum(p.nodes * p.gpus_per_node for p in pools)
    most = max(p.nodes * p.gpus_per_node for p in pools)
    gpus = np.minimum(rng.choice([1, 1, 1, 2, 3, 4, 8, 12, 16], jobs), most)
    work = rng.integers(1, 400, jobs).astype(float)
    gap = (gpus * work).mean() / (load * total)
    submit = np.cumsum(rng.exponential(gap, jobs))
    submit = np.floor(submit) if whole else submit
    made = {
        "job_id": [str(i) for i in range(jobs)],
        "submit_s": submit,
        "gpus": gpus.astype(np.int32),
        "work_s": work,
        "walltime_s": np.ceil(work * rng.choice([0.5, 1.0, 1.0, 2.0, 5.0], jobs)),
    }
    if plenty:
        made["eligible_s"] = submit + rng.choice([0, 0, 50], jobs)
        made["cancel_s"] = np.where(
            rng.random(jobs) < 0.1, submit + rng.integers(0, 300, jobs), np.nan
        )
        made["cpus"] = np.where(rng.random(jobs) < 0.4, gpus * rng.choice([1, 4, 9], jobs), np.nan)
        made["mem_bytes"] = np.where(
            rng.random(jobs) < 0.3, gpus * 10.0 * rng.integers(1, 9, jobs), np.nan
        )
        for name in ("cancel_s", "cpus", "mem_bytes"):
            made[name] = [None if np.isnan(v) else float(v) for v in made[name]]
        made["gpu_types"] = [str(t) for t in rng.choice(["", "a", "b:0.5|a", "b:2|a:1"], jobs)]
    return made


def plain_jobs(made, pools):
    kinds = list(dict.fromkeys((p.gpu, p.gpus_per_node) for p in pools))
    out = []
    for i in range(len(made["job_id"])):

        def get(name, missing, i=i):
            value = made[name][i] if name in made else missing
            return missing if value is None else value

        text = made["gpu_types"][i] if "gpu_types" in made else ""
        speed = {}
        for k, (gpu, _) in enumerate(kinds):
            if not text:
                speed[k] = 1.0
            for part in text.split("|"):
                name, _, number = part.partition(":")
                if name == gpu:
                    speed[k] = float(number or 1.0)
        out.append({
            "enter": max(made["submit_s"][i], get("eligible_s", -INF)),
            "cancel": get("cancel_s", INF), "gpus": int(made["gpus"][i]), "nodes": get("nodes", None),
            "each": None, "mcpu": int(np.ceil(1000 * get("cpus", 0.0))),
            "mem": int(get("mem_bytes", 0.0)), "work": made["work_s"][i],
            "wall": made["walltime_s"][i], "speed": speed,
        })  # fmt: skip
    return out


def both(made, pools, rule, place):
    fast_rule, plain_rule = RULES[rule]
    scenario = Scenario(cluster=Inventory(pools), workload=Given(made), backfill=fast_rule,
                        placement=PLACES[place])  # fmt: skip
    result = simulate(scenario)
    number, nodes = {}, []
    kinds = list(dict.fromkeys((p.gpu, p.gpus_per_node) for p in pools))
    for p in pools:
        digits = len(str(max(p.nodes - 1, 1)))
        for i in range(p.nodes):
            number[f"{p.name}-{i:0{digits}d}"] = len(nodes)
            kind = kinds.index((p.gpu, p.gpus_per_node))
            cpu = INF if p.cpus is None else int(1000 * p.cpus)
            mem = INF if p.mem_bytes is None else int(p.mem_bytes)
            nodes.append(Node(len(nodes), kind, p.gpus_per_node, cpu, mem))
    fast = [[int(r["job_id"]), number[r["node"]], r["gpus"], r["start_s"], r["end_s"]]
            for r in result.ledger.to_pylist()]  # fmt: skip
    unfit = {int(r["job_id"]) for r in result.jobs.to_pylist() if r["state"] == "unfit"}
    jobs = plain_jobs(made, pools)
    for j in unfit:
        jobs[j]["enter"] = jobs[j]["cancel"] = INF
    slow = Plain(nodes, jobs, plain_rule, place)
    slow.jobs = [job if j not in unfit else job | {"enter": 1e18, "cancel": 0.0}
                 for j, job in enumerate(jobs)]  # fmt: skip
    return fast, slow.run(), result


def check(made, pools, rule, place):
    fast, slow, result = both(made, pools, rule, place)
    for i, (a, b) in enumerate(zip(fast, slow, strict=False)):
        assert a == b, f"row {i}: fast {a}, plain {b}\n{gantt(result)[:3000]}"
    assert len(fast) == len(slow)


SMALL = (Pool("n", 3, 4, "a"),)
MIXED = (Pool("x", 2, 8, "a", 40, 300.0), Pool("y", 3, 4, "b", 16, 200.0), Pool("z", 2, 8, "a"))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", RULES)
def test_a_small_cluster_under_load(rule, place):
    for seed in range(6):
        check(workload(seed, 60, SMALL, 1.1), SMALL, rule, place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", RULES)
def test_kinds_speeds_cpu_memory_cancels_and_overruns(rule, place):
    for seed in range(6):
        check(workload(100 + seed, 60, MIXED, 1.0, plenty=True), MIXED, rule, place)


@pytest.mark.parametrize("rule", ["skip", "easy nodes", "easy nodes 4", "easy counts 4"])
def test_a_long_queue_where_reservations_are_kept_and_refusals_remembered(rule):
    pools = (Pool("n", 6, 8, "a"),)
    for seed, place in enumerate(PLACES):
        check(workload(200 + seed, 500, pools, 1.15, whole=False), pools, rule, place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", ["none", "skip", "easy nodes", "easy counts", "conservative"])
def test_asked_shapes_and_jobs_without_gpus(rule, place):
    for seed in range(4):
        rng = np.random.default_rng(300 + seed)
        made = workload(300 + seed, 60, MIXED, 0.9, plenty=True)
        gpus = np.where(rng.random(60) < 0.1, 0, made["gpus"])
        nodes = [[1, 2, 3, None][k] for k in rng.integers(0, 4, 60)]
        made["gpus"] = gpus.astype(np.int32)
        made["nodes"] = [n if n is None or g == 0 or n <= g else None
                         for n, g in zip(nodes, gpus, strict=True)]  # fmt: skip
        check(made, MIXED, rule, place)


@example(462346, "easy counts", "pack", 0.65625, False, False)  # two kinds at one instant
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 10**6), st.sampled_from(list(RULES)), st.sampled_from(list(PLACES)),
    st.floats(0.3, 2.0), st.booleans(), st.booleans(),
)  # fmt: skip
def test_anything(seed, rule, place, load, plenty, whole):
    check(workload(seed, 40, MIXED, load, plenty, whole), MIXED, rule, place)


SCRIPT = """
import hashlib, sys
from tests.plain.test_same import MIXED, PLACES, RULES, workload
from sim import Scenario, simulate
from sim.state import Inventory
from sim.workload import Given
found = hashlib.sha256()
for k, rule in enumerate(RULES):
    for place in PLACES:
        s = Scenario(cluster=Inventory(MIXED), workload=Given(workload(k, 50, MIXED, 1.1, True, False)),
                     backfill=RULES[rule][0], placement=PLACES[place])
        r = simulate(s)
        for table in (r.ledger, r.jobs, r.timeline, r.nodes):
            for column in table.columns:
                found.update(repr(column.to_pylist()).encode())
print(found.hexdigest())
"""


def test_compiled_or_not_and_however_python_hashes_the_bytes_are_the_same():
    def told(**extra):
        env = dict(os.environ, PYTHONPATH=str(ROOT)) | extra
        done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, cwd=ROOT, check=True,
                              capture_output=True, text=True)  # fmt: skip
        return done.stdout.strip()

    compiled = told(PYTHONHASHSEED="0")
    plain = told(PYTHONHASHSEED="7", NUMBA_DISABLE_JIT="1")
    assert len(compiled) == len(hashlib.sha256().hexdigest())
    assert compiled == plain
