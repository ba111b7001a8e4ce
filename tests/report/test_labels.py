"""Names of dots lie on no dot, on no other name, and within the axis."""

import numpy as np
import pytest

from sim.report import comparison, figures
from sim.report.labels import DOT, Box, Named, put
from sim.report.serving import cost
from sim.report.spent import answer, spent_on
from tests.report.test_serving_page import rows

NAMES = ("autoscaler=hpa", "autoscaler=kpa", "autoscaler=predictive", "autoscaler=static_peak")


def drawn(seed):
    """Return four names of three dots, near each other, some at the right edge."""
    draws = np.random.default_rng(seed)
    x, y = draws.uniform(0, 800, 4), draws.uniform(0.0, 1.0, 4)
    return [
        Named(name, np.clip(x[i] + draws.normal(0, 15, 3), 0, 800).tolist(),
              np.clip(y[i] + draws.normal(0, 0.03, 3), 0, 1).tolist(), "black")
        for i, name in enumerate(NAMES)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_no_name_lies_on_anything(seed):
    figure, (axis,) = figures.canvas(figures.BROAD, 4.4)
    axis.set_xlim(0, 850)
    axis.set_ylim(0, 1)
    named = drawn(seed)
    boxes = [where.box for where in put(axis, named)]
    unit, corners = 72.0 / figure.dpi, axis.get_window_extent()
    inside = Box(*(unit * v for v in (corners.x0, corners.y0, corners.x1, corners.y1)))
    for k, box in enumerate(boxes):
        assert box.over(inside) == pytest.approx(box.over(box))
        assert all(box.over(other) == 0.0 for other in boxes[:k])
        for one in named:
            for x, y in axis.transData.transform(np.column_stack([one.x, one.y])) * unit:
                assert box.over(Box(x - DOT, y - DOT, x + DOT, y + DOT)) == 0.0


def test_a_letter_is_no_wider_than_reckoned():
    """The text as matplotlib draws it lies within its box."""
    figure, (axis,) = figures.canvas(figures.BROAD, 4.4)
    ((box, leader),) = put(axis, [Named(NAMES[-1], [0.5], [0.5], "black")])
    assert leader is None
    figure.draw_without_rendering()
    text = axis.texts[0].get_window_extent()
    unit = 72.0 / figure.dpi
    assert text.width * unit <= box.right - box.left
    assert text.x0 * unit == pytest.approx(box.left, abs=1.0)
    assert (text.y0 + text.y1) / 2 * unit == pytest.approx((box.low + box.high) / 2, abs=2.0)


def test_where_nodes_come_and_go_in_all_designs_their_hours_are_the_cost():
    """Replicas of `few` hold less, but its nodes were on for longer."""
    some = rows({"few": [(0.999, 10.0)], "many": [(0.999, 20.0)]})
    assert answer(comparison(some)).startswith("autoscaler=few keeps the SLO at the least cost")
    for row, hours in zip(some, (50.0, 30.0), strict=True):
        row["metrics"]["node_gpu_hours"] = hours
    made = comparison(some)
    assert spent_on(made.designs) == "node_gpu_hours"
    assert "autoscaler=many keeps the SLO at the least cost" in answer(made)
    assert "30 GPU-hours of nodes, 40 % fewer than autoscaler=few" in answer(made)
    assert "of nodes that were on" in cost(made.designs)
    some[0]["metrics"]["node_gpu_hours"] = None  # one that has none cannot be held against it
    assert spent_on(comparison(some).designs) == "gpu_hours"
