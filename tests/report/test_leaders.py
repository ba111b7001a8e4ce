"""Names of many dots: each beside a dot of its own, or tied to one by a line that crosses none."""

import math
from itertools import combinations

import numpy as np
import pytest

from sim.report import comparison, figures
from sim.report.labels import DOT, NEAR, Box, Named, crossing, put, through
from sim.report.serving import cost
from tests.report.test_serving_page import rows


def drawn(seed, many=15, width=figures.BROAD):
    """Return an axis, names of dots in a crowd, and where they were written."""
    draws = np.random.default_rng(seed)
    _, (axis,) = figures.canvas(width, 5.5)
    axis.set_xlim(0, 850)
    axis.set_ylim(0, 1)
    x, y = draws.uniform(100, 500, many), draws.uniform(0.2, 0.7, many)
    named = [Named(f"autoscaler=policy_{i}", [x[i]], [y[i]], "black") for i in range(many)]
    return axis, named, put(axis, named)


def spots(axis, one):
    return axis.transData.transform(np.column_stack([one.x, one.y])) * 72.0 / axis.figure.dpi


def far(box, at):
    """Return how far a box is from the nearest of some dots, step by step."""
    best = math.inf
    for x, y in at:
        dx = max(box.left - x, x - box.right, 0.0)
        dy = max(box.low - y, y - box.high, 0.0)
        best = min(best, math.hypot(dx, dy))
    return best


def along(line, many=400):
    """Return points along a leader."""
    return [line[0] + (line[1] - line[0]) * k / many for k in range(many + 1)]


@pytest.mark.parametrize("seed", range(12))
def test_in_a_crowd_no_name_lies_on_another_or_on_a_dot(seed):
    axis, named, put_at = drawn(seed)
    for a, b in combinations(put_at, 2):
        assert a.box.over(b.box) == 0.0
    for where in put_at:
        for one in named:
            for x, y in spots(axis, one):
                assert where.box.over(Box(x - DOT, y - DOT, x + DOT, y + DOT)) == 0.0


@pytest.mark.parametrize("seed", range(12))
def test_a_name_is_beside_its_dot_or_tied_to_it(seed):
    axis, named, put_at = drawn(seed)
    lines = 0
    for one, where in zip(named, put_at, strict=True):
        at = spots(axis, one)
        assert (where.leader is None) == (far(where.box, at) <= NEAR)
        if where.leader is None:  # then no other dot is nearer
            others = np.concatenate([spots(axis, other) for other in named if other is not one])
            assert far(where.box, others) >= min(far(where.box, at), DOT)
            continue
        lines += 1
        start, end = where.leader
        assert min(math.dist(start, dot) for dot in at) == pytest.approx(DOT)
        x, y = end
        box = where.box
        assert box.left - 1e-9 <= x <= box.right + 1e-9
        assert box.low - 1e-9 <= y <= box.high + 1e-9
        for other in put_at:
            if other is not where:
                assert not any(
                    other.box.left < x < other.box.right and other.box.low < y < other.box.high
                    for x, y in along(where.leader)
                )
    assert len(axis.texts) == len(named) + lines


def test_a_line_goes_through_a_box_where_a_point_of_it_lies_within():
    draws = np.random.default_rng(1)
    lines = draws.uniform(0, 100, (60, 2, 2))
    low = draws.uniform(0, 80, (40, 2))
    boxes = np.hstack([low, low + draws.uniform(5, 30, (40, 2))])
    got = through(lines, boxes)
    points = np.array([along(line, 4000) for line in lines])[:, None]
    within = (points > boxes[None, :, None, :2]) & (points < boxes[None, :, None, 2:])
    assert np.array_equal(got, within.all(axis=3).any(axis=2))
    assert not through(np.full((1, 2, 2), np.nan), boxes).any()


def test_lines_cross_where_their_equations_have_a_point_in_common():
    draws = np.random.default_rng(2)
    a, b = draws.uniform(0, 1, (30, 2, 2)), draws.uniform(0, 1, (30, 2, 2))
    got = crossing(a, b)
    for i, one in enumerate(a):
        for k, other in enumerate(b):
            ways = np.column_stack([one[1] - one[0], other[0] - other[1]])
            t = np.linalg.solve(ways, other[0] - one[0])
            assert got[i, k] == bool((t > 0).all() and (t < 1).all())


def test_fifteen_designs_have_fifteen_colours():
    assert len(set(figures.NAMED)) == len(figures.NAMED) >= 15
    some = {f"p{i}": [(1.0 - 0.5 ** (1 + i % 5), 10.0 + i)] for i in range(15)}
    text = cost(comparison(rows(some)).designs)
    for i in range(15):
        assert f"autoscaler=p{i}<" in text
    assert sum(shade in text for shade in figures.NAMED[:15]) == 15
