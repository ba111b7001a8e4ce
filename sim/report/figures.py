"""Figures as SVG text, drawn with matplotlib and the same for the same numbers."""

from __future__ import annotations

import html
import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import table

if TYPE_CHECKING:
    from sim.results import Result

INK, QUIET, GRID = "#1d2733", "#5d6b7a", "#dfe5ea"
BLUE, PALE, ORANGE, SAND = "#1f6feb", "#cfe0fb", "#b4500b", "#f6dcc8"
GREEN, MINT = "#1a7f4b", "#cdeedd"
SHADES = ("#7b8794", "#4c93d9", "#1f5fd0", "#0b2f6b", "#b4500b")
NAMED = (*SHADES[1:], GREEN, "#8a3fb5", "#c2255c", "#0c8599", "#7b6a00", "#5d6b7a", "#d9660f",
         "#4f8a0b", "#d6409f", "#5f3dc4", "#7f4a2a")  # fmt: skip
"""Colours of designs that are told apart by name."""
YEAR_S = 365.0 * 86400.0
UNITS = ((2.0 * YEAR_S, YEAR_S, "years"), (259200.0, 86400.0, "days"), (7200.0, 3600.0, "hours"),
         (120.0, 60.0, "minutes"))  # fmt: skip
STEPS = {
    "years": (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500),
    "days": (0.5, 1, 2, 7, 14, 28, 50, 100),
    "hours": (0.5, 1, 2, 3, 6, 12, 24),
    "minutes": (0.5, 1, 2, 5, 10, 15, 30),
}
MARKS = ((1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (21600, "6 h"),
         (86400, "1 d"), (604800, "1 w"), (2592000, "30 d"), (31536000, "1 y"))  # fmt: skip
AT_ONCE_S = 1.0
BROAD, WIDE, NARROW = 11.6, 9.2, 5.0
"""Inches of a figure for a page and for a telephone: the page holds both, and shows one."""
LETTERS, MARGIN = 11.0, 0.7
"""Bold letters of a title that an inch holds, and the inches beside an axis that hold none."""
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rackplan",
    "text.parse_math": False,  # a name may hold a dollar
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.edgecolor": GRID,
    "axes.labelcolor": QUIET,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the page's own style, whatever the user's is, and leave the user's as it was."""
    import matplotlib.style

    with matplotlib.style.context(["default", STYLE]):
        yield


def unit_of(span_s: float) -> tuple[float, str]:
    """Return the seconds of the unit in which one would say such a time, and its name."""
    for least, size, name in UNITS:
        if span_s >= least:
            return size, name
    return 1.0, "seconds"


def canvas(width: float, height: float, rows: int = 1) -> tuple[Any, Any]:
    """Return a figure and its axes, in the page's own style."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = np.atleast_1d(figure.subplots(rows, 1, sharex=True))
        for axis in axes:
            axis.spines[["top", "right", "left"]].set_visible(False)
            axis.grid(axis="y", color=GRID, linewidth=0.8)
            axis.set_axisbelow(True)
            axis.tick_params(length=0, pad=5)
    return figure, axes


def beside(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure and its two axes side by side, in the page's own style."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(1, 2)
        for axis in axes:
            axis.spines[["top", "right", "left"]].set_visible(False)
            axis.set_axisbelow(True)
            axis.tick_params(length=0, pad=5)
    return figure, axes


def svg(figure: Any, said: str) -> str:
    """Return the figure as an SVG element that says what it shows to those who cannot see it."""
    import matplotlib as mpl

    out, nothing = io.StringIO(), dict.fromkeys(("Date", "Creator", "Type", "Format"))
    # what a hidden figure defines is not there for another: each width has names of its own
    salt: Any = {"svg.hashsalt": f"rackplan {figure.get_figwidth():g}"}
    with style(), mpl.rc_context(salt), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser has its own
        figure.savefig(out, format="svg", metadata=nothing, transparent=True)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[a-z0-9.]+_\d*"| id="[A-Za-z0-9.]+_\d+"', "", text)  # twice on a page
    text = re.sub(r' xmlns:xlink="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'\sxmlns="[^"]*"', "", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"font: (bold|\d+) ([\d.]+)px [^;\"]*", r"font-weight: \1; font-size: \2px", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(said)}" ', 1)


def coarse(values: np.ndarray, most: int = 500) -> np.ndarray:
    """Return means over neighbours, so that no more than `most` points are left, (k,)."""
    step = -(-len(values) // most) if len(values) else 1
    starts = np.arange(0, len(values), step)
    many = np.diff(np.append(starts, len(values)))
    means: np.ndarray = np.add.reduceat(values, starts) / many if len(values) else values
    return means


def clock(axis: Any, span_s: float, most: int = 12) -> None:
    """Mark the x axis, which is in the unit of such a span, at `most` round times."""
    from matplotlib.ticker import MaxNLocator, MultipleLocator

    size, name = unit_of(span_s)
    steps = [step for step in STEPS.get(name, ()) if span_s / size / step <= most]
    axis.xaxis.set_major_locator(MultipleLocator(steps[0]) if steps else MaxNLocator(min(8, most)))
    axis.set_xlim(0, max(span_s / size, 1e-9))
    axis.set_xlabel(f"{name} since the start")


def filled(axis: Any, values: np.ndarray, edges: np.ndarray, line: str, fill: str) -> None:
    """Draw means over bins as a filled stair."""
    axis.stairs(values, edges, fill=True, color=fill, linewidth=0)
    axis.stairs(values, edges, baseline=None, color=line, linewidth=1.1)


def at_the_end(axis: Any, y: float, text: str) -> None:
    """Say what a level line is, in the margin right of it, where no curve goes."""
    axis.annotate(text, (1, y), (5, 0), ("axes fraction", "data"), "offset points",
                  va="center", color=INK, linespacing=1.1)  # fmt: skip


def titled(axis: Any, text: str, color: str) -> None:
    """Put a title over an axis, in as many lines as the figure's width asks for."""
    most = round(LETTERS * (axis.figure.get_figwidth() - MARGIN))
    text = textwrap.fill(text.replace(" %", "\N{NO-BREAK SPACE}%"), most)
    axis.set_title(text, loc="left", color=color, fontsize=10, fontweight="bold")


@style()
def over_time(result: Result, width: float = WIDE) -> str:
    """Return GPUs in use and jobs waiting over the run, one above the other.

    The second is left out where no job waited; "" if no time went.
    """
    from matplotlib.ticker import MaxNLocator

    lines = {n: table.to_numpy(result.timeline, n) for n in result.timeline.column_names}
    span_s = float(result.manifest.get("end_s") or 0.0)
    if not len(lines["time_s"]) or span_s <= 0.0:
        return ""
    size, _ = unit_of(span_s)
    busy, up, queue = (coarse(lines[n]) for n in ("busy_gpus", "up_gpus", "waiting_jobs"))
    starts = lines["time_s"][:: -(-len(lines["time_s"]) // 500)]
    edges = np.append(starts, span_s) / size
    waited = bool(queue.any())
    figure, axes = canvas(width, 4.4 if waited else 2.4, 2 if waited else 1)
    top, low = axes[0], axes[-1]
    filled(top, busy, edges, BLUE, PALE)
    mixed = "serving_gpus" in lines and result.metrics["jobs"]["submitted"] > 0
    if mixed:
        filled(top, coarse(lines["serving_gpus"]), edges, ORANGE, SAND)
    top.stairs(up, edges, baseline=None, color=INK, linewidth=0.9)
    whose = ": services below (orange), jobs above (blue)" if mixed else ""
    titled(top, f"GPUs in use{whose}", BLUE)
    top.set_ylim(0, max(float(up.max()), 1.0) * 1.14)
    if waited:
        filled(low, queue, edges, ORANGE, SAND)
        titled(low, "Jobs waiting", ORANGE)
        low.set_ylim(0, max(float(queue.max()) * 1.1, 1.0))
    at_the_end(top, float(up[-1]), f"{up[-1]:,.0f}\nup")
    for axis in axes:
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.yaxis.set_major_formatter("{x:,.0f}")
    warm_s = float(result.manifest.get("warmup_s") or 0.0)
    if warm_s > 0.0:
        for axis in axes:
            axis.axvspan(0, min(warm_s, span_s) / size, color="#eef1f4", zorder=0.5)
        low.text(0, low.get_ylim()[1], " warm-up, not counted", va="top", color=QUIET)
    clock(low, span_s, round(1.3 * width))
    return svg(figure, f"GPUs in use, at most {busy.max():,.0f} of {up.max():,.0f} up, and jobs "
               f"waiting, at most {queue.max():,.0f}, over time")  # fmt: skip


def apart(heights: Sequence[float], least: float, top: float) -> list[float]:
    """Return heights moved as little as it takes to lie `least` apart, none above `top`."""
    order = sorted(range(len(heights)), key=lambda i: -heights[i])
    placed, room = list(heights), top
    for i in order:
        placed[i] = min(placed[i], room)
        room = placed[i] - least
    floor = 0.0
    for i in reversed(order):
        placed[i] = max(placed[i], floor)
        floor = placed[i] + least
    return placed


@style()
def waits(result: Result, classes: Mapping[str, tuple[int, int]], width: float = WIDE) -> str:
    """Return, for each size of gang, the share of jobs that started within a time.

    "" if no job waited longer than a second: then there is nothing to draw.
    """
    wait_s, gpus, submit_s = (
        table.to_numpy(result.jobs, n) for n in ("wait_s", "gpus", "submit_s")
    )
    known = ~np.isnan(wait_s) & (submit_s >= float(result.manifest.get("warmup_s") or 0.0))
    longest = float(wait_s[known].max()) if known.any() else 0.0
    if longest <= AT_ONCE_S:
        return ""
    right = max(longest * 1.08, 600.0)
    marks = np.geomspace(AT_ONCE_S, right, 240)
    figure, (axis,) = canvas(width, 3.6)
    ends: list[tuple[float, str, str]] = []
    for (label, (least, most)), shade in zip(classes.items(), SHADES, strict=True):
        own = np.sort(wait_s[(gpus >= least) & (gpus <= most) & known])
        if own.size:
            share = 100.0 * np.searchsorted(own, marks, side="right") / own.size
            axis.plot(marks, share, color=shade, linewidth=1.9, solid_capstyle="butt")
            name = "1 GPU" if label == "1" else f"{label.replace('-', '–')} GPUs"
            ends.append((float(share[0]), f"{name}: {share[0]:.0f} % at once", shade))
    for y, (_, text, shade) in zip(apart([e[0] for e in ends], 7.0, 100.0), ends, strict=True):
        axis.annotate(text, (0, y), (-8, 0), ("axes fraction", "data"), "offset points",
                      ha="right", va="center", color=shade, fontweight="bold")  # fmt: skip
    axis.set_xscale("log")
    moments(axis, AT_ONCE_S, right, round(1.3 * width - 2))
    axis.set_xlim(AT_ONCE_S, right)
    axis.set_ylim(0, 103)
    axis.yaxis.tick_right()
    axis.set_yticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axis.tick_params(length=0)
    axis.set_xlabel("started within this time of being eligible")
    said = "; ".join(text for _, text, _ in ends)
    return svg(figure, f"Share of jobs started within a time, by size of gang. {said}")


def moments(axis: Any, left: float, right: float, most: int) -> None:
    """Mark a logarithmic x axis of seconds at times as one says them, at `most` of them or so."""
    ticks = [(t, n) for t, n in MARKS if left <= t <= right]
    ticks = ticks[:: -(-len(ticks) // max(most, 1)) or 1]
    axis.set_xticks([t for t, _ in ticks], [n for _, n in ticks])
    axis.minorticks_off()
