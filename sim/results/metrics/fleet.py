"""Nodes that came and went: hours, money, and what was stopped for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import table
from sim.results.metrics.lending import lending, stopped

if TYPE_CHECKING:
    from sim.results.result import Result

PAID = ("coming", "on", "leaving")
STATES = ("absent", "off", *PAID)
AWAY = ("off", "lent")


def fleet(result: Result) -> dict[str, Any]:
    """Return the numbers of nodes that came and went, over the whole run; {} where none did.

    node_hours = hours in each state, summed over nodes: together nodes x span; bought_gpu_hours =
    GPUs times hours not absent; on_gpu_hours = those coming, on or leaving; away_gpu_hours = the
    others: off_gpu_hours, asleep or the provider's, and lent_gpu_hours, with others; used_gpu_hours
    = held by jobs and replicas; cost_usd = price times hours coming, on or leaving, without those
    asked for in vain. lending and stopped: see `lending`; only where there was such a thing.
    """
    rows = result.node_states
    if rows is None:
        return {}
    code, words = table.codes(rows, "state")
    begin, end, gpus = (table.to_numpy(rows, n) for n in ("begin_s", "end_s", "gpus"))
    hours = (end - begin) / 3600.0
    state = np.array(words)[code]
    why, pool = np.array(rows.column("why").to_pylist()), rows.column("pool").to_pylist()
    price = {one["pool"]: float(one["node_h_usd"]) for one in result.manifest["fleet"]}
    paid = np.isin(state, PAID)
    used = float(table.to_numpy(result.nodes, "busy_gpu_s").sum()) / 3600.0
    on = float((hours * gpus)[paid].sum())
    billed = paid & (why != "refused")
    away = {name: float((hours * gpus)[state == name].sum()) for name in AWAY}
    lent, stops = lending(result), stopped(result)
    states = (*STATES, "lent") if lent else STATES
    cost = float((hours * np.array([price[name] for name in pool]))[billed].sum())
    return {
        "fleet": {
            "node_hours": {name: float(hours[state == name].sum()) for name in states},
            "bought_gpu_hours": float((hours * gpus)[state != "absent"].sum()),
            "on_gpu_hours": on,
            "away_gpu_hours": float((hours * gpus)[np.isin(state, AWAY)].sum()),
            **{f"{name}_gpu_hours": away[name] for name in AWAY},
            "used_gpu_hours": used,
            "used_share": used / on if on > 0.0 else None,
            "cost_usd": cost if any(price.values()) else None,
            "came": int(np.isin(why, ("came", "delivered")).sum()),
            "went": int(((state == "on") & (why != "cut")).sum()),
            "refused": int((why == "refused").sum()),
            "interrupted": int((why == "interrupted").sum()),
            **({"lending": lent} if lent else {}),
            **({"stopped": stops} if stops else {}),
        }
    }


def lent_away(found: Mapping[str, Any]) -> dict[str, str]:
    """Return what lending gave and who was stopped for nodes that went, as text; {} without."""
    told = {}
    if lent := found.get("lending"):
        told["GPU-hours lent"] = (
            f"{lent['lent_gpu_hours']:,.1f} with others, {lent['returned_gpu_hours']:,.1f} of them "
            f"returned; {lent['here_gpu_hours']:,.1f} here"
        )
    for why, cost in found.get("stopped", {}).items():
        told[f"stopped, nodes {why}"] = (
            f"{cost['evictions']:,} times a job, {cost['lost_gpu_hours']:,.1f} GPU-hours of work "
            f"lost, {cost['waited_gpu_hours']:,.1f} waited"
        ) + (f"; {cost['replicas']:,} replicas" if cost["replicas"] else "")
    return told


def headline(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Return what one looks at first of nodes that came and went, as text; {} where none did."""
    if "fleet" not in metrics:
        return {}
    found = metrics["fleet"]
    share = found["used_share"]
    used = "" if share is None else f" ({100.0 * share:.1f} %)"
    text = f"{found['on_gpu_hours']:,.1f} on, {found['used_gpu_hours']:,.1f} used{used}, " \
           f"{found['away_gpu_hours']:,.1f} away"  # fmt: skip
    cost = found["cost_usd"]
    told = {"GPU-hours of nodes": text + ("" if cost is None else f"; {cost:,.0f} usd")}
    told |= lent_away(found)
    told["nodes"] = f"{found['came']:,} came, {found['went']:,} went" + "".join(
        f", {found[name]:,} {name}" for name in ("refused", "interrupted") if found[name]
    )
    return told
