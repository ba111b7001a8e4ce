"""Parameters of a fabric that can be; what is wrong with any of them is told at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

MOST_NODES = 2_000_000
MOST_EDGES = 50_000_000
"""Beyond these a fabric fits in no memory of ours: some hundred bytes an edge."""


class UnsoundError(ValueError):
    """Parameters of which no fabric can be made, with every fault, `name is value; must be …`."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__("; ".join(found))
        self.faults = list(found)


def sound(
    one: Mapping[str, int] | None = None,
    above: Mapping[str, float] | None = None,
    least: Mapping[str, float] | None = None,
    more: Sequence[str] = (),
) -> None:
    """Raise UnsoundError for every value of `one` below 1, `above` not above 0, `least` below 0.

    `more` are faults found elsewhere. A value that is no number, or without end, is one too; a
    number of nodes has an upper bound.
    """
    found = [f"{k} is {v}; must be at least 1" for k, v in (one or {}).items() if not v >= 1]
    found += [
        f"{k} is {v}; must be above 0" for k, v in (above or {}).items() if not 0.0 < v < math.inf
    ]
    found += [f"{k} is {v}; must be at least 0"
              for k, v in (least or {}).items() if not 0 <= v < math.inf]  # fmt: skip
    nodes = (one or {}).get("nodes", 0)
    if nodes > MOST_NODES:
        found.append(f"nodes is {nodes}; must be at most {MOST_NODES}")
    found += more
    if found:
        raise UnsoundError(found)


def few_edges(name: str, edges: int, remedy: str) -> None:
    """Raise UnsoundError where a fabric would have more edges than fit in memory."""
    if edges > MOST_EDGES:
        raise UnsoundError(
            [f"{name} would have {edges} edges; must be at most {MOST_EDGES}: {remedy}"]
        )
