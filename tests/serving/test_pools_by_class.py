"""A service of two pools whose classes have priorities: in both pools the lower number goes first."""

from dataclasses import replace

import numpy as np
import pytest

from sim.engine.apart import Link
from sim.engine.pools import PromptsByRank
from sim.engine.serving import ServiceSpec, StepTime, columns
from sim.errors import ScenarioError
from sim.workload import Poisson
from sim.workload.requests import DrawnRequests, LogNormalTokens
from sim.workload.services import ByPriority, FirstCome, LlmReplica
from tests.serving.test_pools_live import FIRST, of_pool, pool, pools
from tests.serving.test_services import SMALL, STEP, Fall, Plan, frame, run

pytestmark = pytest.mark.rare
TOKENS = LogNormalTokens(300, 1.0, 60, 1.0, 4000)
BUSY = DrawnRequests(20.0, 120.0, Poisson(), TOKENS, {"now": 1.0, "later": 1.0})
FEW = replace(SMALL, batch=8)
ORDER = ByPriority({"now": 0, "later": 3})
NOBODY = np.zeros(0, np.int64)


def busy(order=ORDER, **knobs):
    return pools(**({"requests": BUSY, "order": order, "decode": pool(FEW)} | knobs))


def of_class(made, name, column):
    mine = np.array(made.requests.column("class").to_pylist()) == name
    return frame(made.requests, column)[0][mine]


@pytest.mark.parametrize("displaces", [False, True])
def test_pools_that_never_change_answer_as_the_core_alone(displaces):
    """The same requests with the same ranks, to the last digit, whoever looks in between."""
    made = run(busy(replace(ORDER, displaces=displaces)), Plan(((0.0, 2),)))
    arrival, prompt, output = frame(made.requests, "arrival_s", "prompt_tokens", "output_tokens")
    prompt, output = prompt.astype(int), output.astype(int)
    rank = np.array([n == "later" for n in made.requests.column("class").to_pylist()], np.int8)
    plain = {"kv_tokens": 50_000, "grow": True, "route": "least_requests", "displaces": displaces}
    first = ServiceSpec(StepTime(*STEP), 2, 16, False, prompt_tokens=8192, **plain)
    second = ServiceSpec(StepTime(*STEP), 2, 8, **plain)
    core = PromptsByRank(
        first, second, Link(2e5 / 1e9, 0.003), arrival, prompt, output, (NOBODY, NOBODY), rank
    )
    core.accepts[:] = 1
    core.rest.accepts[:] = 1
    core.advance()
    want = columns(core.outcome(), output)
    for name in ("ttft_s", "tpot_s", "e2e_s", "preemptions"):
        assert frame(made.requests, name)[0].tolist() == want[name].tolist(), name
    assert bool(want["preemptions"].any()) == displaces


def test_a_lower_number_has_its_tokens_sooner_from_both_pools():
    """At a load that makes a queue before either."""
    slow = LlmReplica(2, None, STEP[0], (0.04, *STEP[1][1:]), batch=1, chunked=False,
                      kv_tokens=50_000)  # fmt: skip
    plan, prefill = Plan(((0.0, 1),)), pool(slow)
    made, plain = (run(busy(order, prefill=prefill), plan) for order in (ORDER, FirstCome()))
    for column in ("ttft_s", "tpot_s"):
        now, later = (np.mean(of_class(made, name, column)) for name in ("now", "later"))
        alike = np.mean(frame(plain.requests, column)[0])
        assert now < alike < later, column


def test_an_order_of_equals_changes_nothing():
    one = run(busy(ByPriority({"now": 2, "later": 2})), Plan(((0.0, 2),)))
    same = run(busy(FirstCome()), Plan(((0.0, 2),)))
    for name in ("requests", "replicas", "services", "ledger"):
        assert getattr(one, name).equals(getattr(same, name)), name


@pytest.mark.parametrize("displaces", [False, True])
def test_time_in_both_pools_and_between_is_the_time_of_requests(displaces):
    """Little: running, waiting and leaving of both, and transfers, though ranks pass each other."""
    order = replace(ORDER, displaces=displaces)
    made = run(busy(order), Plan(((0.0, 1), (40.0, 3), (90.0, 1))))
    e2e, prompt, output = frame(made.requests, "e2e_s", "prompt_tokens", "output_tokens")
    there_s = 0.0
    for part in ("prefill", "decode"):
        table = of_pool(made.services, f"llm/{part}")
        ends = np.array([0.0, *(row["time_s"] for row in table)])
        there_s += sum((row["running"] + row["waiting"] + row["leaving"]) * span
                       for row, span in zip(table, np.diff(ends), strict=True))  # fmt: skip
    between_s = (0.003 + prompt * 2e5 / 1e9)[output > 1].sum()
    assert there_s + between_s == pytest.approx(e2e.sum(), rel=1e-6)


@pytest.mark.parametrize(("node", "part"), [(0, "prefill"), (2, "decode")])
def test_a_node_of_either_pool_fails_and_no_request_is_lost(node, part):
    made = run(busy(), Plan(((0.0, 2),)), processes=(Fall(node, 60.0, 100.0),))
    lost = [row for row in made.replicas.to_pylist() if row["why"] == "node_fail"]
    assert [(row["service"], row["end_s"]) for row in lost] == [(f"llm/{part}", 60.0)]
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    assert (frame(made.requests, "preemptions")[0] > 0).any()


def test_who_waits_at_a_door_and_classes_that_are_none_are_named():
    outside = busy(ByPriority({"now": 1}, offline_classes=("later",)), prefill=pool(FIRST))
    told = " ".join(outside.issues())
    assert "services.order.offline_classes: is ['later']; pools apart have no door" in told
    assert "order.priority_by_class={later: 2}, or take services=llm" in told
    with pytest.raises(ScenarioError) as fault:
        run(busy(ByPriority({"talk": 1})))
    assert len(fault.value.issues) == 1
    assert "priority_by_class: names 'talk'" in fault.value.issues[0]
    assert "order: is 3; must be FirstCome" in " ".join(busy(3).issues())
