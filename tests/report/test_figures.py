"""Words in figures: titles within the figure, labels of level lines where no curve goes."""

import pytest

from sim import Scenario, simulate
from sim.policies.autoscaler import StaticPeak
from sim.report import figures, serving
from sim.state import Homogeneous
from sim.workload import NoJobs, Poisson
from sim.workload.requests import DrawnRequests, FixedTokens
from sim.workload.services import LlmService

TITLE = "Replicas: ready (green), starting or draining (orange), waiting for GPUs (line)"
WIDTHS = (figures.BROAD, figures.WIDE, figures.NARROW)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_title_lies_within_the_figure(width):
    figure, (axis,) = figures.canvas(width, 3.0)
    axis.set_yticks([0.0, 1.0], ["0", "100,000"])
    figures.titled(axis, TITLE, figures.GREEN)
    figure.draw_without_rendering()
    title = axis._left_title
    box = title.get_window_extent()
    assert title.get_text().split() == TITLE.split()
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert box.y1 <= figure.bbox.y1


@pytest.mark.parametrize("width", WIDTHS)
def test_what_a_level_line_is_stands_right_of_all_curves(width):
    figure, (axis,) = figures.canvas(width, 3.0)
    axis.plot([0.0, 1.0], [0.02, 5.0])
    axis.set_xlim(0.0, 1.0)
    figures.at_the_end(axis, 2.0, "SLO\n250 ms")
    figure.draw_without_rendering()
    box, curves = axis.texts[0].get_window_extent(), axis.get_window_extent()
    assert curves.x1 < box.x0 < box.x1 <= figure.bbox.x1
    middle = axis.transData.transform((0.0, 2.0))[1]
    assert (box.y0 + box.y1) / 2 == pytest.approx(middle, abs=2.0)


@pytest.mark.parametrize("output", [1, 40])
def test_a_service_shows_both_times_that_the_slo_is_of(output):
    """Also where no answer has a second token, so that no time after the first goes by."""
    ask = DrawnRequests(3.0, 60.0, Poisson(), FixedTokens(200, output))
    made = simulate(
        Scenario(
            Homogeneous(nodes=2), NoJobs(), autoscaler=StaticPeak(),
            services=LlmService(requests=ask, max_replicas=2, slo_ttft_s=1.5, slo_tpot_s=0.07),
        ), 1,
    )  # fmt: skip
    (about,) = made.manifest["services"]
    assert made.answers.column(about["name"], "tpot_s").any() == (output > 1)
    text = serving.over_time(made, about)
    for words in ("Time to first token, s", "Time a token after it, s", "1.5 s", "70 ms"):
        assert words in text
    assert text.count(">SLO<") == 2
