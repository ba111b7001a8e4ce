"""How many nodes stood how, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim import table
from sim.report import figures
from sim.report.figures import BLUE, INK, ORANGE, PALE, QUIET, SAND
from sim.results.segments import Segments
from sim.results.timeline import means

if TYPE_CHECKING:
    from sim.results import Result

BINS = 240


@figures.style()
def over_time(result: Result, width: float = figures.WIDE) -> str:
    """Return nodes by how they stood over the run; "" where none came or went.

    On (filled blue), then leaving and coming (orange) above it; a line: all that were bought.
    """
    rows = result.node_states
    if rows is None or not rows.num_rows:
        return ""
    begin, end = (table.to_numpy(rows, name) for name in ("begin_s", "end_s"))
    code, words = table.codes(rows, "state")
    span_s = float(end.max())
    edges_s = np.linspace(0.0, span_s, BINS + 1)
    size, _ = figures.unit_of(span_s)
    edges = edges_s / size

    def many(*names: str) -> np.ndarray:
        own = np.isin(np.array(words)[code], names)
        return means(Segments(begin[own], end[own], np.ones(int(own.sum()))), edges_s)

    on, moving, off = many("on"), many("coming", "leaving"), many("off")
    figure, (axis,) = figures.canvas(width, 2.6)
    figures.filled(axis, on + moving, edges, ORANGE, SAND)
    figures.filled(axis, on, edges, BLUE, PALE)
    axis.stairs(on + moving + off, edges, baseline=None, color=INK, linewidth=0.9)
    axis.set_ylim(0, None)
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.set_title("Nodes: on (blue), coming or leaving (orange), bought (line)", loc="left",
                   color=QUIET, fontsize=10)  # fmt: skip
    figures.clock(axis, span_s, round(1.3 * width))
    return figures.svg(figure, "Nodes on, coming or leaving, and bought, over time")
