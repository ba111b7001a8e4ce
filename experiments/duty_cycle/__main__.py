"""`python -m experiments.duty_cycle`: write docs/duty_cycle.md and docs/duty_cycle.svg."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.duty_cycle import PARTS, WAYS, rows
from sim.files import write
from sim.report.figures import BLUE, GRID, INK, ORANGE, canvas, svg

HEAD = """# Jobs that communicate part of the time

Made by `python -m experiments.duty_cycle`. Rings of 2 to 16 or 48 nodes, scattered over a
rail-optimised fabric that they fill; alone, each communicates for a part of its step, of 1 to 4 s.
The same runs four ways, 320 s each, two draws of jobs:

- played: every phase of every step, max-min fair shares at each change (`steps=phases`);
- mean field, a run's default: each job meets the others for the part of the time in which they
  communicate (`sim.kernel.shares`);
- with its spread: as often as that, and how many of them at once (`sim.physics.duty.mean_field`, on
  the run's links; no choice of a run);
- always: as if all communicated all the time.

Errors are of a step's time, mean over jobs, the worst job in brackets. The plain mean field is too
kind where links are full now and then but not in the mean: take `steps=phases` for a small study.

![Errors against the part of communication](duty_cycle.svg)

| fabric | communicates | slowdown | mean field | with spread | always | CPU, played | mean field |
|---|---:|---:|---:|---:|---:|---:|---:|
"""
COLORS = {"always": ORANGE, "mean field": BLUE}


def main() -> None:
    """Play all cases, print and write them."""
    lines = []
    errors: dict[str, dict[str, list[float]]] = {name: {} for name in WAYS}
    for row in rows():
        told = []
        for name, x in row.ours.items():
            e = 100 * np.abs(x / row.played - 1.0)
            told.append(f"{e.mean():.1f} % ({e.max():.0f} %)")
            errors[name].setdefault(row.case.name, []).append(e.mean())
        cells = [row.case.name, f"{100 * row.part:.0f} %", f"{row.played.mean():.3f}", *told,
                 f"{row.played_s:.2f} s", f"{1e3 * row.ours_s:.0f} ms"]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    write(Path("docs") / "duty_cycle.md", HEAD + "\n".join(lines) + "\n")
    figure, (axis,) = canvas(7.2, 3.6)
    for name, color in COLORS.items():
        curves = np.array(list(errors[name].values()))
        axis.fill_between(
            np.array(PARTS) * 100, curves.min(0), curves.max(0), color=color, alpha=0.15
        )
        for curve in curves:
            axis.plot(np.array(PARTS) * 100, curve, "o-", color=color, markersize=4, linewidth=1.2)
        axis.annotate(
            name, (50, curves.max(0)[-1]), (6, -3), textcoords="offset points", color=color
        )
    axis.axhline(0.0, color=GRID)
    axis.set_xlim(5, 60)
    axis.set_xticks([100 * p for p in PARTS], [f"{100 * p:.0f} %" for p in PARTS])
    axis.set_xlabel("part of a step in which a job communicates, alone")
    axis.set_title(
        "Error of a step's time, mean over jobs, percent", loc="left", color=INK, fontsize=10
    )
    text = svg(figure, "Errors of the mean field and of assuming constant communication")
    write(Path("docs") / "duty_cycle.svg",
          text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # fmt: skip


if __name__ == "__main__":
    main()
