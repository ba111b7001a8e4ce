"""A number swept is drawn as a curve, with the interval of the mean over seeds."""

import numpy as np
import pytest
from scipy import stats

from sim.report.compare import comparison, page
from sim.report.curve import swept
from sim.report.paired import half_width


def sweep(choices, seeds=(1, 2, 3)):
    """Return rows of runs whose wait is told by a stream of each design and seed."""
    return [
        {
            "design": choice,
            "seed": seed,
            "metrics": {"wait_mean_s": float(np.random.default_rng([seed, i]).uniform(60, 600))},
        }
        for i, choice in enumerate(choices)
        for seed in seeds
    ]


def designs(*choices):
    return comparison(sweep(choices)).designs


def test_the_one_number_is_found_and_the_rest_are_lines():
    made = designs(*[{"f.k": str(k), "queue": q} for k in (8, 1, 2, 4) for q in ("fifo", "sjf")])
    knob, lines = swept(made)
    assert knob == "f.k"
    assert {rest: sorted(line) for rest, line in lines.items()} == {
        "queue=fifo": [1.0, 2.0, 4.0, 8.0],
        "queue=sjf": [1.0, 2.0, 4.0, 8.0],
    }
    assert lines["queue=sjf"][4.0].name == "f.k=4 queue=sjf"


def test_times_and_rates_are_numbers_as_people_write_them():
    made = designs(*[{"queue.refresh_s": x} for x in ("30 s", "2 min", "1 h")])
    assert list(swept(made)[1][""]) == [30.0, 120.0, 3600.0]


@pytest.mark.parametrize(
    "choices",
    [
        [{"k": "1"}, {"k": "2"}],  # two are no curve
        [{"queue": "fifo"}, {"queue": "sjf"}, {"queue": "edf"}],
        [{"k": "1"}, {"k": "2"}, {"k": "many"}],
        [{"k": str(k), "n": str(n)} for k in range(3) for n in range(3)],  # of two numbers, which?
        [{"k": "1"}, {"k": "2"}, {"k": "nan"}],
    ],
)
def test_else_there_is_no_curve(choices):
    made = comparison(sweep(choices))
    assert swept(made.designs) is None
    assert "<h2>What k does</h2>" not in page(made)


def test_the_band_is_the_interval_of_the_mean():
    values = [3.0, 5.0, 4.0, 9.0]
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert half_width(values) == pytest.approx((high - low) / 2, rel=1e-12)
    assert half_width([2.0]) == half_width([2.0, 2.0]) == 0.0


def test_the_page_shows_it_and_escapes_what_it_is_told():
    made = comparison(sweep([{"k": str(k), "queue": "<b>"} for k in (1, 2, 16)]))
    text = page(made)
    assert "<h2>What k does</h2>" in text
    assert "Mean wait over k" in text
    assert "queue=<b>" not in text
