"""What can go wrong, said so that it can be mended."""

from __future__ import annotations

import difflib
import os
import sysconfig
import traceback
from collections.abc import Iterable

STANDARD = tuple(sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "platstdlib"))
"""The folders of Python's own modules."""


class RackplanError(Exception):
    """Something the user can mend; the text says what is, what must be, and where."""


class UnitError(RackplanError, ValueError):
    """A quantity that cannot be read."""


class ScenarioError(RackplanError):
    """Every fault of a configuration at once.

    Parameters
    ----------
    issues : one fault each, as `cluster.nodes: is -3; must be a whole number >= 1`.
    """

    def __init__(self, issues: Iterable[str]) -> None:
        self.issues: list[str] = [issues] if isinstance(issues, str) else list(issues)
        super().__init__(self.issues)

    def __str__(self) -> str:
        """Return one fault a line."""
        return "\n".join(self.issues)


class TraceError(RackplanError):
    """A fault in a trace.

    Parameters
    ----------
    path : the file.
    line : counted from 1 (rows of a Parquet file too); 0 if the fault is of the whole file.
    column : as the file names it; "" if the fault is of the whole row.
    value : what stands there.
    remedy : what must stand there, or what to do.
    more : other faults of the same file, a sentence each.
    """

    def __init__(
        self,
        path: object,
        line: int = 0,
        column: str = "",
        value: object = "",
        remedy: str = "",
        more: Iterable[str] = (),
    ) -> None:
        self.path = str(path)
        self.line = int(line)
        self.column = column
        self.value = str(value)
        self.remedy = remedy
        self.more = tuple(more)
        super().__init__(self.path, self.line, self.column, self.value, self.remedy, self.more)

    @property
    def issues(self) -> list[str]:
        """Return the fault and the others of the same file."""
        return [str(self), *self.more]

    def __str__(self) -> str:
        """Return `file, line 7: gpus is 'x'; must be ...`."""
        where = self.path + (f", line {self.line}" if self.line else "")
        shown = self.value if len(self.value) <= 80 else self.value[:77] + "..."
        what = f"{self.column} is {shown!r}; " if self.column else (f"{shown!r}: " if shown else "")
        return f"{where}: {what}{self.remedy}"


def blame(group: str, error: Exception, now_s: float) -> None:
    """Raise ScenarioError if an error arose in a policy of the user's own, with method and line.

    `group` is what was asked, at an instant; a fault of this project's or a library's stays as it
    is, and so does one that is told plainly already.
    """
    if isinstance(error, RackplanError):
        return
    own = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        name, file = str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename
        ours = name == "sim" or name.startswith(("sim.", "numba."))
        if not ours and "site-packages" not in file and not file.startswith(("<", *STANDARD)):
            own = frame.f_code.co_qualname, file, line
    if own is not None:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        told = f"{own[0]}, asked at {now_s:g} s, raised {what} ({own[1]}, line {own[2]})"
        raise ScenarioError([f"{group}: {told}"]) from error


def choices(name: str, valid: Iterable[str]) -> str:
    """Return what is valid, the closest first."""
    known = sorted(valid)
    if not known:
        return "there is none to set"
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}valid are {', '.join(known)}"
