"""What a person sees while waiting, and at the end."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from rich.cells import cell_len

from sim.units import human_s

if TYPE_CHECKING:
    from rich.console import Console

    from sim.study import Progress

WIDE = 120
"""Columns from which on a bar and a title have room beside the figures."""


PLAIN_WIDE = 160
"""Columns of what is written to a file, where COLUMNS does not say."""
CLOSED = 128 + 13
"""What a shell has as the code of a program that wrote where nobody reads on: SIGPIPE's."""
UNREAD: list[BrokenPipeError] = []
"""What this process's sweep went on in spite of."""
T = TypeVar("T")
ADDRESS = re.compile(r"<([\w.]+) object at 0x[0-9a-fA-F]+>")


@contextlib.contextmanager
def unless_closed() -> Iterator[None]:
    """End in silence where nobody reads on, as behind `| head`.

    A stream that was closed from the first, as by `>&-`, is None in Python; it goes nowhere.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        to_nowhere()
        sys.exit(CLOSED)


@contextlib.contextmanager
def though_closed() -> Iterator[None]:
    """Go on in silence where nobody reads on, as a sweep does, and note that it was so."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError as error:
        to_nowhere()
        UNREAD.append(error)


def to_nowhere() -> None:
    """Send nowhere what is left for streams that nobody reads, so that nothing tells of it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def paper() -> Console:
    """Return what tables are printed on; that nobody reads on is left to `unless_closed`."""
    from rich.console import Console

    class Paper(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Paper()


def in_notebook() -> bool:
    """Return whether this runs in Jupyter, where output is no terminal and is looked at."""
    kernel = sys.modules.get("ipykernel.zmqshell")
    shell = sys.modules.get("IPython")
    return kernel is not None and isinstance(
        shell and shell.get_ipython(), kernel.ZMQInteractiveShell
    )


def lively() -> bool:
    """Return whether a person looks on: a terminal or a notebook, and no worker of a sweep."""
    looked_at = sys.stderr.isatty() or in_notebook()
    return looked_at and multiprocessing.parent_process() is None


def line(now: Progress) -> str:
    """Return a progress line that fits 80 columns: share done, rate, queue, time, expected end."""
    done, total = now.done + now.answered, now.jobs + now.requests
    rate = done / now.wall_s if now.wall_s > 0 else 0.0
    left = human_s((total - done) / rate) if rate > 0 else "?"
    share = 100 * done / total if total else 100.0
    what = " and ".join(w for w, n in (("requests", now.requests), ("jobs", now.jobs)) if n)
    return (
        f"{share:.0f} % of {total:,} {what or 'jobs'} · {rate:,.0f}/s · {now.waiting:,} waiting · "
        f"{human_s(now.now_s)} simulated · {left} to go"
    )


@contextlib.contextmanager
def progress(title: str = "rackplan") -> Iterator[Callable[[Progress], None] | None]:
    """Give what shows a live line, in a terminal or in Jupyter; None where nobody looks on.

    For `simulate` from Python:

        with progress() as show:
            result = simulate(scenario, seed=1, progress=show)
    """
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
            bars.update(
                job,
                total=now.jobs + now.requests,
                completed=now.done + now.answered,
                description=line(now),
            )

        yield show


def counted(title: str, found: Iterable[T], many: int, of: str) -> Iterator[T]:
    """Give what is found, with a live line of how many of so many there are."""
    if not lively():
        yield from found
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(24), MofNCompleteColumn(),
               TextColumn(of, markup=False), TimeElapsedColumn())  # fmt: skip
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(title, total=many)
        for one in found:
            yield one
            bars.advance(bar)


def table(title: str, rows: Mapping[str, str]) -> None:
    """Print a table of two columns."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=Text(title, "bold"), box=box.SIMPLE_HEAD, show_header=False, title_justify="left"
    )
    made.add_column(justify="left", style="dim")
    made.add_column(justify="left")
    for name, value in rows.items():
        made.add_row(Text(name), Text(value))
    paper().print(made)


def fitted(columns: list[list[str]], width: int, fold: bool = False) -> list[int] | None:
    """Return how wide each column is to be; None if they find no room.

    A cell is never broken, a head only between its words; so are names, the first column, where
    they may `fold`.
    """
    natural = [max(map(cell_len, column)) for column in columns]
    least = [max(map(cell_len, [*head.split(), *cells])) for head, *cells in columns]
    if fold:
        least[0] = max(cell_len(word) for cell in columns[0] for word in cell.split())
    spare = width - sum(least) - 3 * len(columns) - 1  # lines and padding
    if spare < 0:
        return None
    for i, full in enumerate(natural):
        more = min(spare, full - least[i])
        least[i], spare = least[i] + more, spare - more
    return least


def grid(
    title: str, header: list[str], rows: list[list[str]], first_to_go: Sequence[str] = ()
) -> None:
    """Print a table with a header; the first column holds names, the others figures.

    Where there is no room, the columns of `first_to_go` are left out, one after another.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = paper()
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        console.width = max(console.width, PLAIN_WIDE)
    columns = {name: [name, *cells] for name, *cells in zip(header, *rows, strict=True)}
    going, gone = [name for name in first_to_go if name in columns], list[str]()
    while (widths := fitted(list(columns.values()), console.width)) is None and going:
        gone.append(going.pop(0))
        del columns[gone[-1]]
    widths = widths or fitted(list(columns.values()), console.width, fold=True)
    made = Table(title=Text(title, "bold"), box=box.SIMPLE_HEAD, title_justify="left")
    for i, name in enumerate(columns):
        wide = widths[i] if widths else None
        made.add_column(Text(name), justify="left" if i == 0 else "right", width=wide)
    for i in range(len(rows)):
        made.add_row(*(Text(column[i + 1]) for column in columns.values()))
    console.print(made)
    if gone:
        console.print(Text(f"no room here for: {', '.join(gone)}"))


def fault(error: Any) -> None:
    """Print faults of the user's, one a line, without a trace."""
    faults = getattr(error, "issues", None) or [str(error)]
    if key := getattr(error, "full_key", None):  # OmegaConf's own
        faults = [f"{key}: {str(error).splitlines()[0]}"]
    for text in faults:
        print(f"rackplan: {ADDRESS.sub(last_name, text)}", file=sys.stderr)


def last_name(address: re.Match[str]) -> str:
    """Return the class of an object that can only be shown by its address."""
    return address[1].rsplit(".", 1)[-1]
