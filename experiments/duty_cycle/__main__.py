"""`python -m experiments.duty_cycle`: write docs/duty_cycle.md and docs/duty_cycle.svg."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.duty_cycle import PARTS, rows
from sim.files import write
from sim.report.figures import BLUE, GRID, INK, ORANGE, canvas, svg

HEAD = """# Jobs that communicate part of the time

Made by `python -m experiments.duty_cycle`. Jobs in rings share a fabric; alone, each communicates
for a part of its step. Played: every phase of every step, max-min fair shares at each change. Mean
field (`sim.physics.duty.mean_field`): each job meets the others as often as they communicate, and
the spread of how many. Always: as if all communicated all the time. Errors are of a step's time,
mean over jobs, the worst job in brackets; the part of the time is how long a job takes alone.

![Errors against the part of communication](duty_cycle.svg)

| fabric | communicates | slowdown, played | mean field | always | CPU, played | mean field |
|---|---:|---:|---:|---:|---:|---:|
"""


def main() -> None:
    """Play all cases, print and write them."""
    lines, errors = [], {"mean field": {}, "always": {}}
    for row in rows():
        e = {"mean field": np.abs(row.ours / row.played - 1.0),
             "always": np.abs(row.always / row.played - 1.0)}  # fmt: skip
        told = [f"{100 * x.mean():.1f} % ({100 * x.max():.0f} %)" for x in e.values()]
        for name, x in e.items():
            errors[name].setdefault(row.case.name, []).append(100 * x.mean())
        cells = [row.case.name, f"{100 * row.part:.0f} %", f"{row.played.mean():.3f}", *told,
                 f"{row.played_s:.2f} s", f"{1e3 * row.ours_s:.1f} ms"]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    write(Path("docs") / "duty_cycle.md", HEAD + "\n".join(lines) + "\n")
    figure, (axis,) = canvas(7.2, 3.6)
    for name, color in (("always", ORANGE), ("mean field", BLUE)):
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
