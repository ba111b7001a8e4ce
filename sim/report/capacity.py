"""GPUs that each choice of hardware needs, as one figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sim.files import write
from sim.report import figures
from sim.report.figures import BLUE, INK, ORANGE


def write_capacity(
    names: Sequence[str], exact: Sequence[float], mean: Sequence[float], out: Path
) -> None:
    """Draw the GPUs of each choice into the file `out`: exact, and by the mean; nan: none."""
    with figures.style():
        figure, (axis,) = figures.canvas(figures.WIDE, 1.0 + 0.32 * len(names))
        at = range(len(names))
        axis.plot(exact, at, "o", color=BLUE, label="exact kernel")
        axis.plot(mean, at, "|", color=ORANGE, markersize=11, label="closed form, mean")
        for x, y in zip(exact, at, strict=True):
            told, at_x = (f"{x:,.0f}", x) if x == x else ("none meets it", 0.0)
            axis.annotate(told, (at_x, y), (7, 0), textcoords="offset points", va="center",
                          color=INK, fontsize=8.5)  # fmt: skip
        axis.set_yticks(list(at), list(names))
        axis.invert_yaxis()
        axis.set_xlim(left=0.0)
        axis.set_xlabel("GPUs that meet the SLO in the busiest window")
        axis.legend(frameon=False, loc="lower right")
        text = figures.svg(figure, "GPUs that each choice of hardware needs for the SLO")
        write(out, text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))
