"""Batch inference beside people: what it is let, what it costs them, and that nobody is lost."""

from dataclasses import replace

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.policies.autoscaler import Hpa, Kpa
from sim.report.serving import over_time
from sim.report.valleys import parts, tokens_per_s
from sim.results.answers import OfTable
from sim.rng import Streams
from sim.state import Homogeneous
from sim.workload import Gamma, NoJobs, Profile
from sim.workload.requests import DrawnRequests, GivenRequests, LogNormalTokens, MixedRequests
from sim.workload.services import ByPriority, FirstCome, LlmService, Stages
from tests.serving.test_services import SMALL, Fall, Plan, frame

pytestmark = pytest.mark.rare
TOKENS = LogNormalTokens(300, 1.0, 60, 1.0, 4000)
PEOPLE = DrawnRequests(6.0, 400.0, Profile(Gamma(2.0), (0.2, 1.8) * 12), TOKENS)
NIGHTLY = GivenRequests({
    "arrival_s": np.zeros(900), "prompt_tokens": np.full(900, 200),
    "output_tokens": np.full(900, 50),
})  # fmt: skip
COLD = Stages(5.0, 10.0, 5.0, 2.0)


def service(nightly=NIGHTLY, **knobs):
    order = ByPriority(offline_classes=("nightly",), offline_seats=8, offline_deadline_s=300.0)
    plain = {
        "requests": MixedRequests({"chat": PEOPLE, "nightly": nightly}), "replica": SMALL,
        "cold_start": COLD, "max_replicas": 4, "scrape_s": 5.0, "order": order,
        "route": "two_choices",
    }  # fmt: skip
    return LlmService(**(plain | knobs))


def run(services, autoscaler=None, seed=1, **choices):
    return simulate(
        Scenario(Homogeneous(nodes=4, gpus_per_node=2), NoJobs(), services=services,
                 autoscaler=autoscaler or Plan(((0.0, 2),)), **choices), seed,
    )  # fmt: skip


def numbers(result):
    return result.metrics["services"]["llm"]


def of_class(result, name, *columns):
    mine = np.array(result.requests.column("class").to_pylist()) == name
    return [column[mine] for column in frame(result.requests, *columns)]


def test_without_requests_of_its_classes_an_order_changes_nothing():
    """Byte for byte, with an order and as they come; and the same people ask as beside a batch."""
    with_order, plain, alone = (
        run(one)
        for one in (
            service(None),
            service(None, order=FirstCome()),
            service(requests=PEOPLE, order=FirstCome()),
        )
    )
    assert with_order.requests.equals(plain.requests)
    assert with_order.services.equals(plain.services)
    assert with_order.replicas.equals(plain.replicas)
    assert with_order.jobs.equals(plain.jobs)
    names = [name for name in plain.requests.column_names if name != "class"]
    assert alone.requests.select(names).equals(plain.requests.select(names))
    both = run(service())
    for name in ("arrival_s", "prompt_tokens", "output_tokens"):
        assert (of_class(both, "chat", name)[0] == frame(alone.requests, name)[0]).all()


def test_all_are_answered_once_and_counted_where_they_belong():
    """Whatever fails and drains: requests and tokens of people and batch, each in its numbers."""
    falls = (Fall(1, 60.2, 90.0), Fall(0, 160.0, 161.0), Fall(2, 250.0, 260.0))
    plan = Plan(((0.0, 2), (50.0, 4), (150.0, 1), (200.0, 3), (320.0, 2)))
    made = run(service(), plan, processes=falls)
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    (inside,), (outside,) = (of_class(made, name, "output_tokens") for name in ("chat", "nightly"))
    ends, tokens, came = frame(made.services, "ended", "output_tokens", "arrivals")
    assert ends.sum() == came.sum() == len(inside)
    assert tokens.sum() == inside.sum()
    found = numbers(made)
    assert found["answered"] == len(inside)
    assert found["offline"]["answered"] == len(outside) == 900
    assert found["offline"]["output_tokens"] == outside.sum()
    assert found["output_tokens"] == inside.sum() + outside.sum()
    assert found["offline"]["preemptions"] > 0
    assert "node_fail" in {row["why"] for row in made.replicas.to_pylist()}


def test_people_in_the_system_are_what_the_intervals_say():
    """Little's law, of those for whom somebody waits alone."""
    made = run(service(), Plan(((0.0, 2), (100.0, 3), (300.0, 1))))
    (e2e,) = of_class(made, "chat", "e2e_s")
    running, waiting, leaving, time_s = frame(
        made.services, "running", "waiting", "leaving", "time_s"
    )
    spans = np.diff(np.concatenate([[0.0], time_s]))
    assert ((running + waiting + leaving) * spans).sum() == pytest.approx(e2e.sum(), rel=1e-6)


def test_a_deadline_is_met_by_those_answered_within_it():
    """The median of what they take is met by half; it is counted, and changes nothing."""
    (e2e,) = of_class(run(service()), "nightly", "e2e_s")
    half_s = float(np.median(e2e))
    order = ByPriority(offline_classes=("nightly",), offline_seats=8, offline_deadline_s=half_s)
    made = run(service(order=order))
    found = numbers(made)["offline"]
    assert found["deadline_met"] == (e2e <= half_s).mean() == pytest.approx(0.5, abs=0.01)
    assert made.metrics["serving"]["deadline_met"] == found["deadline_met"]
    told = over_time(made, made.manifest["services"][0])
    plain = over_time(run(service(None)), {**made.manifest["services"][0], "offline": []})
    assert "batch inference" in told
    assert "batch inference" not in plain


def test_it_fills_the_valleys():
    """The fewer people ask in a while, the more the batch gets; together they vary less."""
    many = np.array([20, 14, 5, 1, 5, 14]) * 60  # a minute each
    at_s = np.concatenate([np.arange(n) * 60.0 / n + 60.0 * k for k, n in enumerate(many)])
    people = GivenRequests({
        "arrival_s": at_s, "prompt_tokens": np.full(len(at_s), 100),
        "output_tokens": np.full(len(at_s), 30),
    })  # fmt: skip
    order = ByPriority(offline_classes=("nightly",))
    nightly = replace(NIGHTLY, columns={k: np.tile(v, 8) for k, v in NIGHTLY.columns.items()})
    mix = MixedRequests({"chat": people, "nightly": nightly})
    made = run(service(requests=mix, order=order), horizon_s=360.0)
    assert "open" in made.requests.column("fate").to_pylist()  # the batch never runs out
    edges = np.arange(7) * 60.0
    both = parts(made.answers, {"offline": ["nightly"]})
    lower, upper = (tokens_per_s(part, "llm", edges) for part in both)
    assert np.corrcoef(lower, upper)[0, 1] < -0.95
    assert (lower + upper).std() / (lower + upper).mean() < lower.std() / lower.mean() / 3
    assert (upper > 0.0).all()


@pytest.mark.parametrize("policy", [Hpa(), Kpa()])
def test_autoscalers_do_not_see_who_waits_at_the_door(policy):
    """Steps that do not depend on what is in them: the same wishes, but for a step's delay."""
    even = replace(SMALL, decode_s=(0.02, 0.0, 0.0), mixed_s=(0.02, 0.0, 0.0, 0.0, 0.0))
    with_batch, alone = (
        run(service(nightly, replica=even), policy, horizon_s=400.0) for nightly in (NIGHTLY, None)
    )
    hours = [numbers(one)["replica_hours"] for one in (with_batch, alone)]
    assert hours[0] == pytest.approx(hours[1], rel=0.02)
    rows = frame(with_batch.services, "waiting", "arrivals")
    assert rows[1].sum() == len(of_class(with_batch, "chat", "arrival_s")[0])
    assert max(rows[0]) < 100  # of 900 at the door


def test_tokens_of_a_bin_are_those_that_came_in_it():
    """Two answers: 10 tokens evenly over 1 s to 6 s, one at 7 s."""
    given = GivenRequests({
        "arrival_s": [0.0, 6.9], "prompt_tokens": [5, 5], "output_tokens": [10, 1]})  # fmt: skip
    made = run(service(requests=given, order=FirstCome()))
    asked = made.requests
    for name, values in (("ttft_s", [1.0, 0.1]), ("e2e_s", [6.0, 0.1])):
        at = asked.column_names.index(name)
        asked = asked.set_column(at, name, [values])
    found = tokens_per_s(OfTable(asked), "llm", np.array([0.0, 2.0, 4.0, 8.0]))
    assert found == pytest.approx([1.0, 2.0, 1.25])


def test_what_makes_no_sense_is_named():
    def faults(**knobs):
        order = ByPriority(**knobs)
        found = service(order=order).issues()
        if not found:
            with pytest.raises(ScenarioError) as told:
                run(service(order=order))
            found = told.value.issues
        return " ".join(found)

    assert "names 'weekly'" in faults(offline_classes=("weekly",))
    assert "names 'talk'" in faults(priority_by_class={"talk": 1})
    assert "behind all" in faults(priority_by_class={"nightly": 1}, offline_classes=("nightly",))
    assert "must hold 250" in faults(offline_classes=("nightly",), offline_kv_frac=1e-4)
    assert "above 0, up to 1" in faults(offline_kv_frac=2.0)
    twice = MixedRequests({"chat": PEOPLE, "x": replace(PEOPLE, classes={"chat": 1.0})})
    with pytest.raises(ScenarioError, match="must differ"):
        twice.requests(Streams(1), "llm")


def test_a_lower_number_is_answered_sooner():
    """Two classes alike but for their priority, at a load that makes a queue."""
    busy = replace(PEOPLE, rate_per_s=30.0, duration_s=120.0, classes={"now": 1.0, "later": 1.0})
    order = ByPriority({"now": 0, "later": 3})
    made = run(service(requests=busy, order=order), Plan(((0.0, 1),)))
    now, later = (np.mean(of_class(made, name, "ttft_s")[0]) for name in ("now", "later"))
    plain = run(service(requests=busy, order=FirstCome()), Plan(((0.0, 1),)))
    alike = np.mean(frame(plain.requests, "ttft_s")[0])
    assert now < alike < later
    found = numbers(made)
    each = [one["goodput_per_s"] for one in found["by_class"].values()]
    assert sum(each) == pytest.approx(found["goodput_per_s"])
    assert found["by_class"]["now"]["goodput_per_s"] > found["by_class"]["later"]["goodput_per_s"]
