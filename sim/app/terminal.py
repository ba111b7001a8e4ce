"""What a person sees while waiting, and at the end."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sim.units import human_s

if TYPE_CHECKING:
    from sim.study import Progress

WIDE = 120
"""Columns from which on a bar and a title have room beside the figures."""


def lively() -> bool:
    """Return whether a person looks on: output is a terminal, and this is no worker of a sweep."""
    return sys.stderr.isatty() and multiprocessing.parent_process() is None


def line(now: Progress) -> str:
    """Return a progress line that fits 80 columns: share done, rate, queue, time, expected end."""
    rate = now.done / now.wall_s if now.wall_s > 0 else 0.0
    left = human_s((now.jobs - now.done) / rate) if rate > 0 else "?"
    share = 100 * now.done / now.jobs if now.jobs else 100.0
    return (
        f"{share:.0f} % of {now.jobs:,} jobs · {rate:,.0f}/s · {now.waiting:,} waiting · "
        f"{human_s(now.now_s)} simulated · {left} to go"
    )


@contextlib.contextmanager
def progress(title: str) -> Iterator[Callable[[Progress], None] | None]:
    """Give what shows a live line; None where nobody looks on."""
    if not lively():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False)]
    if console.width >= WIDE:
        columns = [TextColumn("{task.fields[title]}", markup=False), BarColumn(24), *columns]
    with Bars(*columns, console=console, transient=True) as bars:
        job = bars.add_task("reading the workload …", total=None, title=title)

        def show(now: Progress) -> None:
            bars.update(job, total=now.jobs, completed=now.done, description=line(now))

        yield show


def table(title: str, rows: Mapping[str, str]) -> None:
    """Print a table of two columns."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=Text(title, "bold"), box=box.SIMPLE_HEAD, show_header=False, title_justify="left"
    )
    made.add_column(justify="left", style="dim")
    made.add_column(justify="left")
    for name, value in rows.items():
        made.add_row(Text(name), Text(value))
    Console().print(made)


def grid(title: str, header: list[str], rows: list[list[str]]) -> None:
    """Print a table with a header; the first column holds names, the others figures."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(title, "bold"), box=box.SIMPLE_HEAD, title_justify="left")
    for i, name in enumerate(header):
        made.add_column(Text(name), justify="left" if i == 0 else "right")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    console = Console()
    if not sys.stdout.isatty():
        console.width = max(console.width, 160)
    console.print(made)


def fault(error: Any) -> None:
    """Print faults of the user's, one a line, without a trace."""
    faults = getattr(error, "issues", None) or [str(error)]
    if key := getattr(error, "full_key", None):  # OmegaConf's own
        faults = [f"{key}: {str(error).splitlines()[0]}"]
    for text in faults:
        print(f"rackplan: {text}", file=sys.stderr)
