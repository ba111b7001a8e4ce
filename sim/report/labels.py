"""Names beside dots, so that none lies on a dot, on another name, or beyond the edge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

GLYPH = 0.62
"""Width of a bold letter, of the size of its font; a little wide."""
DOT = 5.0
"""Half the width of a dot with some air, points."""


class Named(NamedTuple):
    """The dots of one name, in the axis' own units."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    color: str


class Box(NamedTuple):
    """Where something lies, points."""

    left: float
    low: float
    right: float
    high: float

    def over(self, other: Box) -> float:
        """Return the area that both cover."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        tall = min(self.high, other.high) - max(self.low, other.low)
        return max(wide, 0.0) * max(tall, 0.0)


def places(at: np.ndarray, wide: float, tall: float) -> Iterator[tuple[float, float]]:
    """Give where a name may begin, its left end and its middle: best first.

    `at` are its dots, (n, 2): beside the last or the first, over or under all, then farther off.
    """
    first, last = at[at[:, 0].argmin()], at[at[:, 0].argmax()]
    middle = at[:, 0].mean() - wide / 2
    for off in (0.0, 1.1 * tall, -1.1 * tall, 2.2 * tall, -2.2 * tall):
        yield last[0] + 9.0, last[1] + off
        yield first[0] - 9.0 - wide, first[1] + off
        yield middle, at[:, 1].max() + 0.8 * tall + abs(off)
        yield middle, at[:, 1].min() - 0.8 * tall - abs(off)


def put(axis: Any, drawn: Sequence[Named], size: float = 10.0) -> list[Box]:
    """Write each name beside its dots; return where. The axis' limits must be set.

    Of the places that lie within the axis the first free one is taken, else where least is covered.
    """
    axis.figure.draw_without_rendering()
    unit = 72.0 / axis.figure.dpi

    def points(x: Sequence[float], y: Sequence[float]) -> np.ndarray:
        at: np.ndarray = axis.transData.transform(np.column_stack([x, y])) * unit
        return at

    corners = axis.get_window_extent()
    inside = Box(*(unit * v for v in (corners.x0, corners.y0, corners.x1, corners.y1)))
    spots = [points(one.x, one.y) for one in drawn]
    taken = [Box(x - DOT, y - DOT, x + DOT, y + DOT) for at in spots for x, y in at]
    made = []
    for one, at in zip(drawn, spots, strict=True):
        wide, tall = GLYPH * size * len(one.name), 1.3 * size
        boxes = [Box(x, y - tall / 2, x + wide, y + tall / 2) for x, y in places(at, wide, tall)]

        def bad(box: Box, size: float = wide * tall) -> float:
            beyond = size - box.over(inside)
            return 10.0 * beyond + sum(box.over(other) for other in taken)

        best = min(boxes, key=bad)  # of equals the first
        taken.append(best)
        made.append(best)
        middle = (best.low + best.high) / 2
        axis.annotate(one.name, (best.left - inside.left, middle - inside.low), None, "axes points",
                      ha="left", va="center", color=one.color, fontweight="bold",
                      fontsize=size)  # fmt: skip
    return made
