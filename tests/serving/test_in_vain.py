"""What changes nothing beside the rest of a scenario is told of, and nothing else is."""

from dataclasses import replace

import pytest

from sim import Scenario, simulate
from sim.policies.autoscaler import ByPool, Scheduled, StaticPeak
from sim.state import Homogeneous, Pools
from sim.state.growth import PurchasePlan
from sim.workload import Given, NoJobs, Profile, Synthetic
from sim.workload.requests import DrawnRequests, FixedTokens, MixedRequests
from sim.workload.services import LlmPools, LlmReplica, LlmService, ModelReplica, Pool

ASKED = DrawnRequests(1.0, 100.0, tokens=FixedTokens(100, 20))
PLAIN = Scenario(
    Homogeneous(nodes=2, gpus_per_node=8), NoJobs(),
    services=LlmService(requests=ASKED, min_replicas=1, max_replicas=4),
)  # fmt: skip
WORDS = ("names", "can ever be", "no cost", "statistics count none", "lifts nothing", "never were")


def told(scenario=PLAIN, **changes):
    notes = simulate(replace(scenario, **changes)).manifest["notes"]
    return [note for note in notes if any(word in note for word in WORDS)]


def service(**knobs):
    return replace(PLAIN.services, **knobs)


def test_a_plain_run_is_told_of_nothing():
    assert told() == []


@pytest.mark.parametrize(
    ("policy", "numbers"),
    [
        (StaticPeak(replicas=4), []),
        (StaticPeak(), []),
        (StaticPeak(replicas=20), [20]),
        (Scheduled(plan=[[0, 4], [7, 1]]), []),
        (Scheduled(plan=[[0, 0], [7, 30]]), [30, 0]),
        (ByPool({"llm": Scheduled(plan=[[0, 9]])}), [9]),
        (ByPool({}, StaticPeak(replicas=9)), [9]),
    ],
)
def test_replicas_that_a_service_does_not_allow(policy, numbers):
    found = told(autoscaler=policy)
    assert len(found) == len(numbers)
    for note, many in zip(found, numbers, strict=True):
        limit = "max_replicas" if many > 4 else "min_replicas"
        assert f"names {many} replicas" in note
        assert f"services.{limit}" in note


@pytest.mark.parametrize("gpus", [1, 3, 4, 8, 12, 16])
def test_more_replicas_than_could_ever_be(gpus):
    """Whole ones on each of two nodes of eight; one of more than a node has is over both."""
    room = 2 * (8 // gpus) if gpus <= 8 else 16 // gpus
    one = LlmReplica(gpus=gpus)
    assert told(services=service(replica=one, max_replicas=room)) == []
    (note,) = told(services=service(replica=one, max_replicas=room + 1))
    assert f"max_replicas: is {room + 1}, but at most {room} of llm" in note


def test_only_gpus_on_which_replicas_may_run_are_room():
    pools = Pools([{"name": gpu, "nodes": 1, "gpus_per_node": 8, "gpu": gpu}
                   for gpu in ("a100", "h100")])  # fmt: skip
    assert told(cluster=pools, services=service(max_replicas=4)) == []
    (note,) = told(cluster=pools, services=service(replica=ModelReplica()))
    assert "at most 2 of llm" in note
    apart = LlmPools(requests=ASKED, prefill=Pool(max_replicas=3), decode=Pool(max_replicas=2))
    (note,) = told(cluster=pools, services=apart)
    assert note.startswith("services.prefill.max_replicas: is 3")


def test_prices_that_make_no_cost():
    h100 = ModelReplica(gpu="h100")
    assert told(services=service(replica=h100, gpu_h_usd={"h100": 1.0, "a100": 1.0})) == []
    (note,) = told(services=service(replica=h100, gpu_h_usd={"a100": 1.0}))
    assert "not h100" in note
    (note,) = told(services=service(gpu_h_usd={"a100": 1.0}))
    assert "not told of which GPUs" in note


def test_a_warm_up_that_leaves_nothing():
    assert told(warmup_s=50.0) == []
    (note,) = told(warmup_s=1e5)
    assert "the last request of llm" in note
    jobs = Given({"submit_s": [0.0, 200.0], "gpus": [1, 1], "work_s": [1.0, 1.0]})
    assert [note.split(" comes")[0].split("last ")[1] for note in told(workload=jobs, warmup_s=150.0)
            ] == ["request of llm"]  # fmt: skip
    assert len(told(workload=jobs, warmup_s=201.0)) == 2


def test_campaigns_and_purchases_after_the_end():
    def profile(begin_s):
        return Profile(campaigns=[{"begin_s": begin_s, "duration_s": 60.0, "factor": 2.0}])

    assert told(services=service(requests=replace(ASKED, arrivals=profile(50.0)))) == []
    late = replace(ASKED, arrivals=profile(101.0))
    (note,) = told(services=service(requests=late))
    assert note.startswith("services.requests.arrivals.campaigns[0]: begins after the last request")
    (note,) = told(services=service(requests=MixedRequests({"a": ASKED, "b": late})))
    assert note.startswith("services.requests.parts.b.arrivals.campaigns[0]")
    (note,) = told(workload=Synthetic(jobs=20, load=0.5, arrivals=profile(1e9)))
    assert note.startswith("workload.arrivals.campaigns[0]: begins after the last job")
    assert told(growth=PurchasePlan([{"at_s": 10.0, "nodes": 1}])) == []
    (note,) = told(growth=PurchasePlan([{"at_s": 10.0, "nodes": 1}, {"at_s": 1e7, "nodes": -1}]))
    assert note.startswith("growth: 1 of 2 entries")
