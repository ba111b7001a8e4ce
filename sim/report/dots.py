"""Runs, or tenants, of a sweep as dots: a line a design."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim.report import figures
from sim.report.figures import BLUE, GRID, INK, QUIET
from sim.units import human_s

APART = 30.0
"""Ratio from which on numbers are drawn on a logarithmic axis."""
TOLD = 600
"""Dots up to which each one says its seed."""


def scale(
    axis: Any, values: Sequence[float], label: str, most: int, *, times: bool
) -> tuple[float, float]:
    """Set the x axis up; return the unit that values are drawn in, and the least that is shown.

    Numbers far apart go on a logarithmic axis, so that one design does not hide the others.
    """
    known = [v for v in values if v > 0.0]
    longest, shortest = max(known, default=0.0), min(known, default=0.0)
    if known and longest / shortest > APART:
        left = shortest / (3.0 if len(known) < len(values) else 1.4)
        axis.set_xscale("log")
        if times:
            figures.moments(axis, left, longest, most)
        else:
            axis.xaxis.set_major_formatter("{x:,g}")
        axis.set_xlim(left, longest * 1.4)
        axis.set_xlabel(f"{label}, on a logarithmic scale")
        return 1.0, left
    size, unit = figures.unit_of(longest) if times else (1.0, "")
    axis.set_xlim(0.0, 1.04 * longest / size or 1.0)
    axis.set_xlabel(f"{label}, {unit}" if unit else label)
    return size, 0.0


def shortened(name: str, width: float) -> list[str]:
    """Return a name in lines of a figure so wide, at most two, broken between its words only."""
    lines = textwrap.wrap(name, round(11 * width), break_long_words=False, break_on_hyphens=False)
    lines = [*lines[:1], " ".join(lines[1:])] if len(lines) > 1 else lines
    most = round(12 * width)
    return [line if len(line) <= most else line[: most - 1] + "…" for line in lines]


@figures.style()
def dots(
    names: Sequence[str],
    values: Sequence[Mapping[Any, float]],
    label: str,
    width: float = figures.BROAD,
    of: str = "seed",
    times: bool = True,
) -> str:
    """Return a dot a seed and a bar for the mean, a line a design with its name above.

    `values` are by seed, or by what else `of` says, times or plain numbers; each
    dot says whose it is where one points at it.
    """
    above = [shortened(name, width) for name in names]
    step = 0.52 + 0.2 * (max(map(len, above), default=1) - 1)
    figure, (axis,) = figures.canvas(width, 0.75 + step * len(names))
    every = [v for row in values for v in row.values()]
    size, least = scale(axis, every, label, round(1.3 * width), times=times)
    told: dict[str, str] = {}
    for i, (lines, row) in enumerate(zip(above, values, strict=True)):
        axis.axhline(i, color=GRID, linewidth=0.8, zorder=0)
        axis.annotate("\n".join(lines), (0, i - 0.14 / step), (0, 0), ("axes fraction", "data"),
                      "offset points", va="bottom", color=INK, annotation_clip=False)  # fmt: skip
        look = {"color": BLUE, "alpha": 0.65, "ms": 6.5, "clip_on": False}
        if len(every) > TOLD:
            axis.plot([max(v / size, least) for v in row.values()], [i] * len(row), "o", **look)
        else:
            for k, (whose, value) in enumerate(row.items()):
                told[f"dot-{i}-{k}"] = (
                    f"{of} {whose}: {human_s(value) if times else f'{value:.3g}'}"
                )
                axis.plot([max(value / size, least)], [i], "o", gid=f"dot-{i}-{k}", **look)
        if row:
            mean = max(float(np.mean(list(row.values()))) / size, least)
            axis.plot([mean], [i], "|", color=INK, ms=13, mew=2.2, clip_on=False)
        else:
            axis.annotate("not known", (0, i), (4, -3), ("axes fraction", "data"), "offset points",
                          va="top", color=QUIET)  # fmt: skip
    axis.grid(visible=False, axis="y")
    axis.grid(axis="x", color=GRID, linewidth=0.8)
    axis.set_yticks([])
    axis.set_ylim(len(names) - 0.55, -0.85)
    text = figures.svg(figure, f"{label} by design, a dot a {of}")
    return re.sub(
        r'<g id="(dot-[\d-]+)">', lambda m: f"<g><title>{html.escape(told[m[1]])}</title>", text
    )
