"""Services on the page of a run and in the comparison of a sweep."""

import re

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.app.sweep import HEADLINE, reached
from sim.policies.autoscaler import StaticPeak
from sim.report import comparison
from sim.report.compare import LABELS, answer, best_of
from sim.report.compare import page as compared
from sim.report.html import page
from sim.report.serving import LABELS as SERVED
from sim.report.serving import binned, output, percentiles
from sim.report.why import LABELS as WHY
from sim.results import Result
from sim.state import Homogeneous
from sim.units import human_s
from sim.workload import NoJobs, Poisson, Synthetic
from sim.workload.requests import DrawnRequests, FixedTokens
from sim.workload.services import LlmReplica, LlmService


def served(jobs=None, **knobs):
    ask = DrawnRequests(3.0, 120.0, Poisson(), FixedTokens(200, 40))
    scenario = Scenario(
        Homogeneous(nodes=2), jobs or NoJobs(), autoscaler=StaticPeak(),
        services=LlmService(name="<chat>", requests=ask, max_replicas=2, **knobs),
    )  # fmt: skip
    return simulate(scenario, 1)


def rows(costs):
    """Return rows of a sweep: designs with their share within the SLO and GPU-hours, a seed each."""
    none = dict.fromkeys((*LABELS, *SERVED, *WHY))
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


def test_the_page_and_the_table_say_what_the_answers_took_and_cost():
    made = served(gpu_h_usd={"h100": 250.0}, replica=LlmReplica(gpu_types="h100"))
    asked, held = made.requests, made.replicas
    end_s, output = made.manifest["end_s"], sum(asked["output_tokens"].to_pylist())
    gpu_s = [
        (end_s - s.as_py()) * n.as_py() for s, n in zip(held["start_s"], held["gpus"], strict=True)
    ]
    hours = sum(gpu_s) / 3600
    last_s = np.max(np.add(asked["arrival_s"], asked["e2e_s"]))
    took = [human_s(float(np.quantile(asked["e2e_s"], q))) for q in (0.5, 0.99)]
    cost, each = 250 * hours, 250 * hours / (output / 1e6)
    rate, one = output / last_s, output / (hours * 3600)
    for name, value in (("served_usd", cost), ("usd_per_mtok", each)):  # as a sweep reads them
        assert reached(made.metrics, HEADLINE[name]) == pytest.approx(value)
    told, text = made.headline(), page(made)
    assert told["E2E, median / p99"] == " / ".join(took)
    assert told["output tokens"] == f"{rate:,.1f} a second, {one:,.1f} a GPU held"
    kv = [100 * f(made.services["kv_share"].to_numpy()) for f in (np.nanmean, np.nanmax)]
    assert told["KV, mean / most"].startswith(f"{kv[0]:.1f} % / {kv[1]:.1f} %")
    assert f"took {took[0]} in the median, {took[1]} for one in a hundred; {rate:,.0f} out" in text
    assert f"{kv[0]:.1f} % of KV memory in use on average, {kv[1]:.1f} % at most" in text
    assert f"GPUs held cost {cost:,.2f} usd, {each:,.2f} a million output tokens" in text
    assert f"{hours:,.0f} GPU-hours, {cost:,.2f} usd</span>" in text
    assert f"GPU-hours of replicas, {cost:,.2f} usd, answered" in text
    assert "usd" not in page(served())


@pytest.mark.parametrize("usd", [0.0004, 0.01, 0.4, 0.96])
def test_cents_are_said_alike_all_over_the_page(usd):
    """The sum is told three times: in the sentence, on a card and of the service."""
    made = served(gpu_h_usd={"h100": usd}, replica=LlmReplica(gpu_types="h100"))
    cost = usd * sum(one["gpu_hours"] for one in made.metrics["services"].values())
    text = page(made)
    assert text.count(f"{cost:,.2f} usd") == text.count(" usd") == 3


def test_what_gpus_cost_is_said_where_nobody_was_answered_too():
    none = {"e2e_s": {"p50": None, "p99": None}, "usd_per_million_tokens": None}
    assert output(none) == ""
    assert output(none | {"cost_usd": 1413.2}) == "The GPUs held cost 1,413.20 usd."


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


def priced(costs):
    """Return rows of designs with their GPU-hours and what one of them costs, all within the SLO."""
    made = rows({name: [(0.999, hours)] for name, (hours, _) in costs.items()})
    for row, (hours, usd) in zip(made, costs.values(), strict=True):
        row["metrics"] |= {"served_usd": hours * usd, "usd_per_mtok": usd / 4}
    return made


def test_where_all_designs_have_a_price_usd_are_what_counts():
    """An old GPU that takes more hours for it, at a third of the price."""
    some = priced({"new": (400.0, 3.0), "old": (900.0, 1.0)})
    made = comparison(some)
    assert best_of(made).name == "autoscaler=old"
    assert "for 900 usd, 25 % less than autoscaler=new" in answer(made)
    assert made.header()[2:5] == ["within the SLO", "usd", "usd a million tokens"]
    assert made.cells()[1][3:5] == ["900", "0.25"]
    assert "usd of GPUs held by replicas" in compared(made)
    some[0]["metrics"]["served_usd"] = None  # and one has none
    assert "for 400 GPU-hours" in answer(comparison(some))
    assert "usd" not in answer(comparison(some))


@pytest.mark.parametrize(("name", "told"), [
    ("node_gpu_hours", "for 50 GPU-hours of nodes, 50 % fewer"), ("node_usd", "for 50 usd of nod"),
])  # fmt: skip
def test_nodes_that_come_and_go_count_before_what_replicas_held(name, told):
    some = priced({"first": (10.0, 1.0), "second": (20.0, 1.0)})
    for row, hours in zip(some, (100.0, 50.0), strict=True):
        row["metrics"] |= {"node_gpu_hours": hours, name: hours}
    made = comparison(some)
    assert best_of(made).name == "autoscaler=second"
    assert told in answer(made)
    assert compared(made).count(f'data-of="{WHY[name]}"') == 2  # once a design, not below again


def test_what_jobs_pay_for_the_cheapest_is_said():
    some = priced({"none": (10.0, 1.0), "lending": (9.0, 1.0)})
    for row, wait_s in zip(some, (720.0, 4560.0), strict=True):
        row["metrics"] |= {"wait_mean_s": wait_s}
    assert answer(comparison(some)).endswith(
        "10 % less than autoscaler=none; jobs then wait 1 h 16 min on average instead of 12 min."
    )
    some[1]["metrics"]["wait_mean_s"] = 720.0
    assert "jobs" not in answer(comparison(some))
    for row, left in zip(some, (2.0, 5.0), strict=True):
        row["metrics"]["not_completed"] = left
    assert answer(comparison(some)).endswith("autoscaler=none; 3 jobs fewer are completed.")
    draws = [row | {"seed": s, "metrics": row["metrics"] | {"wait_mean_s": wait_s}}
             for row, waits in zip(some, ((100.0, 200.0), (310.0, 190.0)), strict=True)
             for s, wait_s in enumerate(waits)]  # fmt: skip
    assert "instead of 2 min 30 s, which may be chance; 3 jobs" in answer(comparison(draws))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dearer", [1.0, 1.0 + 1e-13, 1.0004])
def test_at_the_same_cost_the_wait_of_jobs_decides(turned, dearer):
    """Costs that print alike are the same, whichever is first and whatever noise makes of them."""
    some = rows({"slow": [(0.995, 77.0)], "soon": [(0.995, 77.0 * dearer)]})
    for row, wait_s in zip(some, (600.0, 60.0), strict=True):
        row["metrics"]["wait_mean_s"] = wait_s
    made = comparison(some[::-1] if turned else some)
    assert best_of(made).name == "autoscaler=soon"
    assert "for 77 GPU-hours, at the same cost as autoscaler=slow; jobs then wait 1 min" in (
        answer(made)
    )
    assert answer(made).endswith("on average instead of 10 min.")
    for row in some:
        row["metrics"]["wait_mean_s"] = None
    made = comparison(some)
    assert best_of(made) is made.designs[0]  # without jobs nothing tells them apart
    assert "wait" not in answer(made)


@pytest.mark.parametrize("apart", [0.0, 1e-9, 0.1, 0.4, 0.6, 4.0, 300.0])
def test_nothing_is_said_to_be_a_whole_nothing_per_cent_cheaper(apart):
    told = answer(comparison(rows({"a": [(1.0, 5000.0 + apart)], "b": [(1.0, 5000.0)]})))
    share = re.search(r"([\d.]+) % fewer", told)
    assert (share is None) == (round(apart) == 0)
    assert share is None or float(share[1]) > 0.0


def test_what_seeds_do_not_tell_apart_costs_the_same():
    """The first costs 10 less in one seed, 8 more in the other; in the end 10 and 9.9 less."""
    for dear, best in (((90.0, 108.0), "soon"), ((90.0, 90.1), "slow")):
        some = rows({"slow": [(1.0, h) for h in dear], "soon": [(1.0, 100.0), (1.0, 100.0)]})
        for row in some:
            row["metrics"]["wait_mean_s"] = 60.0 if "soon" in row["design"].values() else 600.0
        told = answer(comparison(some))
        assert told.startswith(f"autoscaler={best} keeps")
        assert ("which may be chance)" in told) == (best == "soon")


def test_of_two_that_keep_as_little_the_cheaper_is_closest():
    made = comparison(rows({"dear": [(0.5, 12.0)], "cheap": [(0.5, 10.0)], "worse": [(0.4, 1.0)]}))
    assert best_of(made).name == "autoscaler=cheap"


def test_where_no_job_waited_nothing_is_said_of_waiting():
    said = "Too few free"
    made = rows({"a": [(0.9, 10.0)], "b": [(0.95, 12.0)]})
    for row in made:
        row["metrics"] |= {"fragmentation_frac": 0.1, "jobs": 0.0}
    assert "What else it cost" not in compared(comparison(made))  # of whom there was none
    made[0]["metrics"]["jobs"] = 3.0
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
