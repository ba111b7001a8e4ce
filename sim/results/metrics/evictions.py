"""Who was evicted by whom, and what followed: the second-order effects of preemption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim import table

if TYPE_CHECKING:
    from sim.results.result import Result

CAUSES = ("preempted", "suspended", "node_fail")
GIVES_WAY = ("preempted", "suspended")
PAIRS = 20
NOBODY = "(nobody)"


def services_of(result: Result) -> dict[str, str]:
    """Return the service of each of its pools, or of itself where it has none, by name."""
    return {
        part["name"]: one["name"]
        for one in result.manifest.get("services") or ()
        for part in one.get("pools") or [one]
    }


def job_of(result: Result, names: pa.Array) -> np.ndarray:
    """Return the row of each job by name, (k,); from the number of jobs on a number a service.

    The places of replicas, `service/3`, are the service's, services in order of their names.
    """
    ids = result.jobs.column("job_id").combine_chunks()
    row = pc.index_in(names, ids)
    made: np.ndarray = np.array(row.fill_null(-1).cast(pa.int64()))
    if row.null_count:
        pools = services_of(result)
        order = sorted(set(pools.values()))
        places = names.filter(pc.is_null(row)).dictionary_encode()
        code = [order.index(pools[place.rsplit("/", 1)[0]])
                for place in places.dictionary.to_pylist()]  # fmt: skip
        made[made < 0] = len(ids) + np.array(code, np.int64)[np.asarray(places.indices)]
    return made


def rows_of(result: Result) -> dict[str, np.ndarray]:
    """Return the ledger's rows of jobs as columns, (k,): job, node, gpu_s, start_s, end_s, why.

    Replicas of services are rows too, of a job beyond the last (`job_of`).
    """
    led = result.ledger.filter(pc.is_valid(result.ledger.column("job_id")))
    made: dict[str, np.ndarray] = {n: table.to_numpy(led, n) for n in ("start_s", "end_s", "gpus")}
    made["job"] = job_of(result, led.column("job_id").combine_chunks())
    made["node"] = table.codes(led, "node")[0]
    why, words = table.codes(led, "why")
    made["why"] = np.array([words.index(w) if w in words else -1 for w in CAUSES])
    made["cause"] = np.where(made["job"] < result.jobs.num_rows, why, -1)  # replicas: elsewhere
    share = table.to_numpy(led, "gpu_milli", 1000.0) / 1000.0
    made["gpu_s"] = made["gpus"] * share * (made["end_s"] - made["start_s"])
    return made


def takers(rows: dict[str, np.ndarray], gone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (row that gave way, row that began there at that very instant), a pair a line.

    The ledger does not say for whom a job was evicted: it was for whoever started then and there.
    """
    key = np.rec.fromarrays([rows["node"], rows["start_s"]])
    order = np.argsort(key, order=("f0", "f1"), kind="stable")
    want = np.rec.fromarrays([rows["node"][gone], rows["end_s"][gone]])
    low = np.searchsorted(key[order], want, "left")
    many = np.searchsorted(key[order], want, "right") - low
    who = np.repeat(gone, many)
    at = np.arange(len(who)) + np.repeat(low - (np.cumsum(many) - many), many)
    other = rows["job"][order[at]] != rows["job"][who]
    return who[other], order[at][other]


def evictions(result: Result) -> dict[str, Any]:
    """Return how often jobs lost their nodes, to whom, and the longest chain.

    count and gpu_s: interruptions of a job, and GPU time of the runs that they ended, by cause;
    by_tenant: who evicted whom, as {taker: {who gave way: times}}, the most frequent, services by
    their names; longest chain: a job that was evicted and evicts others in its turn makes a chain
    of 2, and so on.
    """
    if not pc.any(pc.is_in(result.ledger.column("why"), pa.array(CAUSES))).as_py():
        return {"count": {}, "gpu_s": {}, "by_tenant": {}, "longest_chain": 0}
    rows = rows_of(result)
    count, gpu_s = {}, {}
    for name, code in zip(CAUSES, rows["why"], strict=True):
        hit = np.flatnonzero(rows["cause"] == code) if code >= 0 else np.zeros(0, np.int64)
        if hit.size:
            runs = {(int(j), float(t)) for j, t in zip(rows["job"][hit], rows["end_s"][hit],
                                                       strict=True)}  # fmt: skip
            count[name], gpu_s[name] = len(runs), float(rows["gpu_s"][hit].sum())
    codes = [c for name, c in zip(CAUSES, rows["why"], strict=True) if name in GIVES_WAY and c >= 0]
    gone = np.flatnonzero(np.isin(rows["cause"], codes))
    who, taker = takers(rows, gone)
    tenant, names = table.codes(result.jobs, "tenant", "(none)")
    own = sorted(set(services_of(result).values()))
    tenant = np.concatenate([tenant, len(names) + np.arange(len(own))])
    names = [*names, *own]
    seen: dict[tuple[float, int], set[int]] = {}
    for row in gone:
        seen.setdefault((float(rows["end_s"][row]), int(rows["job"][row])), set())
    first: dict[tuple[float, int], int] = {}  # at one instant, in order of those who took
    for row, by_row in zip(who, taker, strict=True):
        event = float(rows["end_s"][row]), int(rows["job"][row])
        seen[event].add(int(rows["job"][by_row]))
        first[event] = min(first.get(event, by_row), by_row)
    pairs: dict[tuple[str, str], int] = {}
    depth: dict[int, int] = {}
    for event in sorted(seen, key=lambda event: (event[0], first.get(event, 0))):
        job, by = event[1], seen[event]
        depth[job] = max(depth.get(job, 0), 1 + max((depth.get(k, 0) for k in by), default=0))
        for name in sorted({names[tenant[k]] for k in by}) or [NOBODY]:
            pair = (name, names[tenant[job]])
            pairs[pair] = pairs.get(pair, 0) + 1
    found: dict[str, dict[str, int]] = {}
    for (name, other), times in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:PAIRS]:
        found.setdefault(name, {})[other] = times
    return {
        "count": count,
        "gpu_s": gpu_s,
        "by_tenant": found,
        "longest_chain": max(depth.values(), default=0),
    }
