"""A sweep, compared: designs by seeds, differences paired by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim import files
from sim.units import human_s

LABELS = {
    "wait_mean_s": "mean wait",
    "wait_p95_s": "wait, 95 %",
    "jct_mean_s": "mean completion",
    "bounded_slowdown_mean": "mean slowdown",
    "occupancy_frac": "occupancy",
    "makespan_s": "makespan",
    "jain_tenants": "fairness (Jain)",
}
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """How a design differs from the first, in one metric: mean, and the interval's half-width."""

    mean: float
    half: float | None


@dataclass(frozen=True)
class Design:
    """One column of choices, over all its seeds."""

    name: str
    seeds: tuple[int, ...]
    values: Mapping[str, tuple[float, ...]]
    means: Mapping[str, float | None]
    against_first: Mapping[str, Difference | None]


@dataclass(frozen=True)
class Comparison:
    """Designs in order of first sight; the first is what the others are held against."""

    designs: tuple[Design, ...]

    def header(self) -> list[str]:
        """Return the head of the table."""
        return ["design", "seeds", *LABELS.values(), "mean wait against the first"]

    def cells(self) -> list[list[str]]:
        """Return the table's cells as text, a line a design."""
        made = []
        for i, design in enumerate(self.designs):
            shown = [said(name, design.means[name]) for name in LABELS]
            change = design.against_first["wait_mean_s"]
            told = "–" if i == 0 or change is None else difference("wait_mean_s", change)
            made.append([design.name, str(len(design.seeds)), *shown, told])
        return made


def said(name: str, value: float | None) -> str:
    """Return a number of a metric as one says it."""
    if value is None:
        return "–"
    if name.endswith("_frac"):
        return f"{100.0 * value:.1f} %"
    return human_s(value) if name.endswith("_s") else f"{value:.3g}"


def difference(name: str, change: Difference) -> str:
    """Return a paired difference as one says it, with its interval where there is one."""
    sign = "+" if change.mean > 0 else "−" if change.mean < 0 else "±"
    text = f"{sign}{said(name, abs(change.mean))}"
    return text if change.half is None else f"{text} (± {said(name, change.half)})"


def paired(mine: Mapping[int, float], first: Mapping[int, float]) -> Difference | None:
    """Return the mean difference over the seeds that both have, and its t-interval's half-width.

        half = t(0.975, n - 1) s / sqrt(n)           None with fewer than 2 common seeds

    Source: paired t-interval; common random numbers as in Law and Kelton, ch. 11.
    Neglects: that differences of heavy-tailed waits are far from normal for few seeds.
    """
    seeds = sorted(set(mine) & set(first))
    if not seeds:
        return None
    change = np.array([mine[seed] - first[seed] for seed in seeds])
    if len(seeds) < 2:
        return Difference(float(change.mean()), None)
    from scipy.stats import t

    half = t.ppf(0.5 + LEVEL / 2, len(seeds) - 1) * change.std(ddof=1) / math.sqrt(len(seeds))
    return Difference(float(change.mean()), float(half))


def name_of(design: Mapping[str, str]) -> str:
    """Return a design's name: its choices."""
    return " ".join(f"{key}={value}" for key, value in design.items()) or "as configured"


def comparison(rows: Sequence[Mapping[str, Any]]) -> Comparison:
    """Return the comparison of runs.

    A row is `{"design": {knob: value}, "seed": int, "metrics": {name: number or None}}`. Runs of
    one design and seed count once, the last of them.
    """
    runs: dict[str, dict[int, Mapping[str, float | None]]] = {}
    for row in rows:
        runs.setdefault(name_of(row["design"]), {})[int(row["seed"])] = row["metrics"]

    def known(own: Mapping[int, Mapping[str, float | None]], name: str) -> dict[int, float]:
        values = {seed: own[seed].get(name) for seed in sorted(own)}
        return {seed: float(v) for seed, v in values.items() if v is not None}

    first = next(iter(runs.values()), {})
    designs = []
    for name, own in runs.items():
        seen = {metric: known(own, metric) for metric in LABELS}
        designs.append(
            Design(
                name,
                tuple(sorted(own)),
                {m: tuple(v.values()) for m, v in seen.items()},
                {m: float(np.mean(list(v.values()))) if v else None for m, v in seen.items()},
                {m: paired(v, known(first, m)) for m, v in seen.items()},
            )
        )
    return Comparison(tuple(designs))


def page(made: Comparison) -> str:
    """Return the comparison as one self-contained page of HTML."""
    from sim.report import figures
    from sim.report.html import environment

    names = [design.name for design in made.designs]
    best = min(
        (d for d in made.designs if d.means["wait_mean_s"] is not None),
        key=lambda d: d.means["wait_mean_s"] or 0.0,
        default=None,
    )
    text: str = environment().get_template("compare.html.j2").render(
        designs=made.designs,
        labels=LABELS,
        best=best,
        said=said,
        difference=difference,
        waits=figures.dots(
            names, [list(d.values["wait_mean_s"]) for d in made.designs], "Mean wait"
        ),
        completion=figures.dots(
            names, [list(d.values["jct_mean_s"]) for d in made.designs], "Mean completion time"
        ),
    )  # fmt: skip
    return text


def write_comparison(made: Comparison, path: str | Path) -> Path:
    """Write the comparison page and return where it lies."""
    files.write(path, page(made))
    return Path(path)
