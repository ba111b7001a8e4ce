"""The figure of a cluster that fills: GPUs held against GPUs asked for, beside published curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim import table
from sim.errors import ScenarioError
from sim.files import find, write
from sim.report.figures import BLUE, GRID, INK, QUIET, apart, canvas, style, svg
from sim.results.allocation import allocation

if TYPE_CHECKING:
    from sim.results import Result

LEAST = 80.0
"""Percent asked for from which on it is drawn: before, every placement finds room."""


def published(path: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return curves by name, (asked, held) in percent, of a file curve, asked_pct, held_pct."""
    try:
        read = pq.read_table(find(path), columns=["curve", "asked_pct", "held_pct"])
    except (OSError, pa.ArrowException) as fault:
        raise ScenarioError([f"beside: {path}: {fault}; must be curves as Parquet"]) from fault
    code, names = table.codes(read, "curve")
    asked, held = table.to_numpy(read, "asked_pct"), table.to_numpy(read, "held_pct")
    return {name: (asked[code == k], held[code == k]) for k, name in enumerate(names)}


@style()
def figure_of(result: Result, path: str) -> str:
    """Return our curve over the published ones, as SVG; the nearest at the end is named in bold."""
    asked, held = allocation(result)
    curves = published(path)
    figure, (axis,) = canvas(8.0, 4.2)
    ends = {name: (x[-1], y[-1]) for name, (x, y) in curves.items()}
    near = min(ends, key=lambda name: abs(ends[name][1] - held[-1]), default="")
    for name, (x, y) in curves.items():
        axis.plot(x, y, color=INK if name == near else QUIET, linewidth=1.0, zorder=2)
    axis.plot(asked, held, "o", color=BLUE, markersize=3.2, zorder=3)
    shown = [y for x, y in [*curves.values(), (asked, held)] for y in y[x >= LEAST]]
    low, top = min(shown, default=0.0), max(shown, default=100.0)
    order = list(ends)
    spots = apart([ends[name][1] for name in order], (top - low) * 0.042, top)
    for name, spot in zip(order, spots, strict=True):
        weight, color = ("bold", INK) if name == near else ("normal", QUIET)
        axis.annotate(f"{name} {ends[name][1]:.2f}", (ends[name][0], spot), (7, -3),
                      textcoords="offset points", color=color, fontweight=weight)  # fmt: skip
    right = max([asked[-1], *(x for x, _ in ends.values())])
    axis.plot([LEAST, right], [LEAST, right], color=GRID, linewidth=1.0, zorder=1)
    axis.set_xlim(LEAST, right + (right - LEAST) * 0.24)
    axis.set_xticks(np.arange(LEAST, right + 1.0, 10.0))
    axis.set_ylim(low - 0.4, top + 1.2)
    axis.set_xlabel("GPUs asked for so far, percent of the cluster's")
    axis.set_title("GPUs held, percent of the cluster's", loc="left", color=INK, fontsize=10)
    axis.text(0.47, 0.16, f"● this run, {held[-1]:.2f} at the end", color=BLUE, fontweight="bold",
              transform=axis.transAxes)  # fmt: skip
    axis.text(0.47, 0.09, "— published", color=QUIET, transform=axis.transAxes)
    said = f"GPUs held against GPUs asked for: {held[-1]:.2f} percent at the end, nearest to {near}"
    return svg(figure, said).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def write_allocation(result: Result, path: str, out: Path) -> None:
    """Draw this run beside the curves of `path` into the file `out`."""
    write(out, figure_of(result, path))
