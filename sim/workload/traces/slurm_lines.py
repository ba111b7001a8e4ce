"""Lines of `sacct --parsable2` to records: fields by the header, whatever stands in the names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
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
_NUMBER = re.compile(r"\d*$", re.ASCII)
_STATES = {*slurm_words.ENDED, *slurm_words.LIVE, "REVOKED"}
_LONGEST = 2**20
_SEPARATORS = "|\x1f\t;^@!~"
_NUMBERS = ("elapsedraw", "timelimitraw", "nnodes", "ncpus", "uid", "gid")


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
            id_first = self.names[0] in ("jobid", "jobidraw")
            many = any(name in self.names for name in FREE)
            open_end = self.names[-1] in FREE
            kept: list[str] = []
            begun, count, need = 0, 0, len(self.names) + self.trailing
            for number, line in enumerate(file, top + 1):
                text = line.rstrip("\n")
                fields = text.count(self.delimiter) + 1
                if id_first:
                    head = text.split(self.delimiter, 1)[0]
                    begins = fields > 1 and bool(_BEGIN.match(head))
                    begins = begins or fields >= need or not many
                    begins = begins or (count >= need and not open_end)
                else:
                    begins = count >= need
                if not text.strip() and count >= need:
                    continue
                if kept and not begins and sum(map(len, kept)) < _LONGEST:
                    kept.append(text)
                    count += fields - 1
                    continue
                if kept:
                    yield from self._record(begun, kept)
                kept, begun, count = ([text], number, fields) if text.strip() else ([], 0, 0)
            if kept:
                yield from self._record(begun, kept)

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

    def _record(self, line: int, kept: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        fields = "\n".join(kept).split(self.delimiter)
        if self.trailing and fields[-1] == "":
            fields.pop()
        over = len(fields) - len(self.names)
        if over:
            told = f"the record has {len(fields)} fields; must have {len(self.names)} as the header"
            fixed = self._mended(fields, over) if 0 < over <= 40 else None
            if fixed is None:
                self.faults.append(Fault(line, "", kept[0][:200], told))
                return
            fields = fixed
        at = self.names.index("jobid" if "jobid" in self.names else "jobidraw")
        if "." in fields[at]:
            self.steps += 1
            return
        yield line, fields

    def _mended(self, fields: list[str], over: int) -> list[str] | None:
        """Return the fields with the delimiters of a name put back, None if no way fits.

        Where the columns before and after the name still read (times, states, whole numbers),
        that name held the delimiters. One name is tried first, then two.
        """
        free = [self.names.index(name) for name in FREE if name in self.names]
        for at in free:
            tried = self._joined(fields, {at: over})
            if self._reads(tried):
                return tried
        for first, second in combinations(free, 2):
            for part in range(1, over):
                tried = self._joined(fields, {first: part, second: over - part})
                if self._reads(tried):
                    return tried
        return None

    def _joined(self, fields: list[str], extra: dict[int, int]) -> list[str]:
        out, at = [], 0
        for column in range(len(self.names)):
            width = 1 + extra.get(column, 0)
            out.append(self.delimiter.join(fields[at : at + width]))
            at += width
        return out

    def _reads(self, fields: list[str]) -> bool:
        for name, word in zip(self.names, fields, strict=True):
            if name == "state":
                fits = slurm_words.state(word) in _STATES
            elif name in ("submit", "eligible", "start", "end"):
                fits = bool(_TIME.match(word))
            elif name in _NUMBERS:
                fits = bool(_NUMBER.match(word)) or word in ("UNLIMITED", "Partition_Limit")
            elif name in ("alloctres", "reqtres"):
                fits = not word or "=" in word
            elif name in ("jobid", "jobidraw"):
                fits = bool(_BEGIN.match(word))
            else:
                continue
            if not fits:
                return False
        return True
