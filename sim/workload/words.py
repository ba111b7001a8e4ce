"""What the words of a `job_request` may be."""

from __future__ import annotations

import re

from sim.state.spans import SPANS
from sim.table import OUTCOMES
from sim.workload.after import MUST, wrong
from sim.workload.comm import PATTERNS

_TYPE = re.compile(r"[^|:,\s]+(?::(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)?", re.ASCII)
_MIG = re.compile(r"[1-9]g\.[1-9]\d*gb(\+me)?", re.ASCII)


def word_fault(name: str, word: str | None) -> str:
    """Return what a word of a column must be; empty if it is, or is null."""
    if word is None:
        return ""
    if name == "mig_profile":
        return "" if _MIG.fullmatch(word) else "must be a MIG profile, as `1g.10gb`"
    if name == "comm_pattern":
        return "" if word in PATTERNS else f"must be one of {', '.join(PATTERNS)}"
    if name == "span":
        return "" if word in SPANS else f"must be one of {', '.join(SPANS)}"
    if name == "state":
        return "" if word in ("", *OUTCOMES) else f"must be one of {', '.join(OUTCOMES)}"
    if name == "after":
        return MUST if wrong(word) else ""
    parts = word.split("|")
    types = [part.split(":")[0] for part in parts]
    fits = all(_TYPE.fullmatch(part) for part in parts) and len(set(types)) == len(types)
    speeds = [float(part.split(":")[1]) for part in parts if fits and ":" in part]
    if fits and all(0 < speed <= 1e6 for speed in speeds):
        return ""
    return "must be types with speeds above 0, each type once, as in `h100:1.0|a100:0.5`"
