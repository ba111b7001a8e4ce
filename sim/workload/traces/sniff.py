"""Which format a file is in, told by how it begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from sim.errors import TraceError
from sim.files import open_bytes
from sim.workload.raw import Raw
from sim.workload.traces import helios, job_request, philly, sacct, swf
from sim.workload.traces.base import Reading

READERS: Final[Mapping[str, Callable[[Path, Reading], Raw]]] = {
    "job_request": job_request.read,
    "philly": philly.read,
    "helios": helios.read,
    "swf": swf.read,
    "sacct": sacct.read,
}
FORMATS: Final = ("auto", *READERS)
_SIGNS = (
    ("job_request", {"job_id", "submit_s", "gpus", "work_s"}, ",;\t|"),
    ("helios", {"job_id", "gpu_num", "submit_time"}, ",;\t|"),
    ("philly", {"timestamp", "duration", "num_gpus"}, ",;\t|"),
    ("sacct", {"state", "submit"}, "|\x1f\t;^@!~"),
)
_LOOK = 2**16


def sniffed(path: Path) -> str:
    """Return the name of the format; a file that shows none raises TraceError."""
    with open_bytes(path) as file:
        head = file.read(_LOOK)
    if head.startswith(b"PAR1"):
        return "job_request"
    lines = head.decode("utf-8-sig", "backslashreplace").splitlines()
    shown = [line for line in lines if line.strip() and line.lstrip()[0] not in ";#"]
    first = shown[0] if shown else ""
    for name, signs, delimiters in _SIGNS:
        for delimiter in delimiters:
            names = {word.strip().strip('"').lower() for word in first.split(delimiter)}
            if signs <= names and (name != "sacct" or {"jobid", "jobidraw"} & names):
                return name
    if any(_is_swf(line) for line in shown[:2]):
        return "swf"
    if {"job_id", "submit_s", "gpus", "work_s"} & {w.strip() for w in first.split(",")}:
        return "job_request"
    if first.lower().startswith(("jobid", "account|")):
        return "sacct"
    told = f"begins as no format known; set workload.format to one of {', '.join(READERS)}"
    raise TraceError(path, 1 if first else 0, "", first[:80], told)


def _is_swf(line: str) -> bool:
    words = line.split()
    try:
        return len(words) >= 18 and all(float(word) >= -1 for word in words[:5])
    except ValueError:
        return False
