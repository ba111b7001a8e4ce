"""All the numbers of a run: what metrics.json says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from sim import table
from sim.results.metrics.borrowed import borrowed
from sim.results.metrics.elastic import elastic
from sim.results.metrics.evictions import evictions
from sim.results.metrics.fleet import fleet
from sim.results.metrics.jobs import F8, SIZES, Number, bounded_slowdown, jain, lost_gpu_s, spread
from sim.results.metrics.network import network, writes
from sim.results.metrics.quota import quotas
from sim.results.metrics.services import services

if TYPE_CHECKING:
    from sim.results.result import Result

TENANTS = 50
WHOLE = 1000.0
"""Thousandths of a whole GPU."""
OTHERS = "(others)"
MEASURES = ("wait_s", "waiting_s", "jct_s", "bounded_slowdown")
CAUSES = ("for_gpus_s", "scattered_s", "held_back_s")


def ratio(part: float, whole: float) -> Number:
    """Return part / whole; None where the whole is nothing."""
    return float(part) / float(whole) if whole > 0.0 else None


def reasons(columns: dict[str, F8], rows: np.ndarray) -> dict[str, Number]:
    """Return what some jobs waited for, mean seconds a job by cause; None where it is not told."""
    found: dict[str, Number] = {}
    for name in CAUSES:
        own = columns[name][rows]
        known = own[~np.isnan(own)]
        found[name] = float(known.mean()) if known.size else None
    return found


def fared(columns: dict[str, F8], rows: np.ndarray) -> dict[str, Any]:
    """Return how some jobs fared: how many they are, the spread of each measure, and why."""
    found: dict[str, Any] = {"jobs": int(rows.sum()) if rows.dtype == bool else len(rows)}
    found |= {name: spread(columns[name][rows]) for name in MEASURES}
    return found | {
        "waited_for": reasons(columns, rows),
        "restarts": int(columns["restarts"][rows].sum()),
        "lost_gpu_s": float(columns["lost_gpu_s"][rows].sum()),
    }


def tenants(result: Result, columns: dict[str, F8], counted: np.ndarray) -> dict[str, Any]:
    """Return how each tenant fared: the largest by GPU time, the rest together."""
    code, names = table.codes(result.jobs, "tenant", "(none)")
    gpu_s = np.bincount(code[counted], columns["gpu_s"][counted], len(names))
    many = np.bincount(code[counted], minlength=len(names))
    order = [k for k in np.argsort(-gpu_s, kind="stable") if many[k] > 0]
    rank = np.full(len(names), TENANTS)
    rank[order[:TENANTS]] = np.arange(len(order[:TENANTS]))
    place = np.where(counted, rank[code], -1)
    found = {}
    for k, name in enumerate([names[k] for k in order[:TENANTS]]):
        rows = np.flatnonzero(place == k)
        found[name] = fared(columns, rows) | {"gpu_s": float(gpu_s[order[k]])}
    if len(order) > TENANTS:
        rows = np.flatnonzero(place == TENANTS)
        rest = float(gpu_s[order[TENANTS:]].sum())
        found[OTHERS] = fared(columns, rows) | {"gpu_s": rest}
    return found


def slowdowns(result: Result, columns: dict[str, F8], counted: np.ndarray) -> F8:
    """Return the mean bounded slowdown of each tenant of whom a job has ended."""
    code, names = table.codes(result.jobs, "tenant", "(none)")
    slow = columns["bounded_slowdown"]
    rows = counted & ~np.isnan(slow)
    many = np.bincount(code[rows], minlength=len(names))
    total = np.bincount(code[rows], slow[rows], len(names))
    means: F8 = total[many > 0] / many[many > 0]
    return means


def cluster(result: Result, columns: dict[str, F8]) -> dict[str, Any]:
    """Return the numbers of the whole cluster.

    occupancy = GPU-seconds held / GPU-seconds up, from the warm-up to the end; utilisation =
    GPU-seconds held less those whose work was lost / GPU-seconds installed, over the whole run;
    makespan = from the first submission to the last end; throughput = jobs ended / makespan;
    fragmentation = mean share of free GPUs that lie on partly busy nodes.
    """
    lines = {name: table.to_numpy(result.timeline, name) for name in result.timeline.column_names}
    span_s, warm_s = (float(result.manifest.get(k) or 0.0) for k in ("end_s", "warmup_s"))
    late = lines["time_s"] >= warm_s
    gpus = float(table.to_numpy(result.nodes, "gpus").sum())
    lost = columns["lost_gpu_s"]
    held = float(table.to_numpy(result.nodes, "busy_gpu_s").sum())
    ended = columns["end_s"][~np.isnan(columns["end_s"])]
    submit = columns["submit_s"]
    makespan = float(ended.max() - submit.min()) if ended.size else None
    waiting = lines["waiting_jobs"]
    return {
        "gpus": int(gpus),
        "nodes": result.nodes.num_rows,
        "span_s": span_s,
        "occupancy": ratio(lines["busy_gpus"][late].sum(), lines["up_gpus"][late].sum()),
        "utilisation": ratio(held - float(lost.sum()), gpus * span_s),
        "makespan_s": makespan,
        "throughput_jobs_per_s": ratio(float(ended.size), makespan or 0.0),
        "queue_jobs": {
            "mean": float(waiting[late].mean()) if late.any() else 0.0,
            "max": int(result.manifest.get("queue_peak", 0)),
        },
        "fragmentation": float(lines["fragmentation"][late].mean()) if late.any() else None,
        "restarts": int(columns["restarts"].sum()),
        "lost_gpu_s": float(lost.sum()),
    }


def summary(result: Result) -> dict[str, Any]:
    """Return all the numbers of a run.

    Statistics of jobs leave out those submitted before the warm-up, and those to which the thing
    never happened: a job that never started has no wait.
    """
    names = ("submit_s", "start_s", "end_s", "wait_s", "jct_s", "work_s", "gpus", "gpu_s",
             "restarts", "lost_s", "waiting_s", *CAUSES)  # fmt: skip
    columns = {name: table.to_numpy(result.jobs, name) for name in names}
    columns["lost_gpu_s"] = lost_gpu_s(columns)
    columns["bounded_slowdown"] = bounded_slowdown(columns["jct_s"], columns["work_s"])
    counted = columns["submit_s"] >= float(result.manifest.get("warmup_s") or 0.0)
    states = pc.value_counts(result.jobs.column("state")).to_pylist()
    by_state = {str(row["values"]): int(row["counts"]) for row in states}
    sizes = {}
    for name, (least, most) in SIZES.items():
        rows = counted & (columns["gpus"] >= least) & (columns["gpus"] <= most)
        if rows.any():
            sizes[name] = fared(columns, rows)
    everyone = fared(columns, counted)
    slow, resized = slowdowns(result, columns, counted), elastic(result)
    sent, written = network(result), writes(result)
    return {
        "jobs": {"submitted": result.jobs.num_rows} | dict(sorted(by_state.items())),
        **{name: everyone[name] for name in (*MEASURES, "waited_for")},
        **cluster(result, columns),
        **({} if resized is None else {"elastic": resized}),
        **({} if sent is None else {"network": sent}),
        **({} if written is None else {"writes": written}),
        "evictions": evictions(result),
        "jain_tenants": jain(slow),
        "worst_tenant_slowdown": float(slow.max()) if slow.size else None,
        "by_size": sizes,
        "by_tenant": tenants(result, columns, counted),
        "by_queue": quotas(result),
        **services(result),
        **borrowed(result),
        **fleet(result),
    }
