"""OpenB as an experiment of ours, and what the paper measures, computed plainly from a Result.

Pods arrive one a second and give up half a second later: each is tried once. They never leave.
Source: github.com/alibaba/clusterdata (cluster-trace-gpu-v2023) and Q. Weng et al., Beware of
Fragmentation, USENIX ATC 2023, whose authors published the curves.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np

from experiments import validation
from sim import Scenario, simulate
from sim.policies.backfill import NoBackfill
from sim.policies.placement import (
    BestFitVector,
    DotProduct,
    Fgd,
    GpuClustering,
    GpuPacking,
    Uniform,
)
from sim.state import Inventory, Pool
from sim.workload import Given

POLICIES = {
    "02-DotProd": DotProduct(),
    "03-GpuClustering": GpuClustering(),
    "04-GpuPacking": GpuPacking(),
    "05-BestFit": BestFitVector(),
}
MIB = 2**20


@cache
def rows(name):
    """Return the rows of a file of the truth."""
    return validation.rows("openb", name)


@cache
def orders():
    with np.load(validation.truth("openb", "arrival_order_and_node_priority.npz")) as file:
        return {name: file[name] for name in file.files}


@cache
def cases():
    """Return the (variant, seed) for which there are pods, an order and curves."""
    known = {
        (r["workload"].removeprefix("openb_pod_list_"), int(r["seed"])) for r in curves("alloc")
    }
    found = [name.rsplit("_", 2)[:2] for name in orders() if name.endswith("_pods")]
    return [(variant, int(seed)) for variant, seed in found if (variant, int(seed)) in known]


def curves(name):
    return rows(f"expected_curve_{name}.csv")


@cache
def curve(name, variant, policy, seed):
    """Return the published curve, (131,), by percent of the cluster's GPUs asked for."""
    for row in curves(name):
        if (row["workload"], row["sc_policy"], row["seed"]) == (
            f"openb_pod_list_{variant}", policy, str(seed)
        ):  # fmt: skip
            return np.array([float(row[str(x)] or "nan") for x in range(131)])
    raise LookupError((name, variant, policy, seed))


@cache
def pods(variant):
    """Return each pod as (name, mcpu, MiB, gpus, milli of each, types as written)."""
    found = []
    for row in rows(f"openb_pod_list_{variant}.csv"):
        gpus = int(float(row["num_gpu"]))
        milli = min(int(float(row["gpu_milli"] or 0)), 1000) if gpus else 0
        types = (row.get("gpu_spec") or "") if gpus else ""
        found.append(
            (row["name"], int(row["cpu_milli"]), int(row["memory_mib"]), gpus, milli, types)
        )
    return found


def typical(variant):
    counts = Counter((mcpu, gpus, milli, types) for _, mcpu, _, gpus, milli, types in pods(variant))
    names = ("mcpu", "gpus", "gpu_milli", "gpu_types")
    return [dict(zip(names, wish, strict=True)) | {"count": n} for wish, n in counts.items()]


def inventory(variant, seed):
    """Return the nodes in the order that decides ties."""
    nodes = rows("openb_node_list_gpu_node.csv")
    order = np.argsort(orders()[f"{variant}_{seed}_nodeprio"])
    return Inventory(tuple(
        Pool(n["sn"], 1, int(n["gpu"]), n["model"], int(n["cpu_milli"]) / 1000,
             int(n["memory_mib"]) * MIB)
        for n in (nodes[i] for i in order)
    ))  # fmt: skip


def arrivals(variant, seed):
    """Return the pods in order of arrival."""
    known = pods(variant)
    return [known[i] for i in orders()[f"{variant}_{seed}_pods"]]


def columns(came):
    n = len(came)
    return {
        "job_id": [str(i) for i in range(n)],
        "submit_s": np.arange(n, dtype=float),
        "cancel_s": np.arange(n) + 0.5,
        "work_s": np.full(n, 1e9),
        "gpus": np.array([p[3] for p in came], np.int32),
        "gpus_per_node": [p[3] or None for p in came],
        "gpu_milli": [p[4] or None for p in came],
        "cpus": np.array([p[1] for p in came]) / 1000,
        "mem_bytes": np.array([p[2] * float(MIB) for p in came]),
        "gpu_types": [
            "|".join(dict.fromkeys(t for t in p[5].split("|") if t)) or None for p in came
        ],
    }


def placement(variant, policy):
    if policy == "06-FGD":
        return Fgd(typical=typical(variant))
    return Uniform() if policy == "01-Random" else POLICIES[policy]


def ran(variant, seed, policy):
    """Return where each pod went: {number: (node, devices)}."""
    came = arrivals(variant, seed)
    scenario = Scenario(cluster=inventory(variant, seed), workload=Given(columns(came)),
                        backfill=NoBackfill(), placement=placement(variant, policy),
                        horizon_s=float(len(came)))  # fmt: skip
    ledger = simulate(scenario, seed).ledger
    parts = (ledger.column(name).to_pylist() for name in ("job_id", "node", "devices"))
    return {int(job): (node.removesuffix("-0"), devices or "") for job, node, devices in
            zip(*parts, strict=True)}  # fmt: skip


def by_arrived(came, values):
    """Return the mean over the events at each rounded percent of GPUs asked for, (131,)."""
    gpus = sum(int(n["gpu"]) for n in rows("openb_node_list_gpu_node.csv"))
    asked = np.cumsum([p[3] * p[4] for p in came])
    percent = np.round(asked / (10.0 * gpus)).astype(int)  # halves to even, as the authors do
    many = np.bincount(percent, minlength=131)[:131]
    with np.errstate(invalid="ignore"):
        return np.bincount(percent, values, 131)[:131] / many


def allocated(came, where):
    """Return the percent of the cluster's GPUs that are held after each arrival, to 2 places."""
    gpus = sum(int(n["gpu"]) for n in rows("openb_node_list_gpu_node.csv"))
    used = np.cumsum([p[3] * p[4] * (i in where) for i, p in enumerate(came)])
    return np.round(used / (10.0 * gpus), 2)


def fragments(variant, came, where):
    """Return (fragments in percent of all GPUs, of the free ones) after each arrival.

    By the definition, from the list of placements alone; nodes alike are looked up.
    """
    counts = Counter((p[1], p[4], p[3], p[5]) for p in pods(variant))
    order = sorted(counts, key=lambda w: (counts[w], w), reverse=True)
    often, seen = [], 0
    while seen < 0.95 * sum(counts.values()):
        often.append((order[len(often)], counts[order[len(often)]]))
        seen += often[-1][1]
    split = [(w, set(filter(None, w[3].split("|"))), n / seen) for w, n in often]

    @cache
    def of(model, mcpu, free):
        lost = 0.0
        for (cores, milli, gpus, _), types, share in split:
            fits = gpus and cores <= mcpu and (not types or model in types)
            fits = fits and sum(f >= milli for f in free) >= gpus
            lost += share * (sum(f for f in free if f < milli) if fits else sum(free))
        return lost

    nodes = {n["sn"]: [n["model"], int(n["cpu_milli"]), [1000] * int(n["gpu"])]
             for n in rows("openb_node_list_gpu_node.csv")}  # fmt: skip
    total = sum(len(n[2]) * 1000 for n in nodes.values())
    lost = sum(of(m, c, tuple(f)) for m, c, f in nodes.values())
    idle, amount, ratio = total, [], []
    for i, (_, mcpu, _, _, milli, _) in enumerate(came):
        if i in where:
            name, devices = where[i]
            node = nodes[name]
            lost -= of(node[0], node[1], tuple(sorted(node[2])))
            node[1] -= mcpu
            for d in filter(None, devices.split("-")):
                node[2][int(d)] -= milli
                idle -= milli
                assert node[2][int(d)] >= 0
            lost += of(node[0], node[1], tuple(sorted(node[2])))
        amount.append(100 * lost / total)
        ratio.append(100 * lost / idle)
    return np.array(amount), np.array(ratio)
