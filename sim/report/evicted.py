"""Who lost its nodes to whom in a run: a sentence, classes of jobs, tenants against each other.

Source: the metrics `evictions`, `by_size` and `by_tenant`. Neglects: evictions between pairs of
tenants beyond the most frequent (`results.metrics.evictions.PAIRS`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WORDS = {
    "preempted": "was evicted for another",
    "suspended": "was suspended for another",
    "node_fail": "lost a node to a failure",
}
MOST = 12
"""Tenants at most that are held against each other."""


def told(metrics: Mapping[str, Any]) -> str:
    """Return in sentences how often jobs lost their nodes and what it cost; "" if none did."""
    found = metrics["evictions"]
    if not found["count"]:
        return ""
    said = [
        f"{many:,} time{'s' if many != 1 else ''} a job {WORDS[why]}"
        for why, many in found["count"].items()
    ]
    held_h, lost_h = sum(found["gpu_s"].values()) / 3600.0, metrics["lost_gpu_s"] / 3600.0
    kept = f"{lost_h:,.1f} of them were work to be done again" if lost_h > 0 else "no work was lost"
    text = f"{', '.join(said)}. The runs cut short had held {held_h:,.1f} GPU-hours; {kept}."
    if found["longest_chain"] > 1:
        text += (f" Evicted jobs evict others in their turn: the longest such chain has "
                 f"{found['longest_chain']} jobs.")  # fmt: skip
    return text


def borrowed(metrics: Mapping[str, Any]) -> str:
    """Return in sentences what services took from running jobs; "" if they took nothing."""
    found = metrics.get("borrowed")
    if not found:
        return ""
    many = found["evictions"]
    return (
        f"Services took nodes from running jobs {many:,} time{'s' if many != 1 else ''}: they had "
        f"{found['borrowed_gpu_hours']:,.1f} GPU-hours of them, "
        f"{found['returned_gpu_hours']:,.1f} with replicas that were gone by the end. It cost "
        f"these jobs {found['lost_gpu_hours']:,.1f} GPU-hours of work to be done again, and "
        f"{found['waited_gpu_hours']:,.1f} waited until they ran again. The same run with "
        "preemption=none tells what their waits were without."
    )


def lines(part: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a line a class of jobs that was sent back: how often, a job and in all, and lost."""
    return [
        {
            "name": name,
            "jobs": row["jobs"],
            "restarts": row["restarts"],
            "each": row["restarts"] / row["jobs"] if row["jobs"] else 0.0,
            "lost_gpu_h": row["lost_gpu_s"] / 3600.0,
        }
        for name, row in part.items()
    ]


def matrix(metrics: Mapping[str, Any]) -> tuple[Sequence[str], list[tuple[str, list[int]]]]:
    """Return who gave way, and a line each who took: how often from each of those.

    Empty where tenants are not told apart.
    """
    by = metrics["evictions"]["by_tenant"]
    total = {name: sum(row.values()) for name, row in by.items()}
    takers = sorted(by, key=lambda name: (-total[name], name))[:MOST]
    gave: dict[str, int] = {}
    for name in takers:
        for other, times in by[name].items():
            gave[other] = gave.get(other, 0) + times
    others = sorted(gave, key=lambda name: (-gave[name], name))[:MOST]
    if len({*takers, *others} - {"(nobody)"}) < 2:
        return [], []
    return others, [(name, [by[name].get(other, 0) for other in others]) for name in takers]
