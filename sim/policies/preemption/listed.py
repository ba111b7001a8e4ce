"""What is wrong with a list of qualities of service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

KNOWN = ("priority", "preempts", "exempt_s", "mode")


def of_one(name: str, told: Any, known: Mapping[str, Any]) -> Iterator[str]:
    """Give a fault for each knob of one QOS that cannot be."""
    path = f"preemption.qoses.{name}"
    if not hasattr(told, "get"):
        yield f"{path}: is {told!r}; must be a mapping of {', '.join(KNOWN)}"
        return
    for knob in told:
        if knob not in KNOWN:
            yield f"{path}.{knob}: is not known; valid are {', '.join(KNOWN)}"
    for knob in ("priority", "exempt_s"):
        value = told.get(knob)
        if value is not None and not (type(value) in (int, float) and value >= 0.0):
            yield f"{path}.{knob}: is {value!r}; must be a number >= 0, or null"
    if told.get("mode") not in (None, "requeue", "cancel"):
        yield f"{path}.mode: is {told['mode']!r}; must be requeue, cancel or null"
    for other in told.get("preempts") or ():
        if other not in known or other == name:
            yield f"{path}.preempts: names {other!r}; must name others of preemption.qoses"


def circle(qoses: Mapping[str, Any]) -> list[str]:
    """Return QOS that preempt each other in a circle; empty if none do."""
    left = {name: set((told or {}).get("preempts") or ()) for name, told in qoses.items()}
    while left:
        taken = set().union(*left.values())
        free = [
            name for name, others in left.items() if not others & left.keys() or name not in taken
        ]
        if not free:
            return sorted(left)
        for name in free:
            del left[name]
    return []


def faults(qoses: Mapping[str, Any]) -> list[str]:
    """Return every fault, as `path: what is; what must be`."""
    found = [text for name, told in qoses.items() for text in of_one(name, told, qoses)]
    if not found and (names := circle(qoses)):
        found.append(
            f"preemption.qoses: {', '.join(names)} preempt each other in a circle; must not"
        )
    return found
