"""Slurm's limits are read from mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.policies.quota.base import SCALE, Cap, QosLimits, Reader

GROUP = (*SCALE, "jobs", "budget_gpu_s")
"""What an account may tell of all its jobs."""
ALL = (*GROUP, "user_jobs", "wall_s",
       *(f"{whose}_{name}" for whose in ("user", "job") for name in SCALE))  # fmt: skip
"""What an association or a QOS may tell."""


def cap_of(read: Reader, path: str, given: Mapping[str, Any]) -> Cap:
    """Return the limits of an account, association or QOS besides what its group may hold."""

    def most(knob: str) -> float | None:
        if given.get(knob) is None:
            return None
        return read.number(f"{path}.{knob}", given[knob], "a number >= 0, or null", 0.0, 1e15)

    jobs, user_jobs = most("jobs"), most("user_jobs")
    return Cap(
        None if jobs is None else int(jobs), most("budget_gpu_s"),
        read.amounts(path, given, "user_"), None if user_jobs is None else int(user_jobs),
        read.amounts(path, given, "job_"), most("wall_s"),
    )  # fmt: skip


def qos_limits(read: Reader, given: Any) -> dict[str, QosLimits]:
    """Return the limits of each QOS; faults are noted."""
    made = {}
    told = read.keys("qoses", given, given if isinstance(given, Mapping) else ())
    for name, one in told.items():
        knobs = read.keys(f"qoses.{name}", one, ALL)
        group = read.amounts(f"qoses.{name}", knobs, "")
        made[str(name)] = QosLimits(group, cap_of(read, f"qoses.{name}", knobs))
    return made
