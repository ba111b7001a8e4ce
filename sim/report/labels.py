"""Names beside dots, so that none lies on a dot, on another name, or beyond the edge.

A name that is not beside a dot of its own is tied to one by a thin line, a leader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

GLYPH = 0.62
"""Width of a bold letter, of the size of its font; a little wide."""
DOT, AIR = 5.0, 9.0
"""Half the width of a dot with some air; how far from its dot a name stands, points."""
NEAR = 10.0
"""A name farther from its dots than this has a leader, points."""
RINGS = tuple(20.0 * 1.17**k for k in range(14))
ANGLES, ROUNDS = 24, 6
"""How far from a dot a name is tried, points, in how many directions; how often all are tried."""
BEYOND, OVER, CROSSED, CLOSE, LEADER = 100.0, 20.0, 1000.0, 60.0, 20.0
"""What is bad: beyond the edge and over something, by square point; each thing that a leader
crosses; a dot of another name close by; a leader, and besides 1 for each point of its length."""


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
        return float(overlaps(np.array([self]), np.array([other]))[0, 0])


class Places(NamedTuple):
    """Where a name may stand, best first: boxes, (n, 4), leaders from dot to box, (n, 2, 2).

    No leader: nan. `bad` is what each place costs by itself, (n,).
    """

    boxes: np.ndarray
    leaders: np.ndarray
    bad: np.ndarray


class Written(NamedTuple):
    """Where a name was written, and its leader from a dot, (2, 2), None where it needs none."""

    box: Box
    leader: np.ndarray | None


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the area that each of the boxes shares with each of the others, (n, m)."""
    a, b = boxes[:, None], others[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    area: np.ndarray = np.maximum(sides, 0.0).prod(axis=2)
    return area


def grown(boxes: np.ndarray, by: float) -> np.ndarray:
    """Return the boxes with so much air around."""
    made: np.ndarray = boxes + np.array([-by, -by, by, by])
    return made


def through(leaders: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return whether each leader goes through each box, (n, m): by Liang and Barsky's clipping."""
    start, way = leaders[:, None, 0], leaders[:, None, 1] - leaders[:, None, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = ((side - start) / way for side in (boxes[None, :, :2], boxes[None, :, 2:]))
    enter = np.minimum(first, second).max(axis=2)
    leave = np.maximum(first, second).min(axis=2)
    crossed: np.ndarray = np.maximum(enter, 0.0) < np.minimum(leave, 1.0)
    return crossed


def crossing(leaders: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return whether leaders cross each other, (n, m)."""

    def side(line: np.ndarray, point: np.ndarray) -> np.ndarray:
        way, to = line[..., 1, :] - line[..., 0, :], point - line[..., 0, :]
        turn: np.ndarray = np.sign(way[..., 0] * to[..., 1] - way[..., 1] * to[..., 0])
        return turn

    a, b = leaders[:, None], others[None]
    apart = [side(a, b[..., k, :]) for k in (0, 1)] + [side(b, a[..., k, :]) for k in (0, 1)]
    crossed: np.ndarray = (apart[0] * apart[1] < 0) & (apart[2] * apart[3] < 0)
    return crossed


def corners(at: np.ndarray, wide: float, tall: float) -> Iterator[tuple[float, float]]:
    """Give where a name may begin, its left end and its middle: best first.

    `at` are its dots, (n, 2): beside the last or the first, over or under all, then farther off,
    then in rings around the one in their middle.
    """
    first, last = at[at[:, 0].argmin()], at[at[:, 0].argmax()]
    middle = at[:, 0].mean() - wide / 2
    for off in (0.0, 1.1 * tall, -1.1 * tall, 2.2 * tall, -2.2 * tall):
        yield last[0] + AIR, last[1] + off
        yield first[0] - AIR - wide, first[1] + off
        yield middle, at[:, 1].max() + 0.8 * tall + abs(off)
        yield middle, at[:, 1].min() - 0.8 * tall - abs(off)
    x, y = at[np.hypot(*(at - at.mean(axis=0)).T).argmin()]
    for ring in RINGS:
        for turn in 2.0 * np.pi * np.arange(ANGLES) / ANGLES:
            yield x + ring * np.cos(turn) + wide / 2 * (np.cos(turn) - 1.0), y + ring * np.sin(turn)


def leader(box: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the line from the nearest of its dots to a name, (2, 2); nan where it is near."""
    off = np.maximum(np.maximum(box[:2] - at, at - box[2:]), 0.0)
    far = np.hypot(*off.T)
    x, y = at[far.argmin()]
    if far.min() <= NEAR:
        return np.full((2, 2), np.nan)
    left, low, right, high = box
    if left <= x <= right:
        quarter = (right - left) / 4
        end = np.array([np.clip(x, left + quarter, right - quarter), low if y < low else high])
    else:
        end = np.array([left if x < left else right, (low + high) / 2])
    start = np.array([x, y])
    return np.stack([start + DOT * (end - start) / np.hypot(*(end - start)), end])


def places(at: np.ndarray, others: np.ndarray, size: tuple[float, float], inside: Box) -> Places:
    """Return where a name so wide and tall may stand; `others` are the dots of other names."""
    wide, tall = size
    boxes = np.array([
        (x, y - tall / 2, x + wide, y + tall / 2) for x, y in corners(at, wide, tall)
    ])  # fmt: skip
    leaders = np.array([leader(box, at) for box in boxes])
    own, foreign = (grown(np.hstack([dots, dots]), DOT) for dots in (at, others))
    bad = BEYOND * (wide * tall - overlaps(boxes, np.array([inside]))[:, 0])
    bad += OVER * overlaps(boxes, np.concatenate([own, foreign])).sum(axis=1)
    bad += CLOSE * (overlaps(boxes, grown(foreign, AIR - DOT)) > 0).sum(axis=1)
    bad += CROSSED * through(leaders, grown(foreign, -0.3 * DOT)).sum(axis=1)
    long = np.hypot(*(leaders[:, 1] - leaders[:, 0]).T)
    return Places(boxes, leaders, bad + np.where(np.isnan(long), 0.0, LEADER + long))


def beside(own: Places, boxes: np.ndarray, leaders: np.ndarray) -> np.ndarray:
    """Return what each place costs beside names and leaders that are written already, (n,)."""
    crossed = through(own.leaders, boxes) + through(leaders, own.boxes).T
    bad = OVER * overlaps(own.boxes, boxes).sum(axis=1) + own.bad
    bad += CROSSED * (crossed.sum(axis=1) + crossing(own.leaders, leaders).sum(axis=1))
    return np.asarray(bad.round(6), np.float64)


def settled(may: Sequence[Places], order: Sequence[int]) -> tuple[float, list[int]]:
    """Return the place of each name, the best beside those before, then beside all, in rounds.

    Before it the sum of what they cost, each beside the others.
    """
    at, costs = [0] * len(may), [0.0] * len(may)
    for turn in range(ROUNDS):
        before = list(at)
        for n, i in enumerate(order):
            rest = [k for k in (order if turn else order[:n]) if k != i]
            boxes = np.array([may[k].boxes[at[k]] for k in rest]).reshape(-1, 4)
            leaders = np.array([may[k].leaders[at[k]] for k in rest]).reshape(-1, 2, 2)
            bad = beside(may[i], boxes, leaders)
            at[i] = int(bad.argmin())  # of equals the first
            costs[i] = float(bad[at[i]])
        if at == before and turn:
            break
    return sum(costs), at


def chosen(may: Sequence[Places]) -> list[int]:
    """Return the place of each name, the least bad of those found beginning with different names.

    In their own order, turned around, those with the fewest free places first, and by height.
    """
    own = range(len(may))
    free = [int((one.bad < CLOSE).sum()) for one in may]
    orders = [list(own), list(own)[::-1], sorted(own, key=lambda i: free[i]),
              sorted(own, key=lambda i: float(may[i].boxes[0, 1]))]  # fmt: skip
    return min((settled(may, order) for order in orders), key=lambda found: found[0])[1]


def put(axis: Any, drawn: Sequence[Named], size: float = 10.0) -> list[Written]:
    """Write each name beside its dots; return where. The axis' limits must be set."""
    axis.figure.draw_without_rendering()
    unit = 72.0 / axis.figure.dpi
    spots = [
        axis.transData.transform(np.column_stack([one.x, one.y])) * unit for one in drawn
    ]  # each (n, 2)
    edges = axis.get_window_extent()
    inside = Box(*(unit * v for v in (edges.x0, edges.y0, edges.x1, edges.y1)))
    may = []
    for i, one in enumerate(drawn):
        others = np.concatenate([*spots[:i], *spots[i + 1 :], np.empty((0, 2))])
        may.append(places(spots[i], others, (GLYPH * size * len(one.name), 1.3 * size), inside))
    made = []
    for one, own, at, place in zip(drawn, may, spots, chosen(may), strict=True):
        box, line = Box(*own.boxes[place].tolist()), own.leaders[place]
        made.append(Written(box, None if np.isnan(line).any() else line))
        written(axis, one, made[-1], at, size, (inside.left, inside.low))
    return made


def written(
    axis: Any, one: Named, where: Written, at: np.ndarray, size: float, zero: tuple[float, float]
) -> None:
    """Write a name, held at the end that is next to its dots, and its leader."""
    box = where.box
    ha, x = "center", (box.left + box.right) / 2
    if (at[:, 0] <= box.left).all():
        ha, x = "left", box.left
    elif (at[:, 0] >= box.right).all():
        ha, x = "right", box.right
    y = (box.low + box.high) / 2
    axis.annotate(one.name, (x - zero[0], y - zero[1]), None, "axes points", ha=ha, va="center",
                  color=one.color, fontweight="bold", fontsize=size)  # fmt: skip
    if where.leader is not None:
        start, end = (where.leader - np.array(zero)).tolist()
        axis.annotate("", start, end, "axes points", "axes points", annotation_clip=False,
                      arrowprops={"arrowstyle": "-", "color": one.color, "linewidth": 0.8,
                                  "shrinkA": 2.0, "shrinkB": 0.0})  # fmt: skip
