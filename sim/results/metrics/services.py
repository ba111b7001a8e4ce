"""How services answered, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim import table
from sim.results.answers import NOBODY, Answers, Block
from sim.results.metrics.jobs import Number, spread
from sim.units import human_s

if TYPE_CHECKING:
    from sim.results.result import Result

TIMES = ("ttft_s", "tpot_s", "e2e_s")


def ratio(part: float, whole: float) -> Number:
    """Return part / whole; None where the whole is nothing."""
    return float(part) / float(whole) if whole > 0.0 else None


def of(made: pa.Table, name: str) -> pa.Table:
    """Return the rows of one service, or pool."""
    return made.filter(pc.equal(made.column("service"), name))


def added(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the numbers of pools together, sums; loads and waits for GPUs are each pool's own."""
    if len(parts) == 1:
        return dict(parts[0])
    plain = [name for name, value in parts[0].items() if np.isscalar(value)]
    made = {name: sum(one[name] for one in parts if name in one) for name in plain}
    if not all("cost_usd" in one for one in parts):
        made.pop("cost_usd", None)
    return made


def pool(result: Result, about: Mapping[str, Any], warm_s: float, end_s: float) -> dict[str, Any]:
    """Return the numbers of a service's replicas, of one pool: hours, cost, loads."""
    assert result.replicas is not None
    assert result.services is not None
    one = replicas(of(result.replicas, about["name"]), int(about["gpus"]), warm_s, end_s)
    if (price := about.get("gpu_h_usd")) is not None:
        one["cost_usd"] = one["gpu_hours"] * float(price)
    lines = of(result.services, about["name"])
    late = table.to_numpy(lines, "time_s") >= warm_s
    for column in ("ready", "kv_share", "running", "waiting"):
        values = table.to_numpy(lines, column)[late]
        known = values[~np.isnan(values)]
        one[column] = {"mean": float(known.mean()) if known.size else None,
                       "max": float(known.max()) if known.size else None}  # fmt: skip
    return one


def replicas(rows: pa.Table, gpus: int, warm_s: float, end_s: float) -> dict[str, Any]:
    """Return what the replicas of a service cost: hours held, of these before ready and draining.

    replica_hours = sum over replicas of (end - start) / 1 h; gpu_hours = that times GPUs each. What
    lies before the warm-up counts for nothing, as with requests.
    """
    start, ready, told, end = (
        table.to_numpy(rows, name) for name in ("start_s", "ready_s", "told_s", "end_s")
    )
    asked = table.to_numpy(rows, "asked_s")
    until = np.maximum(np.where(np.isnan(end), end_s, end), warm_s)
    begin, up, leaves = (np.maximum(at_s, warm_s) for at_s in (start, ready, told))
    held = np.where(np.isnan(start), 0.0, until - begin)
    cold = np.where(np.isnan(start), 0.0, np.fmin(np.where(np.isnan(up), until, up), until) - begin)
    drain = np.where(np.isnan(ready) | np.isnan(told), 0.0, until - leaves)
    why = rows.column("why").to_pylist()
    return {
        "replica_hours": float(held.sum()) / 3600.0,
        "gpu_hours": float(held.sum()) * gpus / 3600.0,
        "starting_hours": float(cold.sum()) / 3600.0,
        "draining_hours": float(drain.sum()) / 3600.0,
        "cold_starts": int(((ready > start) & (ready >= warm_s)).sum()),
        "asked": len(start),
        "lost": sum(word in ("node_fail", "preempted") for word in why),
        "wait_for_gpus_s": spread(start - asked),
    }


class Counted:
    """Numbers of requests that came from the warm-up on, added up block by block."""

    def __init__(self, about: Mapping[str, Any], names: Sequence[str], warm_s: float) -> None:
        """Begin with none; `names` are the classes that occur."""
        slo = about["slo_ttft_s"], about["slo_tpot_s"]
        own = about.get("slo_by_class") or {}
        self.each = np.array([own.get(name, slo) for name in names or [NOBODY]], np.float64)
        self.warm_s, self.last_s = warm_s, -np.inf
        self.requests, self.good = np.zeros((2, len(self.each)), np.int64)  # by class
        self.ended = self.shed = self.prompt = self.output = self.preempted = 0

    def add(self, block: Block) -> None:
        """Add the requests of a block."""
        late, code, e2e = block["arrival_s"] >= self.warm_s, block["class"], block["e2e_s"]
        good = late & (block["ttft_s"] <= self.each[code, 0])
        good &= block["tpot_s"] <= self.each[code, 1]
        self.requests += np.bincount(code[late], minlength=len(self.each))
        self.good += np.bincount(code[good], minlength=len(self.each))
        known = ~np.isnan(e2e)
        self.last_s = max(self.last_s, (block["arrival_s"] + e2e)[known].max(initial=-np.inf))
        ended = late & known
        self.ended += int(ended.sum())
        self.shed += int((late & block["shed"]).sum())
        self.prompt += int(block["prompt_tokens"][ended].sum())
        self.output += int(block["output_tokens"][ended].sum())
        self.preempted += int(block["preemptions"][late].sum())


def spreads(
    asked: Answers, service: str, name: str, warm_s: float, requests: np.ndarray
) -> list[dict[str, Number]]:
    """Return the spread of a column by class, over the requests from the warm-up on.

    `requests` says how many each class has at most, (classes,); of one all count as alike.
    """
    begin, apart = np.cumsum(requests) - requests, len(requests) > 1
    every, n = np.empty(int(requests.sum())), begin.copy()
    for block in asked.blocks(service):
        counts = (block["arrival_s"] >= warm_s) & ~np.isnan(block[name])
        values, code = block[name][counts], block["class"][counts]
        for k in np.unique(code) if apart else (0,):
            own = values[code == k] if apart else values
            every[n[k] : n[k] + len(own)] = own
            n[k] += len(own)
    return [spread(every[b:e], True) for b, e in zip(begin.tolist(), n.tolist(), strict=True)]


def answered(
    asked: Answers, about: Mapping[str, Any], warm_s: float, end_s: float
) -> dict[str, Any]:
    """Return how the requests of a service fared that came from the warm-up on.

    slo_attainment = those answered within both targets, its class's where that has its own / all
    that came, shed and open ones too; goodput = those a second. A request still open when the run
    stopped, and not yet beyond its target, counts as missed; it is left out of the percentiles of
    what it has not had.
    """
    service, names = about["name"], asked.classes(about["name"])
    made = Counted(about, names, warm_s)
    for block in asked.blocks(service):
        made.add(block)
    many, good = int(made.requests.sum()), int(made.good.sum())
    span_s = (min(end_s, made.last_s) if made.ended else end_s) - warm_s
    whole = np.array([many])
    found: dict[str, Any] = {
        "requests": many,
        "answered": made.ended,
        "shed": made.shed,
        **{name: spreads(asked, service, name, warm_s, whole)[0] for name in TIMES},
        "slo_attainment": ratio(good, many),
        "goodput_per_s": ratio(good, span_s),
        "requests_per_s": ratio(made.ended, span_s),
        "prompt_tokens": made.prompt,
        "output_tokens": made.output,
        "output_tokens_per_s": ratio(made.output, span_s),
        "preemptions": made.preempted,
    }
    if names:
        apart = {n: spreads(asked, service, n, warm_s, made.requests) for n in TIMES[:2]}
        found["by_class"] = {
            name: {
                "requests": int(made.requests[k]),
                "slo_ttft_s": float(made.each[k, 0]),
                "slo_tpot_s": float(made.each[k, 1]),
                "slo_attainment": ratio(int(made.good[k]), int(made.requests[k])),
                **{n: apart[n][k] for n in TIMES[:2]},
            }
            for k, name in enumerate(names)
        }
    return found


def services(result: Result) -> dict[str, Any]:
    """Return the numbers of each service by name, and of all together; {} where there is none."""
    abouts = result.manifest.get("services") or []
    if result.answers is None or result.replicas is None or result.services is None:
        return {}
    end_s, warm_s = (float(result.manifest.get(k) or 0.0) for k in ("end_s", "warmup_s"))
    found: dict[str, Any] = {}
    for about in abouts:
        name = about["name"]
        one = answered(result.answers, about, warm_s, end_s)
        parts = {p["name"]: pool(result, p, warm_s, end_s) for p in about.get("pools") or [about]}
        one |= added(list(parts.values()))
        if len(parts) > 1:
            one["pools"] = parts
        one["gpu_hours_per_million_tokens"] = ratio(one["gpu_hours"], one["output_tokens"] / 1e6)
        one["tokens_per_gpu_s"] = ratio(one["output_tokens"], one["gpu_hours"] * 3600.0)
        if "cost_usd" in one:
            one["usd_per_million_tokens"] = ratio(one["cost_usd"], one["output_tokens"] / 1e6)
        found[name] = one
    return {"services": found, "serving": together(found)}


def together(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all services make together: shares by requests, tails of the worst service.

    cost_usd = GPU-hours x price, per million output tokens too; left out unless all have a price.
    """

    def total(name: str) -> float:
        return float(sum(one[name] or 0.0 for one in found.values()))

    def worst(name: str, at: str) -> Number:
        known = [one[name][at] for one in found.values() if one[name][at] is not None]
        return max(known, default=None)

    priced = all("cost_usd" in one for one in found.values()) and bool(found)
    cost = {} if not priced else {
        "cost_usd": total("cost_usd"),
        "usd_per_million_tokens": ratio(total("cost_usd"), total("output_tokens") / 1e6),
    }  # fmt: skip
    met = sum((one["slo_attainment"] or 0.0) * one["requests"] for one in found.values())
    return {
        **{name: int(total(name)) for name in ("requests", "answered", "shed", "cold_starts")},
        "slo_attainment": ratio(met, total("requests")),
        **{name: total(name) for name in ("goodput_per_s", "replica_hours", "gpu_hours")},
        "gpu_hours_per_million_tokens": ratio(total("gpu_hours"), total("output_tokens") / 1e6),
        "tokens_per_gpu_s": ratio(total("output_tokens"), total("gpu_hours") * 3600.0),
        **cost,
        "ttft_p50_s": worst("ttft_s", "p50"),
        "ttft_p99_s": worst("ttft_s", "p99"),
        "tpot_p99_s": worst("tpot_s", "p99"),
        "e2e_p99_s": worst("e2e_s", "p99"),
    }


def headline(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Return what one looks at first of services, as text; {} where there is none."""
    if "serving" not in metrics:
        return {}
    found = metrics["serving"]

    def time_of(value: float | None) -> str:
        return "–" if value is None else human_s(value)

    met = found["slo_attainment"]
    shed = f", {found['shed']:,} shed" if found["shed"] else ""
    cost = found.get("cost_usd")
    each = found.get("usd_per_million_tokens")
    told = "–" if each is None else f"{each:,.2f} usd"
    priced = {} if cost is None else {"cost": f"{cost:,.2f} usd, {told} a million output tokens"}
    return {
        "requests answered": f"{found['answered']:,} of {found['requests']:,}{shed}",
        "within the SLO": "–" if met is None else f"{100 * met:.2f} %",
        "TTFT, median / p99": f"{time_of(found['ttft_p50_s'])} / {time_of(found['ttft_p99_s'])}",
        "TPOT, p99": time_of(found["tpot_p99_s"]),
        "replicas": f"{found['replica_hours']:,.1f} replica-hours, {found['gpu_hours']:,.1f} "
        f"GPU-hours, {found['cold_starts']:,} cold starts",
        **priced,
    }
