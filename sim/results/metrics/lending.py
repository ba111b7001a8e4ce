"""Nodes lent to others: what they had of them, how they went and came back, and who was stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim import table
from sim.results.metrics.jobs import F8, lost_gpu_s

if TYPE_CHECKING:
    from sim.results.result import Result

B1 = np.ndarray


def before(values: np.ndarray, node: np.ndarray, rows: int = 1) -> np.ndarray:
    """Return what stood so many rows before on the same node, (n,); the first value's zero else."""
    made = np.zeros_like(values)
    made[rows:] = np.where(node[rows:] == node[:-rows], values[:-rows], made[rows:])
    return made


def again_s(result: Result, ids: pa.Array, at_s: F8) -> F8:
    """Return when each job next held GPUs from an instant on, (k,); the run's end if never."""
    end_s = float(result.manifest["end_s"])
    led = result.ledger.filter(pc.is_in(result.ledger["job_id"], ids))
    if not len(ids):
        return at_s
    names = ids.dictionary_encode()
    job = np.asarray(pc.index_in(led["job_id"].combine_chunks(), names.dictionary))
    start_s = table.to_numpy(led, "start_s")
    order = np.lexsort((start_s, job))
    job, start_s = job[order], start_s[order]
    code = np.asarray(names.indices)
    first, last = (np.searchsorted(job, code, side) for side in ("left", "right"))
    found = at_s.copy()
    for k, (low, high) in enumerate(zip(first, last, strict=True)):
        row = low + np.searchsorted(start_s[low:high], at_s[k])
        found[k] = start_s[row] if row < high else end_s
    return found


def stopped(result: Result) -> dict[str, Any]:
    """Return what it cost those who were stopped that their nodes went, by why these went.

    evictions: times a job was stopped; jobs: how many they are; replicas: those of services,
    elsewhere not counted here; lost_gpu_hours: GPU time whose work is done again, of a job that
    lost some by other causes too its part by work; waited_hours: from being stopped to running
    again, or to the run's end, summed over evictions, waited_gpu_hours: that times the job's GPUs.

    Neglects: those who wait longer because fewer nodes are there: a run without tells.
    """
    if result.stopped is None:
        return {}
    ids = result.jobs["job_id"].combine_chunks()
    rows = result.stopped
    row = pc.index_in(rows["job_id"].combine_chunks(), ids)
    mine = np.asarray(pc.is_valid(row))
    job = np.asarray(row.drop_null().cast(pa.int64()))  # perhaps only replicas were stopped
    (why, words), rows = table.codes(rows, "why"), rows.filter(pa.array(mine))
    columns = {n: table.to_numpy(result.jobs, n)[job]
               for n in ("end_s", "work_s", "lost_s", "gpus", "gpu_s")}  # fmt: skip
    part = table.to_numpy(rows, "lost_s") / np.maximum(columns["lost_s"], 1e-300)
    lost = part * lost_gpu_s(columns)
    at_s = table.to_numpy(rows, "at_s")
    waited_s = again_s(result, rows["job_id"].combine_chunks(), at_s) - at_s
    found = {}
    for k, word in enumerate(words):
        own = why[mine] == k
        found[word] = {
            "evictions": int(own.sum()),
            "jobs": len(np.unique(job[own])),
            "replicas": int(((why == k) & ~mine).sum()),
            "lost_gpu_hours": float(lost[own].sum()) / 3600.0,
            "waited_hours": float(waited_s[own].sum()) / 3600.0,
            "waited_gpu_hours": float((waited_s * columns["gpus"])[own].sum()) / 3600.0,
        }
    return found


def forced(result: Result, node: list[str], gone_s: F8) -> B1:
    """Return at which instants a node went because who ran there was stopped, (k,)."""
    if result.stopped is None:
        return np.zeros(len(node), np.bool_)
    rows = zip(result.stopped["node"].to_pylist(), result.stopped["at_s"].to_pylist(), strict=True)
    known = set(rows)
    return np.array([(n, float(s)) in known for n, s in zip(node, gone_s, strict=True)], np.bool_)


def lending(result: Result) -> dict[str, Any]:
    """Return the numbers of nodes that were lent to others in the run; {} where none was.

    nodes: how many were lent at some time. Their hours times GPUs, together nodes x span less the
    hours not bought or off: lent_gpu_hours, with others; here_gpu_hours, on or told to go, and of
    these leaving_gpu_hours since they were told, and used_gpu_hours held by jobs and replicas;
    returning_gpu_hours, asked back and not here yet. returned_gpu_hours: of the lent those on nodes
    that came back by the run's end. handed_over: how often one went, at_once idle, emptied within
    the notice, or stopped when it was over; late: of these later than others wanted it, by
    late_gpu_hours in all. returns: how often one came back.
    """
    rows = result.node_states
    assert rows is not None
    number, names = table.codes(rows, "node")
    code, words = table.codes(rows, "state")
    begin, end, gpus = (table.to_numpy(rows, n) for n in ("begin_s", "end_s", "gpus"))
    state, hours = np.array(words)[code], gpus * (end - begin) / 3600.0
    is_lent, why = state == "lent", np.array(rows["why"].to_pylist())
    if not is_lent.any():
        return {}
    place = np.arange(len(state)) + 1
    last_on = np.zeros(len(names), np.int64)
    np.maximum.at(last_on, number, place * (state == "on"))
    ever = np.isin(number, number[is_lent])
    came, left = (before(state == name, number) for name in ("on", "leaving"))
    took_s = np.where(left, before(end - begin, number), 0.0)
    went = is_lent & (came | left)
    due_s = table.to_numpy(rows, "due_s")
    late_s = begin - np.where(left, before(due_s, number, 2), before(due_s, number))
    late_s = np.where(went & (late_s > 0.0), late_s, 0.0)
    lent_names = [names[i] for i in number[went]]
    stops = np.zeros(len(state), np.bool_)
    stops[went] = forced(result, lent_names, begin[went])
    used = dict(zip(result.nodes["node"].to_pylist(),
                    table.to_numpy(result.nodes, "busy_gpu_s"), strict=True))  # fmt: skip
    here = ever & np.isin(state, ("on", "leaving"))

    def total(which: B1) -> float:
        return float(hours[which].sum())

    return {
        "nodes": len(np.unique(number[is_lent])),
        "lent_gpu_hours": total(is_lent),
        "returned_gpu_hours": total(is_lent & (place < last_on[number])),
        "here_gpu_hours": total(here),
        "used_gpu_hours": sum(float(used[names[i]]) for i in np.unique(number[ever])) / 3600.0,
        "leaving_gpu_hours": total((state == "leaving") & before(why == "lent", number)),
        "returning_gpu_hours": total((state == "coming") & before(is_lent, number)),
        "handed_over": {
            "at_once": int((went & (took_s == 0.0) & ~stops).sum()),
            "emptied": int((went & (took_s > 0.0) & ~stops).sum()),
            "stopped": int((went & stops).sum()),
        },
        "late": int((late_s > 0.0).sum()),
        "late_gpu_hours": float((late_s * gpus).sum()) / 3600.0,
        "returns": int(((state == "on") & before(state == "coming", number)
                        & before(is_lent, number, 2)).sum()),
    }  # fmt: skip
