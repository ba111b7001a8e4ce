"""What each queue of a quota held, borrowed, lent and lost, as lines of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST = 24
"""Queues at most that are shown, those that held most GPU time."""


def lines(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a line a queue, who held most first: GPUs, GPU-hours, evictions; [] without quotas."""
    rows = sorted(metrics["by_queue"].items(), key=lambda item: (-item[1]["held_gpu_s"], item[0]))
    return [
        {
            "name": name,
            "quota": "–" if row["quota_gpus"] is None else f"{row['quota_gpus']:,.0f}",
            "mean": f"{row['mean_gpus']:,.1f}",
            "most": f"{row['most_gpus']:,.0f}",
            "evictions": f"{row['evictions']:,}",
        }
        | {
            part: f"{row[f'{part}_gpu_s'] / 3600.0:,.1f}"
            for part in ("held", "borrowed", "lent", "lost")
        }
        for name, row in rows[:MOST]
    ]
