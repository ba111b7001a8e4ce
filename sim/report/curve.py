"""A number swept: how metrics go with it, a line for each choice of the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import UnitError
from sim.report import figures
from sim.report.figures import INK, QUIET, SHADES
from sim.report.paired import half_width
from sim.units import parse, suffix_of

if TYPE_CHECKING:
    from sim.report.compare import Design

FEWEST = 3
"""Values of a number from which on they are a curve."""
LINES = 5
"""Lines that one can tell apart."""
FAR = 8.0
"""Ratio of the greatest value to the least from which on the axis is logarithmic."""


def number(knob: str, text: str) -> float | None:
    """Return what a choice says as a number in SI; None if it says none."""
    try:
        value = parse(text, suffix_of(knob)) if suffix_of(knob) else float(text)
    except (UnitError, ValueError):
        return None
    return value if math.isfinite(value) else None


def swept(designs: Sequence[Design]) -> tuple[str, dict[str, dict[float, Design]]] | None:
    """Return the knob that is a number everywhere, and for each choice of the others its designs.

    None unless exactly one knob takes `FEWEST` numbers or more, for `LINES` choices at most.
    """
    knobs = {knob for design in designs for knob in design.choices}
    found = []
    for knob in sorted(knobs):
        values = [number(knob, design.choices.get(knob, "")) for design in designs]
        if None not in values and len(set(values)) >= FEWEST:
            found.append(knob)
    if len(found) != 1:
        return None
    lines: dict[str, dict[float, Design]] = {}
    for design in designs:
        rest = " ".join(f"{k}={v}" for k, v in design.choices.items() if k != found[0])
        value = number(found[0], design.choices[found[0]])
        assert value is not None
        lines.setdefault(rest, {})[value] = design
    lines = {rest: line for rest, line in lines.items() if len(line) >= FEWEST}
    return (found[0], lines) if 0 < len(lines) <= LINES else None


def drawn(axis: Any, name: str, line: Mapping[float, Design], shade: str, size: float) -> None:
    """Draw a line of means, and their intervals over seeds as a band."""
    x = [value for value in sorted(line) if line[value].values[name]]
    own = [list(line[value].values[name].values()) for value in x]
    mean = np.array([np.mean(v) for v in own]) / size
    half = np.array([half_width(v) for v in own]) / size
    axis.plot(x, mean, "o-", color=shade, linewidth=1.8, markersize=5, clip_on=False)
    if half.any():
        axis.fill_between(
            x, np.maximum(mean - half, 0.0), mean + half, color=shade, alpha=0.14, lw=0
        )


@figures.style()
def curve(designs: Sequence[Design], shown: Mapping[str, str], width: float) -> str:
    """Return metrics over the swept number, one above the other; "" where none is swept.

    `shown` are the metrics' names and labels. A band is the 95 % t-interval over seeds.
    """
    made = swept(designs)
    known = {n: label for n, label in shown.items() if any(d.values[n] for d in designs)}
    if made is None or not known:
        return ""
    knob, lines = made
    shades = SHADES[1:4] if len(lines) <= 3 else SHADES
    figure, axes = figures.canvas(width, 0.6 + 2.1 * len(known), len(known))
    for axis, (name, label) in zip(axes, known.items(), strict=True):
        means = [d.means[name] or 0.0 for line in lines.values() for d in line.values()]
        size, unit = figures.unit_of(max(means)) if name.endswith("_s") else (1.0, "")
        for (rest, line), shade in zip(lines.items(), shades, strict=False):
            drawn(axis, name, line, shade, size)
            if len(lines) > 1 and axis is axes[0]:
                axis.plot([], [], "o-", color=shade, label=rest, linewidth=1.8, markersize=5)
        title = f"{label}, {unit}" if unit else label
        axis.set_title(title, loc="left", color=INK, fontsize=10, fontweight="bold")
        axis.set_ylim(bottom=0.0)
    if len(lines) > 1:
        axes[0].legend(frameon=False, labelcolor=QUIET, loc="upper left")
    points = {v: d.choices[knob] for line in lines.values() for v, d in line.items()}
    ticks = sorted(points)
    if ticks[0] > 0.0 and ticks[-1] / ticks[0] >= FAR:
        axes[-1].set_xscale("log")
    axes[-1].set_xticks(ticks, [points[v] for v in ticks])
    axes[-1].minorticks_off()
    axes[-1].set_xlabel(knob)
    return figures.svg(figure, f"{', '.join(known.values())} over {knob}")
