"""How services answered, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sim import table
from sim.results.metrics.answered import asked, ratio
from sim.results.metrics.jobs import Number, spread
from sim.units import human_s

if TYPE_CHECKING:
    from sim.results.result import Result


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


def services(result: Result) -> dict[str, Any]:
    """Return the numbers of each service by name, and of all together; {} where there is none."""
    abouts = result.manifest.get("services") or []
    if result.answers is None or result.replicas is None or result.services is None:
        return {}
    end_s, warm_s = (float(result.manifest.get(k) or 0.0) for k in ("end_s", "warmup_s"))
    found: dict[str, Any] = {}
    for about in abouts:
        name = about["name"]
        one = asked(result.answers, about, warm_s, end_s)
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
    """Return what all services make together: shares by requests, times of the worst service.

    kv_share = of the fullest service or pool, in the mean and at most.
    cost_usd = GPU-hours x price, per million output tokens too; left out unless all have a price.
    """

    def total(name: str) -> float:
        return float(sum(one[name] or 0.0 for one in found.values()))

    def worst(name: str, at: str) -> Number:
        known = [one[name][at] for one in found.values() if one[name][at] is not None]
        return max(known, default=None)

    pools = [one for whole in found.values() for one in whole.get("pools", {"": whole}).values()]
    full = {at: max((one["kv_share"][at] for one in pools if one["kv_share"][at] is not None),
                    default=None) for at in ("mean", "max")}  # fmt: skip
    priced = all("cost_usd" in one for one in found.values()) and bool(found)
    cost = {} if not priced else {
        "cost_usd": total("cost_usd"),
        "usd_per_million_tokens": ratio(total("cost_usd"), total("output_tokens") / 1e6),
    }  # fmt: skip
    apart = [one["offline"] for one in found.values() if "offline" in one]
    kept = sum((one["deadline_met"] or 0.0) * one["requests"] for one in apart)
    doors = {} if not apart else {
        "offline_output_tokens_per_s": sum(one["output_tokens_per_s"] or 0.0 for one in apart),
        "deadline_met": ratio(kept, sum(one["requests"] for one in apart)),
    }  # fmt: skip
    met = sum((one["slo_attainment"] or 0.0) * one["requests"] for one in found.values())
    return {
        **{name: int(total(name)) for name in ("requests", "answered", "shed", "cold_starts")},
        "slo_attainment": ratio(met, total("requests")),
        **{name: total(name) for name in ("goodput_per_s", "replica_hours", "gpu_hours")},
        "gpu_hours_per_million_tokens": ratio(total("gpu_hours"), total("output_tokens") / 1e6),
        "output_tokens_per_s": total("output_tokens_per_s"),
        "tokens_per_gpu_s": ratio(total("output_tokens"), total("gpu_hours") * 3600.0),
        "kv_share": full,
        **cost,
        **doors,
        "ttft_p50_s": worst("ttft_s", "p50"),
        "ttft_p99_s": worst("ttft_s", "p99"),
        "tpot_p99_s": worst("tpot_s", "p99"),
        "e2e_p50_s": worst("e2e_s", "p50"),
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
    kept, outside = found.get("deadline_met"), found.get("offline_output_tokens_per_s")
    offline_told = {} if outside is None else {
        "offline": f"{outside:,.0f} output tokens a second, "
        f"{'–' if kept is None else f'{100 * kept:.2f} %'} by the deadline"
    }  # fmt: skip
    priced = {} if cost is None else {"cost": f"{cost:,.2f} usd, {told} a million output tokens"}
    whole, half = (time_of(found[f"e2e_{at}_s"]) for at in ("p99", "p50"))
    made, full = found["tokens_per_gpu_s"], found["kv_share"]
    each_gpu = "" if made is None else f", {made:,.1f} a GPU held"
    return {
        "requests answered": f"{found['answered']:,} of {found['requests']:,}{shed}",
        "within the SLO": "–" if met is None else f"{100 * met:.2f} %",
        "TTFT, median / p99": f"{time_of(found['ttft_p50_s'])} / {time_of(found['ttft_p99_s'])}",
        "TPOT, p99": time_of(found["tpot_p99_s"]),
        "E2E, median / p99": f"{half} / {whole}",
        "output tokens": f"{found['output_tokens_per_s']:,.1f} a second{each_gpu}",
        "KV, mean / most": ""
        if full["mean"] is None
        else f"{100 * full['mean']:.1f} % / {100 * full['max']:.1f} %, over ready replicas",
        "replicas": f"{found['replica_hours']:,.1f} replica-hours, {found['gpu_hours']:,.1f} "
        f"GPU-hours, {found['cold_starts']:,} cold starts",
        **offline_told,
        **priced,
    }
