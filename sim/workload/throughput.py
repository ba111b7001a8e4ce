"""How fast each class of jobs runs on each type of GPU."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from sim.errors import RackplanError, ScenarioError
from sim.files import find, sha256
from sim.table import codes
from sim.workload import rules

Speeds = Mapping[str, Mapping[str, float]]
Throughput = Speeds | str | None
"""{class: {GPU type: speed}}, or a CSV file with the columns job_class, gpu_type, speed."""
HEADER = ("job_class", "gpu_type", "speed")


def of_file(path: str) -> dict[str, dict[str, Any]]:
    """Return what a CSV file says; a value that is no number stays a word."""
    with find(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not set(HEADER) <= set(reader.fieldnames or ()):
            raise RackplanError(f"{path} lacks a header with {', '.join(HEADER)}")
        made: dict[str, dict[str, Any]] = {}
        for row in reader:
            try:
                speed: Any = float(row["speed"])
            except (TypeError, ValueError):
                speed = row["speed"]
            made.setdefault(row["job_class"], {})[row["gpu_type"]] = speed
    return made


def issues(throughput: Any, path: str = "workload.throughput") -> list[str]:
    """Return every fault of the table, each as `path: what is; what must be`."""
    if throughput is None:
        return []
    if isinstance(throughput, str):
        try:
            throughput = of_file(throughput)
        except (RackplanError, OSError, ValueError) as fault:
            return [f"{path}: {fault}"]
    if not isinstance(throughput, Mapping):
        return [f"{path}: is {throughput!r}; must be {{class: {{GPU type: speed}}}}, or a CSV file"]
    found = []
    for name, speeds in throughput.items():
        if not isinstance(speeds, Mapping) or not speeds:
            found.append(f"{path}.{name}: is {speeds!r}; must give each GPU type a speed above 0")
            continue
        for gpu, speed in speeds.items():
            if not isinstance(gpu, str) or not gpu or any(c in gpu for c in "|:, "):
                found.append(f"{path}.{name}: has {gpu!r}; must be a GPU type without | : , space")
            found += rules.above(f"{path}.{name}.{gpu}", speed, 0.0, 1e6)
    return found


def resolved(jobs: pa.Table, throughput: Throughput) -> pa.Table:
    """Return the jobs with the `gpu_types` of their class; those of their own stand.

    A type that the class does not name is not for it. ScenarioError names classes without speeds.
    """
    if throughput is None or "job_class" not in jobs.column_names:
        return jobs
    speeds = of_file(throughput) if isinstance(throughput, str) else throughput
    code, names = codes(jobs, "job_class")
    if lacking := [name for name in names if name and name not in speeds]:
        known = ", ".join(map(str, speeds)) or "none"
        raise ScenarioError([
            f"workload.throughput: has no class {name!r}, which jobs have; it has {known}"
            for name in lacking[:20]
        ])  # fmt: skip
    texts = [
        "|".join(f"{gpu}:{float(speed)!r}" for gpu, speed in speeds[name].items()) if name else ""
        for name in names
    ]
    own, words = codes(jobs, "gpu_types")
    text = np.where(np.array(words, object)[own] != "", np.array(words, object)[own],
                    np.array(texts, object)[code])  # fmt: skip
    column = pa.array([word or None for word in text], pa.string())
    if "gpu_types" in jobs.column_names:
        return jobs.set_column(jobs.column_names.index("gpu_types"), "gpu_types", column)
    return jobs.append_column("gpu_types", column)


def read_from(throughput: Throughput) -> dict[str, str]:
    """Return the SHA-256 of the file it was read from, if there is one."""
    return {throughput: sha256(find(throughput))} if isinstance(throughput, str) else {}
