"""Figures as SVG text, drawn with matplotlib and the same for the same numbers."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import table

if TYPE_CHECKING:
    from sim.results import Result

INK, QUIET, GRID = "#1d2733", "#5d6b7a", "#dfe5ea"
BLUE, PALE, ORANGE = "#1f6feb", "#cfe0fb", "#c2570c"
SHADES = ("#0b2f6b", "#1f6feb", "#3aa17e", "#c2570c", "#8a3ffc")
UNITS = ((172800.0, 86400.0, "days"), (7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"))


def unit_of(span_s: float) -> tuple[float, str]:
    """Return the seconds of the unit in which one would say such a time, and its name."""
    for least, size, name in UNITS:
        if span_s >= least:
            return size, name
    return 1.0, "seconds"


def canvas(width: float, height: float, rows: int = 1) -> tuple[Any, Any]:
    """Return a figure and its axes, in the page's own style."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "rackplan",
            "font.family": "sans-serif",
            "font.size": 9.5,
            "axes.edgecolor": GRID,
            "axes.labelcolor": QUIET,
            "text.color": INK,
            "xtick.color": QUIET,
            "ytick.color": QUIET,
        }
    )
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, 1, sharex=True))
    for axis in axes:
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.grid(axis="y", color=GRID, linewidth=0.8)
        axis.set_axisbelow(True)
        axis.tick_params(length=0)
    return figure, axes


def svg(figure: Any, said: str) -> str:
    """Return the figure as an SVG element that says what it shows to those who cannot see it."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Type": None,
                                                "Format": None}, transparent=True)  # fmt: skip
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns:xlink="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'\sxmlns="[^"]*"', "", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{said}" ', 1)


def coarse(values: np.ndarray, most: int = 500) -> np.ndarray:
    """Return means over neighbours, so that no more than `most` points are left, (k,)."""
    step = max(1, len(values) // most)
    keep = len(values) // step * step
    means: np.ndarray = values[:keep].reshape(-1, step).mean(axis=1)
    return means


def over_time(result: Result) -> str:
    """Return GPUs in use and jobs waiting over the run, one above the other."""
    lines = {n: table.to_numpy(result.timeline, n) for n in result.timeline.column_names}
    figure, (top, low) = canvas(9.2, 4.2, 2)
    span_s = float(result.manifest.get("end_s") or 0.0)
    size, name = unit_of(span_s)
    if len(lines["time_s"]):
        at = coarse(lines["time_s"]) / size
        busy, up, queue = (coarse(lines[n]) for n in ("busy_gpus", "up_gpus", "waiting_jobs"))
        top.fill_between(at, busy, step="post", color=PALE, linewidth=0)
        top.step(at, busy, where="post", color=BLUE, linewidth=1.1)
        top.step(at, up, where="post", color=INK, linewidth=0.9)
        low.fill_between(at, queue, step="post", color="#f6dcc8", linewidth=0)
        low.step(at, queue, where="post", color=ORANGE, linewidth=1.1)
        top.set_ylim(0, max(float(up.max()), 1.0) * 1.12)
        low.set_ylim(0, max(float(queue.max()) * 1.1, 1.0))
        low.set_xlim(0, max(span_s / size, 1e-9))
        top.text(span_s / size, up[-1], "GPUs up ", ha="right", va="bottom", color=INK)
    top.set_title("GPUs in use", loc="left", color=BLUE, fontsize=10, fontweight="bold")
    low.set_title("Jobs waiting", loc="left", color=ORANGE, fontsize=10, fontweight="bold")
    low.set_xlabel(f"{name} since the start")
    return svg(figure, "GPUs in use and jobs waiting over time")


def waits(result: Result, classes: dict[str, tuple[int, int]]) -> str:
    """Return, for each size of gang, the share of jobs that started within a time."""
    wait_s, gpus = (table.to_numpy(result.jobs, n) for n in ("wait_s", "gpus"))
    figure, (axis,) = canvas(9.2, 3.4)
    known = wait_s[~np.isnan(wait_s)]
    longest = max(float(known.max()), 600.0) if known.size else 600.0
    marks = np.geomspace(1.0, longest * 1.05, 240)
    ends = []
    for (label, (least, most)), shade in zip(classes.items(), SHADES, strict=False):
        own = np.sort(wait_s[(gpus >= least) & (gpus <= most) & ~np.isnan(wait_s)])
        if own.size:
            share = 100.0 * np.searchsorted(own, marks, side="right") / own.size
            axis.plot(marks, share, color=shade, linewidth=1.8, label=f"{label} GPUs")
            ends.append(label)
    ticks = [(1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"),
             (21600, "6 h"), (86400, "1 d"), (604800, "1 w"), (2592000, "30 d")]  # fmt: skip
    axis.set_xscale("log")
    axis.set_xticks([t for t, _ in ticks if t <= longest * 1.05])
    axis.set_xticklabels([n for t, n in ticks if t <= longest * 1.05])
    axis.minorticks_off()
    axis.set_xlim(1, longest * 1.05)
    axis.set_ylim(0, 103)
    axis.set_yticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axis.set_xlabel("time from being eligible to the start")
    if ends:
        axis.legend(frameon=False, loc="lower right", ncols=1)
    return svg(figure, "Share of jobs started within a time, by size of gang")


def dots(names: list[str], values: list[list[float]], label: str) -> str:
    """Return a dot a seed and a bar for the mean, a line a design."""
    figure, (axis,) = canvas(9.2, 0.9 + 0.34 * len(names))
    every = [v for row in values for v in row]
    size, unit = unit_of(max(every, default=0.0))
    for i, row in enumerate(values):
        axis.plot(
            [v / size for v in row], [i] * len(row), "o", color=BLUE, alpha=0.45, markersize=6
        )
        if row:
            axis.plot([np.mean(row) / size], [i], "|", color=INK, markersize=16, markeredgewidth=2)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.grid(axis="x", color=GRID, linewidth=0.8)
    axis.set_xlim(left=0)
    axis.set_xlabel(f"{label}, {unit} (a dot a seed, the bar their mean)")
    return svg(figure, f"{label} by design")
