"""`python -m experiments.validation`: write docs/validation.md and docs/validation.svg."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from experiments.validation import AbsentError, openb, published, rounds, schedulers
from sim.files import write
from sim.report.figures import BLUE, GRID, INK, MARKS, ORANGE, canvas, svg

OPENB = ("01-Random", "02-DotProd", "03-GpuClustering", "04-GpuPacking", "05-BestFit", "06-FGD")
SHADES = {"testbed": ORANGE, "Slurm": INK}


def fgd() -> Iterator[schedulers.Row]:
    """Give the final GPU allocation of OpenB's default trace, seed 42 (ATC 2023)."""
    came = openb.arrivals("default", 42)
    for policy in OPENB:
        held = openb.allocated(came, openb.ran("default", 42, policy))
        ours = float(openb.by_arrived(came, held)[130])
        theirs = float(openb.curve("alloc", "default", policy, 42)[130])
        yield f"OpenB: {policy.split('-')[1]}", "GPUs given away, %", theirs, ours


SOURCES = (
    schedulers.peers, schedulers.slurm, rounds.gavel, schedulers.testbed, rounds.shockwave, fgd,
)  # fmt: skip


def part(name: str) -> str:
    """Return a part of the page that is written by hand."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def services() -> str:
    """Return the page's section on services."""
    return part("serving.md") + "\n".join(published.lines()) + "\n\n" + part("serving_gap.md")


def main() -> None:
    """Compare all that is here; say what is not."""
    found: list[schedulers.Row] = []
    for source in SOURCES:
        try:
            for row in source():
                found.append(row)
                print(f"{row[0]:<44} {row[1]:<20} {row[2]:>14,.2f} {row[3]:>14,.2f}", flush=True)
        except AbsentError as absent:
            print(f"{source.__name__}: not compared from here on, {absent} is not on this machine")
    lines = [
        f"| {who} | {what} | {theirs:,.2f} | {ours:,.2f} | {100 * (ours / theirs - 1):+.2f} % |"
        for who, what, theirs, ours in found
    ]
    head = (
        "# Beside what nobody here wrote\n\n"
        "Made by `python -m experiments.validation`. Schedules of simulators are equal job by job "
        "(`tests/truth`); a mean only shows it. Real clusters differ: why is said below.\n\n"
        "![Ours against theirs](validation.svg)\n\n"
        f"{part('gap.md')}\n{services()}\n## Every number\n\n"
        "| who | measure | theirs | ours | difference |\n|---|---|---:|---:|---:|\n"
    )
    write(Path("docs") / "validation.md", head + "\n".join(lines) + "\n")
    figure, (axis,) = canvas(7.2, 5.2)
    times = [row for row in found if row[1].endswith(", s")]
    ends = min(min(r[2:]) for r in times) / 1.5, max(max(r[2:]) for r in times) * 1.5
    axis.plot(ends, ends, color=GRID, linewidth=1.2, zorder=0)
    for kind in ("simulators", "Slurm", "testbed"):
        own = [r for r in times if (r[0].split(":")[0] if r[0].split(":")[0] in SHADES
                                    else "simulators") == kind]  # fmt: skip
        look = {"color": SHADES.get(kind, BLUE), "alpha": 0.75, "markersize": 6}
        axis.plot([r[2] for r in own], [r[3] for r in own], "o", label=kind, **look)
    axis.set_xscale("log")
    axis.set_yscale("log")
    marks = [mark for mark in MARKS if ends[0] <= mark[0] <= ends[1]]
    axis.set_xticks([at for at, _ in marks], [name for _, name in marks])
    axis.set_yticks([at for at, _ in marks], [name for _, name in marks])
    axis.minorticks_off()
    axis.set_xlabel("theirs: mean wait, mean completion or makespan")
    axis.set_ylabel("ours")
    axis.legend(frameon=False, labelcolor=INK)
    text = svg(figure, "Our times against theirs, on the diagonal where equal")
    text = text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    write(Path("docs") / "validation.svg", text)


if __name__ == "__main__":
    main()
