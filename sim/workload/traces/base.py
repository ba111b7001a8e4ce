"""What a reader is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Procs = Literal["requested", "used"]
Requeues = Literal["runs", "last"]
Unfinished = Literal["estimate", "drop"]
GpuTypes = Literal["any", "asked"]


@dataclass(frozen=True)
class Reading:
    """How to read what a format leaves open; each knob is for the formats it names.

    Parameters
    ----------
    procs : swf: `requested` processors (field 8, else 5) or `used` ones (field 5, else 8).
    requeues : sacct: a job with several runs is one job a run (`runs`), or one job with its first
        submission and the work of its last run (`last`).
    unfinished : sacct, swf: a job that has not ended, or never started, is taken to need
        its time limit (`estimate`), or is left out (`drop`). Without a limit it is left out.
    gpu_types : sacct: a job may run on any GPU (`any`), or on the type it asked for only (`asked`).
    """

    procs: Procs = "requested"
    requeues: Requeues = "runs"
    unfinished: Unfinished = "estimate"
    gpu_types: GpuTypes = "any"

    def issues(self, path: str) -> list[str]:
        """Return every fault, each as `path: what is; what must be`."""
        words = (
            ("procs", get_args(Procs)),
            ("requeues", get_args(Requeues)),
            ("unfinished", get_args(Unfinished)),
            ("gpu_types", get_args(GpuTypes)),
        )
        found = []
        for name, choices in words:
            if getattr(self, name) not in choices:
                told = f"is {getattr(self, name)!r}; must be {' or '.join(choices)}"
                found.append(f"{path}.{name}: {told}")
        return found


def never_ran(jobs: int, unknown: int = 0) -> list[str]:
    """Return the note on jobs cancelled before they ran, `unknown` of them at no known instant."""
    if not jobs:
        return []
    told = "each gives up at that instant if it still waits, and runs for its time limit if not"
    found = [f"jobs cancelled before they ran: {jobs}; {told}"]
    return found + (
        [f"of these, without an instant, never giving up: {unknown}"] if unknown else []
    )
