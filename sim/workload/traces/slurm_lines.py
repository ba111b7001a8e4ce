"""Lines of `sacct --parsable2` to records: fields by the header, whatever stands in the names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from sim.errors import TraceError
from sim.files import open_text
from sim.workload.raw import Fault
from sim.workload.traces import slurm_words

# Fields in which a user may have written anything, the likeliest first.
FREE = (
    "jobname",
    "submitline",
    "comment",
    "constraints",
    "admincomment",
    "systemcomment",
    "workdir",
    "extra",
    "container",
    "reservation",
    "reason",
)
_BEGIN = re.compile(r"\d+(?:_(?:\d+|\[[^\]|]*\]))?(?:\+\d+)?(?:\.[\w+]+)?$", re.ASCII)
_TIME = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d|\d+|Unknown|None|N/A|)$", re.ASCII)
_EXIT = re.compile(r"\d+:\d+$", re.ASCII)
_NUMBER = re.compile(r"\d*$", re.ASCII)
_STATES = {*slurm_words.ENDED, *slurm_words.LIVE, "REVOKED"}
_LONGEST = 2**20
_SEPARATORS = "|\x1f\t;^@!~"
_NUMBERS = ("elapsedraw", "timelimitraw", "nnodes", "ncpus", "uid", "gid", "cputimeraw", "priority")


@dataclass
class Lines:
    """The records of a sacct file; what could not be read is in `faults`, steps are counted."""

    path: Path
    names: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    steps: int = 0
    delimiter: str = "|"
    trailing: bool = False

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Give the line each record begins at, and its fields in the header's order.

        A record may run over several lines (a command with line ends in SubmitLine); steps
        (`12.batch`) pass by.
        """
        with open_text(self.path) as file:
            top = self._header(file)
            need = len(self.names) + self.trailing
            kept: list[tuple[int, str]] = []
            count, size = 0, 0
            for number, line in enumerate(file, top + 1):
                text = line.rstrip("\n")
                if not text.strip() and count >= need:
                    continue
                if not kept or size >= _LONGEST or self._begins(text, count, need):
                    yield from self._record(kept)
                    kept, count, size = [], 0, 0
                if kept or text.strip():
                    kept.append((number, text))
                    count += text.count(self.delimiter) + (not count)
                    size += len(line)
            yield from self._record(kept)

    def _begins(self, text: str, count: int, need: int) -> bool:
        """Return whether a line begins a record, after one of which `count` fields were read.

        While fields are missing, a short line that begins as an id does may be a piece of a
        command, or a record cut short: `_record` finds out.
        """
        if self.names[0] not in ("jobid", "jobidraw"):
            return count >= need
        fields = text.count(self.delimiter) + 1
        if fields >= need or not any(name in self.names for name in FREE):
            return True
        if count < need:
            return False
        return self.names[-1] not in FREE or self._like_an_id(text)

    def _like_an_id(self, text: str) -> bool:
        head, *rest = text.split(self.delimiter, 1)
        return bool(rest) and bool(_BEGIN.match(head))

    def _header(self, file: Iterator[str]) -> int:
        for number, line in enumerate(file, 1):
            text = line.strip("\ufeff\r\n")
            if not text.strip():
                continue
            self.delimiter = max(_SEPARATORS, key=text.count)
            names = [name.strip().split("%")[0].lower() for name in text.split(self.delimiter)]
            self.trailing = len(names) > 1 and names[-1] == ""
            self.names = names[:-1] if self.trailing else names
            if "jobid" not in self.names and "jobidraw" not in self.names:
                break
            if len(set(self.names)) < len(self.names):
                break
            return number
        remedy = "holds no header of `sacct --parsable2` (names with | between, JobID among them)"
        raise TraceError(self.path, remedy=remedy)

    def _record(self, kept: Sequence[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
        """Give the record of those lines.

        Where a line among them begins as an id does, they are several records if one of the
        pieces is one, or if all lines together are none.
        """
        starts = [i for i, (_, text) in enumerate(kept) if not i or self._like_an_id(text)]
        pieces = [kept[begin:end] for begin, end in pairwise([*starts, len(kept)])]
        read = [self._fields(piece) for piece in pieces]
        if len(pieces) > 1 and not any(read) and (together := self._fields(kept)):
            pieces, read = [kept], [together]
        for piece, fields in zip(pieces, read, strict=True):
            if fields is None:
                have = "\n".join(text for _, text in piece).count(self.delimiter) + 1
                told = f"the record has {have} fields; must have {len(self.names)} as the header"
                self.faults.append(Fault(piece[0][0], "", piece[0][1][:200], told))
                continue
            at = self.names.index("jobid" if "jobid" in self.names else "jobidraw")
            if "." in fields[at].split("[")[0]:
                self.steps += 1
            else:
                yield piece[0][0], fields

    def _fields(self, kept: Sequence[tuple[int, str]]) -> list[str] | None:
        """Return the fields of a record, None if the lines are none."""
        fields = "\n".join(text for _, text in kept).split(self.delimiter)
        if self.trailing and fields[-1] == "":
            fields.pop()
        over = len(fields) - len(self.names)
        if not over:
            return fields
        return self._mended(fields, over) if 0 < over <= 40 else None

    def _mended(self, fields: list[str], over: int) -> list[str] | None:
        """Return the fields with the delimiters of names put back, None if no way fits.

        Each column but the free ones holds one field, and times, states and whole numbers must
        read as such. Of all ways left, the one with the fewest names that hold delimiters is
        taken, and among those the likeliest names (the order of FREE). Found from the right:
        cost[c][k] is the least cost of the columns from c on, k delimiters being put back before.
        """
        least = [math.inf] * over + [0.0]
        widths: list[list[int]] = []
        for column in reversed(range(len(self.names))):
            here, width = [math.inf] * (over + 1), [0] * (over + 1)
            name = self.names[column]
            free = FREE.index(name) + 100 if name in FREE else 0
            for before in range(over + 1):
                if not free:
                    fits = math.isfinite(least[before]) and _reads(name, fields[column + before])
                    here[before] = least[before] if fits else math.inf
                    continue
                for more in range(over - before + 1):
                    cost = least[before + more] + (free if more else 0)
                    if cost < here[before]:
                        here[before], width[before] = cost, more
            least = here
            widths.append(width)
        if not math.isfinite(least[0]):
            return None
        out, at = [], 0
        for column, width in enumerate(reversed(widths)):
            wide = 1 + width[at - column]
            out.append(self.delimiter.join(fields[at : at + wide]))
            at += wide
        return out


def _reads(name: str, word: str) -> bool:
    """Return whether a word can stand in that column."""
    if name == "state":
        return slurm_words.state(word) in _STATES
    if name in ("submit", "eligible", "start", "end"):
        return bool(_TIME.match(word))
    if name in _NUMBERS:
        return bool(_NUMBER.match(word)) or word in ("UNLIMITED", "Partition_Limit")
    if name in ("alloctres", "reqtres"):
        return not word or "=" in word
    if name in ("exitcode", "derivedexitcode"):
        return not word or bool(_EXIT.match(word))
    if name in ("jobid", "jobidraw"):
        return bool(_BEGIN.match(word))
    return True
