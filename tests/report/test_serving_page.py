"""Services on the page of a run and in the comparison of a sweep."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.policies.autoscaler import StaticPeak
from sim.report import comparison
from sim.report.compare import LABELS, answer, best_of
from sim.report.compare import page as compared
from sim.report.html import page
from sim.report.serving import LABELS as SERVED
from sim.report.serving import binned, percentiles
from sim.results import Result
from sim.state import Homogeneous
from sim.workload import NoJobs, Poisson, Synthetic
from sim.workload.requests import DrawnRequests, FixedTokens
from sim.workload.services import LlmService


def served(jobs=None, **knobs):
    ask = DrawnRequests(3.0, 120.0, Poisson(), FixedTokens(200, 40))
    scenario = Scenario(
        Homogeneous(nodes=2), jobs or NoJobs(), autoscaler=StaticPeak(),
        services=LlmService(name="<chat>", requests=ask, max_replicas=2, **knobs),
    )  # fmt: skip
    return simulate(scenario, 1)


def rows(costs):
    """Return rows of a sweep: designs with their share within the SLO and GPU-hours, a seed each."""
    none = dict.fromkeys((*LABELS, *SERVED))
    return [
        {"design": {"autoscaler": name}, "seed": seed,
         "metrics": none | {"slo_attainment_frac": met, "gpu_hours": hours, "shed": 0.0}}
        for name, pairs in costs.items() for seed, (met, hours) in enumerate(pairs)
    ]  # fmt: skip


def test_the_page_shows_each_service_and_no_jobs_where_there_are_none():
    text = page(served())
    assert "How &lt;chat&gt; answered" in text
    assert "<chat>" not in text
    assert "Time to first token, seconds" in text
    assert "Time a token after it, seconds" in text
    assert "GPUs in use" in text
    assert "services below" not in text
    assert "How soon jobs started" not in text
    assert "100.00 % within the SLO" in text


def test_the_page_of_a_mixed_run_shows_both_stacked():
    text = page(served(Synthetic(jobs=50)))
    assert "services below (orange), jobs above (blue)" in text
    assert "How soon jobs started" in text
    assert "Within the SLO" in text


def test_a_run_with_services_is_written_and_read_again(tmp_path):
    made = served()
    made.write(tmp_path / "run")
    again = Result.read(tmp_path / "run")
    assert again.metrics["serving"] == made.metrics["serving"]
    assert again.headline() == made.headline()
    made.to_csv(tmp_path / "csv")
    assert (tmp_path / "csv" / "requests.csv").read_text().count("\n") == len(made.requests) + 1


def test_the_cheapest_that_keeps_the_slo_is_best():
    made = comparison(rows({
        "peak": [(1.0, 800.0)], "hpa": [(0.995, 500.0)], "least": [(0.6, 100.0)],
    }))  # fmt: skip
    assert best_of(made).name == "autoscaler=hpa"
    assert "99.50 % for 500 GPU-hours, 38 % fewer than autoscaler=peak" in answer(made)
    header = made.header()
    assert header[:4] == ["design", "seeds", "within the SLO", "GPU-hours"]
    assert "mean wait" not in header
    assert "shed" not in header  # nobody was
    text = compared(made)
    assert "What the SLO costs" in text
    assert "Mean wait" not in text


def test_where_nobody_keeps_the_slo_the_closest_is_named():
    made = comparison(rows({"a": [(0.5, 10.0), (0.7, 12.0)], "b": [(0.9, 50.0), (0.8, 52.0)]}))
    assert best_of(made).name == "autoscaler=b"
    assert "comes closest: 85.00 % for 51 GPU-hours" in answer(made)
    assert "autoscaler=b" in compared(made)


def test_where_no_job_waited_nothing_is_said_of_waiting():
    said = "Too few free"
    made = rows({"a": [(0.9, 10.0)], "b": [(0.95, 12.0)]})
    for row in made:
        row["metrics"]["fragmentation_frac"] = 0.1
    text = compared(comparison(made))
    assert "What else it cost" in text
    assert said not in text
    made[0]["metrics"]["for_gpus_mean_s"] = 5.0
    assert said in compared(comparison(made))


def test_a_comparison_without_services_is_as_ever():
    plain = [{"design": {"queue": "fifo"}, "seed": 1, "metrics": dict.fromkeys(LABELS, 5.0)}]
    made = comparison(plain)
    assert made.header()[-1] == "mean wait against the first"
    assert "What the SLO costs" not in compared(made)


def test_percentiles_are_of_those_that_came_in_a_bin():
    arrival = np.array([0.0, 1.0, 2.0, 11.0])
    got = percentiles(arrival, np.array([1.0, 3.0, np.nan, 7.0]), np.array([0.0, 10.0, 20.0, 30.0]))
    assert got[0, :2] == pytest.approx([2.0, 7.0])
    assert got[1, 0] == pytest.approx(np.quantile([1.0, 3.0], 0.99))
    assert np.isnan(got[:, 2]).all()


def test_a_bin_without_a_row_is_as_the_one_before():
    ends, values = np.array([5.0, 10.0, 30.0]), np.array([1.0, 3.0, 5.0])
    assert binned(ends, values, np.array([0.0, 10.0, 20.0, 30.0])).tolist() == [2.0, 2.0, 5.0]


@pytest.mark.parametrize(("waits", "titles"), [(None, [""]), (60.0, ["services", "jobs"])])
def test_services_and_jobs_stand_in_tables_of_their_own(waits, titles):
    both = rows({"hpa": [(0.999, 40.0)], "kpa": [(0.99, 30.0)]})
    for row in both:
        row["metrics"] |= {"wait_mean_s": waits, "jct_mean_s": waits, "not_completed": 0.0}
    made = comparison(both)
    tables = made.tables()
    assert [title for title, _ in tables] == titles
    shown = [item for _, labels in tables for item in labels.items()]
    assert sorted(shown) == sorted(made.labels().items())
    text = compared(made)
    for _, label in shown:
        assert f'data-of="{label}"' in text
    if waits:
        assert set(tables[1][1]) <= set(LABELS)
        assert text.count("<table") >= 2
