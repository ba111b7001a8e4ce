"""How a sweep ends: one comparison, in the terminal and as a page beside the runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from sim.errors import RackplanError

CLAIM = ".running"
FAILED: list[str] = []
"""The runs of this process's sweep that failed."""

HEADLINE = {
    "wait_mean_s": ("wait_s", "mean"),
    "wait_p95_s": ("wait_s", "p95"),
    "jct_mean_s": ("jct_s", "mean"),
    "bounded_slowdown_mean": ("bounded_slowdown", "mean"),
    "occupancy_frac": ("occupancy",),
    "makespan_s": ("makespan_s",),
    "jain_tenants": ("jain_tenants",),
}


def reached(metrics: dict[str, Any], path: tuple[str, ...]) -> float | None:
    """Return a number of metrics.json by its path; None where it is not known."""
    found: Any = metrics
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return None if found is None else float(found)


def design_of(overrides: list[str]) -> dict[str, str]:
    """Return what a run chose, without its seed."""
    pairs = dict(o.lstrip("+").split("=", 1) for o in overrides if "=" in o)
    return {key: value for key, value in pairs.items() if key != "seed"}


def rows_of(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row a run of a sweep's folder, in order of its number, and the faults of others."""
    rows, faults = [], []
    places = [p for p in folder.iterdir() if p.is_dir()]
    for place in sorted(places, key=lambda p: (len(p.name), p.name)):
        if (place / "fault.txt").exists():
            said = (place / "fault.txt").read_text(encoding="utf-8").strip().splitlines()
            faults.append(f"{place.name}: {said[-1] if said else 'failed'}")
        elif (place / "manifest.json").exists():
            manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
            metrics = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
            rows.append(
                {
                    "design": design_of(manifest["config"].get("overrides", [])),
                    "seed": manifest["seed"],
                    "run": place.name,
                    "metrics": {name: reached(metrics, path) for name, path in HEADLINE.items()},
                }
            )
    varied = {k for row in rows for k in row["design"]}
    same = {k for k in varied if len({row["design"].get(k) for row in rows}) == 1}
    for row in rows:  # what never varies is no part of a design
        row["design"] = {k: v for k, v in row["design"].items() if k not in same}
    return rows, faults


def claim(folder: Path, overwrite: bool) -> None:
    """Take a folder for one sweep; RackplanError if it holds one, or another runs there."""
    taken = [*folder.glob("*/manifest.json"), *folder.glob("compare.html")]
    if taken and not overwrite:
        raise RackplanError(
            f"{folder} holds a sweep already; choose another hydra.sweep.dir or say overwrite=true"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(folder / CLAIM, os.O_CREAT | (0 if overwrite else os.O_EXCL)))
    except FileExistsError:
        raise RackplanError(
            f"{folder}: another sweep runs there, or was cut short; choose another "
            "hydra.sweep.dir or say overwrite=true"
        ) from None


class CompareRuns(Callback):
    """Hydra calls this when a sweep begins and when it is over."""

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing: launchers pickle callbacks to their workers."""
        return {}

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse to mix the sweep with another one."""
        del kwargs
        from sim.app.terminal import fault

        try:
            claim(Path(config.hydra.sweep.dir), config.overwrite is True)
        except (RackplanError, OSError) as error:  # Hydra would pass over an ordinary exception
            fault(error)
            sys.exit(2)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Compare the runs of the sweep."""
        del kwargs
        from sim.app.terminal import fault, grid
        from sim.report import comparison, write_comparison

        folder = Path(config.hydra.sweep.dir)
        (folder / CLAIM).unlink(missing_ok=True)
        rows, faults = rows_of(folder)
        if rows:
            made = comparison(rows)
            grid("comparison", made.header(), made.cells())
            page = write_comparison(made, folder / "compare.html")
            print(f"comparison: {page}")
        for text in faults:
            fault(f"run {text}")
        FAILED.extend(faults)
