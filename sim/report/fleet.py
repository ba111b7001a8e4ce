"""How many nodes stood how, over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import table
from sim.report import figures
from sim.report.figures import BLUE, GREEN, INK, MINT, ORANGE, PALE, SAND
from sim.results.segments import Segments
from sim.results.timeline import means

if TYPE_CHECKING:
    from sim.results import Result

BINS = 240


def told(metrics: Mapping[str, Any]) -> list[str]:
    """Return in sentences what became of nodes that came and went, and who paid; [] if none did."""
    if "fleet" not in metrics:
        return []
    found = metrics["fleet"]
    away = " and ".join(
        f"{found[f'{name}_gpu_hours']:,.0f} {words}"
        for name, words in (("off", "off"), ("lent", "lent to others"))
        if found[f"{name}_gpu_hours"] > 0.0
    )
    said = [
        f"GPU-hours: {found['bought_gpu_hours']:,.0f} bought, {found['on_gpu_hours']:,.0f} on, "
        f"{found['used_gpu_hours']:,.0f} used{f', {away}' if away else ''}. {changes(found)}"
    ]
    if lent := found.get("lending"):
        said.append(of_lending(lent))
    for why, cost in found.get("stopped", {}).items():
        said.append(of_stops(why, cost))
    if lent:
        said.append("What fewer nodes cost those who were not stopped, a second run without tells: "
                    "rackplan -m with node_scaler=none and this one, all else alike.")  # fmt: skip
    return said


def changes(found: Mapping[str, Any]) -> str:
    """Return in sentences how often nodes came and went, and what they cost, if that is told."""
    often = {name: found[name] for name in ("came", "went", "refused", "interrupted")}
    told = [f"{many:,} {name}" for name, many in often.items() if many or name in ("came", "went")]
    cost = found["cost_usd"]
    text = f"Nodes: {', '.join(told)}."
    return text if cost is None else f"{text} They cost {cost:,.2f} usd."


def of_lending(lent: Mapping[str, Any]) -> str:
    """Return in sentences what others had of lent nodes, and how these changed hands."""
    ways, nodes = lent["handed_over"], lent["nodes"]
    text = (
        f"{nodes:,} node{'s were' if nodes != 1 else ' was'} lent: others had "
        f"{lent['lent_gpu_hours']:,.1f} GPU-hours of them, {lent['returned_gpu_hours']:,.1f} came "
        f"back by the end; {lent['here_gpu_hours']:,.1f} were here, "
        f"{lent['used_gpu_hours']:,.1f} of these used. Handed over {sum(ways.values()):,} times: "
        f"{ways['at_once']:,} idle, {ways['emptied']:,} emptied within the notice, "
        f"{ways['stopped']:,} by stopping who ran there"
    )
    if lent["late"]:
        text += f"; {lent['late']:,} of them late, by {lent['late_gpu_hours']:,.1f} GPU-hours"
    return (
        f"{text}. On the way out {lent['leaving_gpu_hours']:,.1f} GPU-hours took no new job, on "
        f"the way back {lent['returning_gpu_hours']:,.1f} went by."
    )


def of_stops(why: str, cost: Mapping[str, Any]) -> str:
    """Return in a sentence who was stopped because nodes went, and what that cost."""
    many, jobs = cost["evictions"], cost["jobs"]
    some = f" ({jobs:,} different ones)" if jobs != many else ""
    text = (
        f"Stopped because a node was {why}: {many:,} time{'s' if many != 1 else ''} a job{some}; "
        f"{cost['lost_gpu_hours']:,.1f} GPU-hours of work to be done again, "
        f"{cost['waited_gpu_hours']:,.1f} waited until they ran again"
    )
    return text + (f"; and {cost['replicas']:,} replicas." if cost["replicas"] else ".")


@figures.style()
def over_time(result: Result, width: float = figures.WIDE) -> str:
    """Return nodes by how they stood over the run; "" where none came or went.

    On (filled blue), leaving and coming (orange) above it, then lent (green); a line: all bought.
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

    on, moving, off, lent = many("on"), many("coming", "leaving"), many("off"), many("lent")
    figure, (axis,) = figures.canvas(width, 2.6)
    if lent.any():
        figures.filled(axis, on + moving + lent, edges, GREEN, MINT)
    figures.filled(axis, on + moving, edges, ORANGE, SAND)
    figures.filled(axis, on, edges, BLUE, PALE)
    axis.stairs(on + moving + off + lent, edges, baseline=None, color=INK, linewidth=0.9)
    axis.set_ylim(0, None)
    axis.yaxis.set_major_formatter("{x:,.0f}")
    others = ", lent (green)" if lent.any() else ""
    title = f"Nodes: on (blue), coming or leaving (orange){others}, bought (line)"
    figures.titled(axis, title, BLUE)
    figures.clock(axis, span_s, round(1.3 * width))
    return figures.svg(figure, "Nodes on, coming or leaving, and bought, over time")
