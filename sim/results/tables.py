"""A State at its end becomes tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sim import table
from sim.results.causes import causes
from sim.results.fleet import about, node_states, stopped
from sim.results.links import tables_of_links
from sim.results.result import Result
from sim.results.segments import held, milli_held, outages
from sim.results.services import tables_of
from sim.results.timeline import timeline
from sim.state import Ended, Inventory, JobState, State
from sim.state.columns import PEAK, PLENTY, WHOLE
from sim.state.fleet import Fled
from sim.state.mig import MEDIA
from sim.state.services import Served
from sim.state.words import Cause


def words(codes: np.ndarray, texts: list[str | None]) -> pa.Array:
    """Return the text that each code stands for, (n,)."""
    index = pa.array(np.asarray(codes, np.int32))
    return pa.DictionaryArray.from_arrays(index, pa.array(texts, pa.string())).cast(pa.string())


def node_names(inventory: Inventory) -> list[str]:
    """Return a name for each node: its pool and its number there, as in "h100-007"."""
    names = []
    for pool in inventory.pools:
        digits = len(str(max(pool.nodes - 1, 1)))
        names += [f"{pool.name}-{i:0{digits}d}" for i in range(pool.nodes)]
    return names


def held_by_job(state: State, end_s: float) -> np.ndarray:
    """Return the GPU time that each job held, (n,), GPU-seconds."""
    busy, _ = held(state, end_s)
    job = state.ledger.job[: int(state.ledger.n[0])]
    spent = busy.weight * (busy.end_s - busy.begin_s)
    return np.bincount(job[job >= 0], spent, len(state.jobs.gpus))


def network_columns(state: State, end_s: float) -> dict[str, Any]:
    """Return what each job sent and what the links cost it; nothing without a fabric."""
    f = state.fabric
    if not f.on:
        return {}
    n, words_of = len(f.ran_s), ["ring", "all_to_all"]
    since_s = end_s - f.since_s
    more_s = np.where(f.spans[:n], since_s, 0.0)  # of jobs that still run
    factor, waits = state.paces.factor[Cause.FABRIC], f.waits
    return {
        "comm_fraction": f.duty[:n],
        "comm_overlap": f.overlap[:n],
        "comm_pattern": words(f.all_to_all, [*words_of]),
        "network_s": f.ran_s + more_s,
        "network_lost_s": f.lost_s + more_s * (1.0 - factor - waits),
        "network_tier": f.tier,
    } | (
        {"write_wait_s": f.waited_s + np.where(f.spans[n:], since_s, 0.0) * waits}
        if f.mean_Bps.any()
        else {}
    )


def jobs_table(state: State, request: pa.Table, inventory: Inventory, end_s: float) -> pa.Table:
    """Return the JOBS table, then the trace's own columns as they were."""
    jobs = state.jobs
    started = ~np.isnan(jobs.start_s)
    types: list[str | None] = [gpu for gpu, _ in inventory.kinds] + [None]
    values: dict[str, Any] = {
        "submit_s": jobs.submit_s,
        "start_s": jobs.start_s,
        "end_s": jobs.end_s,
        "wait_s": jobs.start_s - jobs.enter_s,
        "jct_s": np.where(started, jobs.end_s - jobs.submit_s, np.nan),
        "gpus": jobs.gpus,
        "nodes": np.where(started, jobs.rows, np.nan),
        "state": words(jobs.state, [state.name.lower() for state in JobState]),
        "gpu_type": words(np.where(jobs.kind >= 0, jobs.kind, len(types) - 1), types),
        "work_s": jobs.work_s,
        "walltime_s": jobs.walltime_s,
        "gpu_s": held_by_job(state, end_s),
        "restarts": jobs.restarts,
        "lost_s": jobs.lost_s,
        **causes(state, end_s)._asdict(),
    }
    for name in ("job_id", "tenant", "user", "priority", "nice", "eligible_s", "deadline_s", "cpus",
                 "mem_bytes", "gpu_milli", "min_gpus", "max_gpus", "parallel_share",
                 "mig_profile", "span", "qos", "switches", "switches_wait_s",
                 "segment"):  # fmt: skip
        if name in request.column_names:
            values[name] = request.column(name)
    values |= network_columns(state, end_s)
    if state.elastic.resizes.size:
        values["resizes"] = state.elastic.resizes
    if "tenant" not in values:
        values["tenant"] = pa.nulls(request.num_rows, pa.string())
    made = table.from_numpy(table.JOBS, values)
    asked = {column.name for column in table.JOB_REQUEST}
    for name in request.column_names:
        if name not in asked:
            kept = f"trace_{name}" if name in made.column_names else name
            field = request.schema.field(name).with_name(kept)
            made = made.append_column(field, request.column(name))
    return table.described(made, (), table.AS_IT_IS)


def device_names(masks: np.ndarray) -> pa.Array:
    """Return the devices of each row of the ledger, `0-3` for the first and fourth, (n,)."""
    distinct, which = np.unique(masks, return_inverse=True)
    texts: list[str | None] = [
        "-".join(str(d) for d in range(int(mask).bit_length()) if int(mask) >> d & 1) or None
        for mask in distinct
    ]
    return words(which, texts or [None])


def slice_names(masks: np.ndarray) -> pa.Array:
    """Return the memory slices of each row of the ledger, `0:4-7` for the upper half of GPU 0.

    An instance with the media engines where not all have them ends in `+me`. (n,)
    """
    distinct, which = np.unique(masks, axis=0, return_inverse=True)
    texts: list[str | None] = []
    for row in distinct.tolist():
        parts = []
        for device, mask in enumerate(row):
            low = mask & (MEDIA - 1)
            if low:
                first, last = (low & -low).bit_length() - 1, low.bit_length() - 1
                media = "+me" if mask & MEDIA else ""
                parts.append(f"{device}:{first}-{last}{media}")
        texts.append(" ".join(parts) or None)
    return words(which.reshape(-1), texts or [None])


def ledger_table(state: State, request: pa.Table, names: list[str]) -> pa.Table:
    """Return the LEDGER table, in order of start; rows that the end of the run cut say so."""
    led, n = state.ledger, int(state.ledger.n[0])
    job = led.job[:n]
    ids = request.column("job_id").cast(pa.string()).combine_chunks()
    why = np.where(led.why[:n] == Ended.OPEN, int(Ended.CUT), led.why[:n])
    values = {
        "job_id": ids.take(pa.array(job, mask=job < 0)),
        "node": words(led.node[:n], list(names)),
        "gpus": led.gpus[:n],
        "start_s": led.start_s[:n],
        "end_s": led.end_s[:n],
        "why": words(why, [end.name.lower() for end in Ended]),
    }
    if state.devices.shared:
        values["gpu_milli"] = np.where(job >= 0, milli_held(state, n), WHOLE)
    if state.devices.on:
        values["devices"] = device_names(np.where(job >= 0, led.devices[:n], 0))
    if state.slices.on:
        values["slices"] = slice_names(led.slices[:n])
    return table.from_numpy(table.LEDGER, values)


def nodes_table(state: State, inventory: Inventory, names: list[str], end_s: float) -> pa.Table:
    """Return the NODES table."""
    nodes, m = state.nodes, len(state.nodes.kind)
    busy, where = held(state, end_s)
    down, fell = outages(state, end_s)
    n = int(state.ledger.n[0])
    gone = state.ledger.why[:n][state.ledger.job[:n] < 0] == Ended.ABSENT
    counts = [pool.nodes for pool in inventory.pools]
    pool = np.repeat(np.arange(len(counts)), counts)

    def known(values: np.ndarray, scale: float) -> np.ndarray:
        return np.where(values >= PLENTY, np.nan, values / scale)

    values = {
        "node": names,
        "pool": words(pool, [p.name for p in inventory.pools]),
        "gpu_type": words(nodes.kind, [gpu for gpu, _ in inventory.kinds]),
        "gpus": nodes.gpus,
        "cpus": known(nodes.mcpu, 1000.0),
        "mem_bytes": known(nodes.mem_bytes, 1.0),
        "busy_gpu_s": np.bincount(where, busy.weight * (busy.end_s - busy.begin_s), m),
        "up_s": end_s - np.bincount(fell, down.end_s - down.begin_s, m),
        "outages": np.bincount(fell[~gone], minlength=m),
    }
    return table.from_numpy(table.NODES, values)


def result(
    state: State,
    request: pa.Table,
    inventory: Inventory,
    end_s: float,
    manifest: Mapping[str, Any],
    rejected: pa.Table | None,
    served: Sequence[Served] = (),
    fled: Fled | None = None,
) -> Result:
    """Return the Result of a run that ended at `end_s`.

    The last rows of `request` are places of replicas, where services were `served`.
    """
    first = request.num_rows - sum(2 * one.of.most for one in served)
    state.jobs.enter_s[first:] = np.inf  # their waits are told in `replicas`
    names = node_names(inventory)
    said = dict(manifest) | {"queue_peak": int(state.face.n[PEAK])}
    if fled is not None:
        said["fleet"] = about(fled)
    if state.ways is not None:
        said["fabric_dims"] = list(state.ways.dims)
    return Result(
        jobs=jobs_table(state, request, inventory, end_s).slice(0, first),
        ledger=ledger_table(state, request, names),
        nodes=nodes_table(state, inventory, names, end_s),
        timeline=timeline(state, end_s, first),
        rejected=rejected,
        manifest=said,
        **tables_of(served),
        node_states=None if fled is None else node_states(fled, state, names),
        stopped=None if fled is None else stopped(fled, request, names),
        **tables_of_links(state, end_s),
    )
