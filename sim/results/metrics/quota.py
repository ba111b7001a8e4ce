"""What each queue of a quota held, borrowed and lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim import table
from sim.results.metrics.evictions import job_of, services_of
from sim.results.metrics.jobs import lost_gpu_s

if TYPE_CHECKING:
    from sim.results.result import Result


def queue_of(result: Result, told: dict[str, Any]) -> np.ndarray:
    """Return the number of each job's queue, then of each service's, by name; -1 where it has none.

    (jobs + services,): rows as `evictions.job_of` counts them; a service is a tenant.
    """
    place = {name: i for i, one in enumerate(told["queues"].values()) for name in one["tenants"]}
    default = list(told["queues"]).index(told["default"]) if told["default"] else -1
    code, names = table.codes(result.jobs, "tenant")
    jobs = np.array([place.get(name, default) for name in names], np.int64)[code]
    own = [place.get(name, default) for name in sorted(set(services_of(result).values()))]
    return np.concatenate([jobs, np.array(own, np.int64)])


def lost_of(result: Result, told: dict[str, Any]) -> np.ndarray:
    """Return the GPU time whose work was lost of each queue's jobs, (queues,)."""
    queue = queue_of(result, told)[: result.jobs.num_rows]
    lost = lost_gpu_s({n: table.to_numpy(result.jobs, n)
                       for n in ("end_s", "work_s", "lost_s", "gpus", "gpu_s")})  # fmt: skip
    mine = queue >= 0
    return np.bincount(queue[mine], lost[mine], len(told["queues"]))


def owners(result: Result, told: dict[str, Any]) -> np.ndarray:
    """Return the number of the queue of each row of the ledger, (rows,); -1 for an outage."""
    queue, ids = queue_of(result, told), result.ledger["job_id"].combine_chunks()
    whose = np.asarray(pc.is_valid(ids))
    made = np.full(len(ids), -1, np.int64)
    made[whose] = queue[job_of(result, ids.drop_null())]
    return made


def held(begin_s: np.ndarray, end_s: np.ndarray, gpus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return from when on so many GPUs were held, and how many, (changes,) each."""
    at_s = np.concatenate([begin_s, end_s])
    order = np.argsort(at_s, kind="stable")
    return at_s[order], np.cumsum(np.concatenate([gpus, -gpus])[order])


class Level(NamedTuple):
    """What one queue held, step by step from 0 to the run's end, (steps,) each."""

    at_s: np.ndarray  # from then on
    gpus: np.ndarray
    quota: float | None

    def beyond(self) -> np.ndarray:
        """Return the GPUs held beyond the quota."""
        none = np.zeros(len(self.gpus))
        return none if self.quota is None else np.maximum(self.gpus - self.quota, 0.0)

    def idle(self) -> np.ndarray:
        """Return the GPUs of the quota that are not held."""
        none = np.zeros(len(self.gpus))
        return none if self.quota is None else np.maximum(self.quota - self.gpus, 0.0)


def lent(levels: list[Level], beside: float, end_s: float) -> list[float]:
    """Return the GPU time that others had of each queue's idle quota, (queues,), of one root.

    What is borrowed beyond `beside`, the quota of the cohorts themselves, is of the queues with
    idle quota, of each in proportion to it: lent_i = integral of max(B - C, 0) U_i / sum U.

    Neglects: that a queue may keep some of its quota to itself; which cohort within one root.
    """
    idles, beyonds = ([part(one) for one in levels] for part in (Level.idle, Level.beyond))
    if not any(beyond.any() for beyond in beyonds):
        return [0.0] * len(levels)
    times = np.concatenate([one.at_s for one in levels])
    order = np.argsort(times, kind="stable")
    borrowed, idle = (
        np.cumsum(np.concatenate([np.diff(v, prepend=0.0) for v in values])[order])
        for values in (beyonds, idles)
    )
    part = np.minimum(np.maximum(borrowed - beside, 0.0) / np.maximum(idle, 1e-9), 1.0)
    spent = np.cumsum(part * np.diff(times[order], append=end_s))
    upto = np.empty(len(times))  # of the integral, at each change of a queue
    upto[order] = np.concatenate([[0.0], spent[:-1]])
    first = np.cumsum([0, *(len(one.at_s) for one in levels)])
    made = []
    for a, b, free in zip(first[:-1], first[1:], idles, strict=True):
        made.append(float((np.diff(upto[a:b], append=spent[-1]) * free).sum()))
    return made


def quotas(result: Result) -> dict[str, Any]:
    """Return for each queue its quota and its mean and most GPUs held, the GPU time it held and
    borrowed beyond its quota, what others had of its own (`lent`), how often its jobs and replicas
    were evicted,
    and the GPU time whose work they lost, for whatever cause; empty without quotas.

    GPUs of all types count alike; shares of a GPU count as their thousandths.
    """
    told = result.manifest.get("quotas")
    if not told:
        return {}
    of, end = owners(result, told), float(result.manifest["end_s"])
    begin_s = table.to_numpy(result.ledger, "start_s")
    end_s = table.to_numpy(result.ledger, "end_s", end)
    milli = table.to_numpy(result.ledger, "gpu_milli", 1000.0)
    gpus = table.to_numpy(result.ledger, "gpus") * milli / 1000.0
    out = np.asarray(pc.equal(result.ledger["why"], "preempted"))
    runs = pa.table({"job": result.ledger["job_id"], "at": result.ledger["start_s"]})
    found: dict[str, Any] = {}
    levels: dict[str, dict[str, Level]] = {}
    lost = lost_of(result, told)
    for i, (name, one) in enumerate(told["queues"].items()):
        mine = of == i
        at_s, level = held(begin_s[mine], end_s[mine], gpus[mine])
        steps = Level(np.append(0.0, at_s), np.append(0.0, level), one["gpus"])
        levels.setdefault(one.get("root", name), {})[name] = steps
        for_s, level = np.diff(at_s), level[:-1]
        quota = one["gpus"]
        over = np.maximum(level - quota, 0.0) if quota is not None else np.zeros(len(level))
        gone = runs.filter(pa.array(mine & out)).group_by(["job", "at"]).aggregate([])
        found[name] = {
            "quota_gpus": quota,
            "mean_gpus": float((for_s * level).sum() / end) if end > 0.0 else 0.0,
            "most_gpus": float(level[for_s > 0.0].max(initial=0.0)),
            "held_gpu_s": float((for_s * level).sum()),
            "borrowed_gpu_s": float((for_s * over).sum()),
            "evictions": gone.num_rows,
            "lost_gpu_s": float(lost[i]),
        }
    for root, under in levels.items():
        beside = float(told.get("roots", {}).get(root, 0.0))
        for name, gpu_s in zip(under, lent(list(under.values()), beside, end), strict=True):
            found[name]["lent_gpu_s"] = gpu_s
    return found
