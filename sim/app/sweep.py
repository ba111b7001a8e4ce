"""How a sweep ends: one comparison, in the terminal and as a page beside the runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from sim.app.designs import folders_of, refused
from sim.app.patience import unhurried
from sim.errors import RackplanError

CLAIM, FAULT, PAGE = ".running", "fault.txt", "compare.html"
FAILED: list[str] = []
"""The runs of this process's sweep that failed."""
UNDER_WAY: list[Path] = []
"""The folder of this process's sweep, until it is compared."""
NO_DESIGN = ("seed", "overwrite", "report")
"""What a run is told beside its design."""

HEADLINE = {
    "jobs": ("jobs", "submitted"),
    "wait_mean_s": ("waiting_s", "mean"),
    "wait_p95_s": ("waiting_s", "p95"),
    "jct_mean_s": ("jct_s", "mean"),
    "bounded_slowdown_mean": ("bounded_slowdown", "mean"),
    "occupancy_frac": ("occupancy",),
    "makespan_s": ("makespan_s",),
    "jain_tenants": ("jain_tenants",),
    "network_slowdown_mean": ("network", "slowdown", "mean"),
    "for_gpus_mean_s": ("waited_for", "for_gpus_s"),
    "scattered_mean_s": ("waited_for", "scattered_s"),
    "held_back_mean_s": ("waited_for", "held_back_s"),
    "wait_1_s": ("by_size", "1", "waiting_s", "mean"),
    "wait_2_7_s": ("by_size", "2-7", "waiting_s", "mean"),
    "wait_8_s": ("by_size", "8", "waiting_s", "mean"),
    "wait_9_64_s": ("by_size", "9-64", "waiting_s", "mean"),
    "wait_65_s": ("by_size", ">64", "waiting_s", "mean"),
    "fragmentation_frac": ("fragmentation",),
    "restarts": ("restarts",),
    "suspended": ("evictions", "count", "suspended"),
    "lost_gpu_s": ("lost_gpu_s",),
    "worst_tenant_slowdown": ("worst_tenant_slowdown",),
    "slo_attainment_frac": ("serving", "slo_attainment"),
    "gpu_hours": ("serving", "gpu_hours"),
    "served_usd": ("serving", "cost_usd"),
    "usd_per_mtok": ("serving", "usd_per_million_tokens"),
    "gpu_hours_per_mtok": ("serving", "gpu_hours_per_million_tokens"),
    "replica_hours": ("serving", "replica_hours"),
    "ttft_p99_s": ("serving", "ttft_p99_s"),
    "tpot_p99_s": ("serving", "tpot_p99_s"),
    "goodput": ("serving", "goodput_per_s"),
    "offline_token_rate": ("serving", "offline_output_tokens_per_s"),
    "deadline_met_frac": ("serving", "deadline_met"),
    "cold_starts": ("serving", "cold_starts"),
    "shed": ("serving", "shed"),
    "node_gpu_hours": ("fleet", "on_gpu_hours"),
    "away_gpu_hours": ("fleet", "away_gpu_hours"),
    "node_usd": ("fleet", "cost_usd"),
    "nodes_gone": ("fleet", "went"),
    "borrowed_gpu_hours": ("borrowed", "borrowed_gpu_hours"),
    "borrowed_evictions": ("borrowed", "evictions"),
    "borrowed_lost_gpu_hours": ("borrowed", "lost_gpu_hours"),
    "borrowed_waited_gpu_hours": ("borrowed", "waited_gpu_hours"),
    "lent_gpu_hours": ("fleet", "lending", "lent_gpu_hours"),
    "returned_gpu_hours": ("fleet", "lending", "returned_gpu_hours"),
    "late_gpu_hours": ("fleet", "lending", "late_gpu_hours"),
    "lent_stops": ("fleet", "stopped", "lent", "evictions"),
    "lent_lost_gpu_hours": ("fleet", "stopped", "lent", "lost_gpu_hours"),
    "lent_waited_gpu_hours": ("fleet", "stopped", "lent", "waited_gpu_hours"),
}


def reached(metrics: dict[str, Any], path: tuple[str, ...]) -> float | None:
    """Return a number of metrics.json by its path; None where it is not known."""
    found: Any = metrics
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return None if found is None else float(found)


def tenants_of(metrics: dict[str, Any]) -> dict[str, float]:
    """Return the mean slowdown of each tenant of whom a job has ended."""
    found = {
        name: reached(row, ("bounded_slowdown", "mean"))
        for name, row in metrics.get("by_tenant", {}).items()
    }
    return {name: value for name, value in found.items() if value is not None}


def not_completed(states: Mapping[str, int]) -> float:
    """Return how many of the jobs submitted were not completed, whatever became of them."""
    return float(states["submitted"] - states.get("completed", 0))


def of_quotas(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what queues lent of their quota and took beyond it, GPU-hours; None without quotas."""
    found = metrics.get("by_queue", {}).values()
    return {
        f"quota_{part}_gpu_hours": sum(one[f"{part}_gpu_s"] for one in found) / 3600.0
        if found else None
        for part in ("lent", "borrowed")
    }  # fmt: skip


def design_of(overrides: list[str]) -> dict[str, str]:
    """Return what a run chose, without its seed and without where and how it is written."""
    pairs = dict(o.lstrip("+").split("=", 1) for o in overrides if "=" in o)
    return {
        key: value
        for key, value in pairs.items()
        if key not in NO_DESIGN and not key.startswith(("hydra.", "hydra/"))
    }


def places_of(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the folders of the runs of this sweep, by number, and the names of an earlier one's.

    Which are which the claim tells: it is older than whatever this sweep wrote.
    """
    claim = folder / CLAIM
    since = claim.stat().st_mtime_ns if claim.exists() else 0
    mine, earlier = [], []
    for place in sorted(folder.iterdir(), key=lambda p: (len(p.name), p.name)):
        signs = [place / name for name in (FAULT, "manifest.json") if (place / name).exists()]
        if any(sign.stat().st_mtime_ns >= since for sign in signs):
            mine.append(place)
        elif signs:
            earlier.append(place.name)
    return mine, earlier


def rows_of(places: Iterable[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row a run that is whole, and the faults of the others."""
    rows, faults = [], []
    for place in places:
        if (place / FAULT).exists():
            said = (place / FAULT).read_text(encoding="utf-8").strip().splitlines()
            faults.append(f"{place.name}: {said[-1] if said else 'failed'}")
        else:
            manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
            found = (place / "metrics.json").read_bytes()
            metrics = json.loads(found)
            if manifest["status"] == "interrupted":
                faults.append(f"{place.name}: was interrupted; it is left out of the comparison")
                continue
            rows.append(
                {
                    "design": design_of(manifest["config"].get("overrides", [])),
                    "seed": manifest["seed"],
                    "run": place.name,
                    "metrics": {name: reached(metrics, path) for name, path in HEADLINE.items()}
                    | {"not_completed": not_completed(metrics["jobs"])}
                    | of_quotas(metrics),
                    "tenants": tenants_of(metrics),
                    "notes": manifest.get("notes", []),
                    "digest": hashlib.sha256(found).hexdigest(),
                }
            )
    varied = {k for row in rows for k in row["design"]}
    same = {k for k in varied if len({row["design"].get(k) for row in rows}) == 1}
    for row in rows:  # what never varies is no part of a design
        row["design"] = {k: v for k, v in row["design"].items() if k not in same}
    return rows, faults


def together(faults: Iterable[str]) -> list[str]:
    """Return faults of runs, `number: what`, those of one kind in one line."""
    runs: dict[str, list[str]] = {}
    for text in faults:
        number, _, what = text.partition(": ")
        runs.setdefault(what, []).append(number)
    return [f"{', '.join(numbers)}: {what}" for what, numbers in runs.items()]


def claim(folder: Path, overwrite: bool) -> None:
    """Take a folder for one sweep; RackplanError if it holds one, or another runs there."""
    taken = [*folder.glob("*/manifest.json"), *folder.glob(PAGE)]
    if taken and not overwrite:
        raise RackplanError(
            f"{folder} holds a sweep already; choose another hydra.sweep.dir or say overwrite=true"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if overwrite:
        for name in (CLAIM, PAGE):
            (folder / name).unlink(missing_ok=True)
    try:
        os.close(os.open(folder / CLAIM, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        raise RackplanError(
            f"{folder}: another sweep runs there, or was cut short; choose another "
            "hydra.sweep.dir or say overwrite=true"
        ) from None
    UNDER_WAY.append(folder)


def let_go() -> None:
    """Leave the folder of a sweep to others."""
    while UNDER_WAY:
        with contextlib.suppress(OSError):
            (UNDER_WAY.pop() / CLAIM).unlink(missing_ok=True)


def compared(folder: Path) -> int:
    """Compare the runs of a sweep that are whole, and return how many they are."""
    from sim.app.terminal import fault, grid, though_closed
    from sim.report import comparison, write_comparison
    from sim.report.alike import alike
    from sim.report.lent import against

    with unhurried(lambda: "interrupted; the runs that are whole were not compared"):
        places, earlier = places_of(folder)
        let_go()
        rows, faults = rows_of(places)
        if rows:
            made = comparison(rows)
            page = write_comparison(made, folder / PAGE)
            with though_closed():
                grid("comparison", made.header(), made.cells(), made.first_to_go())
                for text in [*alike(made.designs), *against(made.designs)]:
                    print(text)
                print(f"comparison: {page}")
        with though_closed():
            for text in together(faults):
                fault(f"run {text}")
            if earlier:
                print(f"not compared, of an earlier sweep in {folder}: run {', '.join(earlier)}")
        FAILED.extend(faults)
    return len(rows)


def code() -> int:
    """Return the code of this process's sweep: CLOSED where nobody read on, 1 if a run failed."""
    from sim.app.terminal import CLOSED, UNREAD

    return CLOSED if UNREAD else min(len(FAILED), 1)


def cut_short() -> str:
    """End a sweep after Ctrl-C: compare what is whole, and say so; "" if none was under way."""
    if not UNDER_WAY:
        return ""
    try:
        done = compared(UNDER_WAY[-1])
    except KeyboardInterrupt as error:
        return str(error)
    if not done:
        return "interrupted before a run of the sweep was whole"
    many = "1 run that is" if done == 1 else f"{done} runs that are"
    return f"interrupted; the comparison is of the {many} whole"


class CompareRuns(Callback):
    """Hydra calls this when a sweep begins and when it is over."""

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing: launchers pickle callbacks to their workers."""
        return {}

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse to mix the sweep with another one; tell which of its designs cannot be."""
        del kwargs
        from sim.app.terminal import fault, though_closed

        try:
            claim(Path(config.hydra.sweep.dir), config.overwrite is True)
        except (RackplanError, OSError) as error:  # Hydra would pass over an ordinary exception
            fault(error)
            sys.exit(2)
        here = config.hydra
        wrong = refused(
            here.overrides.task, here.job.config_name, folders_of(here.runtime.config_sources)
        )
        with though_closed():
            for design, text in [(d, t) for d, faults in wrong.faults.items() for t in faults]:
                fault(f"will be left out: {design or 'every run'}: {text}")
        if wrong.all_of_them:
            let_go()
            sys.exit(1)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Compare the runs of the sweep."""
        del kwargs
        compared(Path(config.hydra.sweep.dir))
