"""An autoscaler of a user's own: the example is one, and what is wrong with another is told."""

import re
import statistics
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.policies import autoscaler
from sim.policies.autoscaler import AbstractAutoscaler, ByPool
from sim.policies.autoscaler.base import NOTHING, Wish
from sim.state import Homogeneous
from sim.table import to_numpy
from sim.workload import NoJobs, Poisson
from sim.workload.requests import DrawnRequests, FixedTokens
from sim.workload.services import LlmService


def run(policy, rate_per_s=1.0):
    asked = DrawnRequests(rate_per_s, 120.0, Poisson(), FixedTokens(1000, 100))
    service = LlmService(requests=asked, max_replicas=6)
    return simulate(Scenario(Homogeneous(nodes=4), NoJobs(), services=service, autoscaler=policy))


def example():
    """Return what stands indented in the docstring of the room."""
    lines = autoscaler.__doc__.splitlines()
    code = [line for line in lines if line.startswith("    ") or not line]
    names: dict[str, Any] = {"__name__": "my_scaler"}
    exec(textwrap.dedent("\n".join(code)), names)
    return names["ByQueue"]


def test_the_example_is_one_and_does_what_it_says():
    made = run(example()(most_waiting=1.0), rate_per_s=60.0)
    ready = to_numpy(made.services, "ready")
    assert ready.max() > 1
    assert (
        "`rackplan experiment=serving autoscaler._target_=my_scaler.ByQueue" in autoscaler.__doc__
    )
    assert hasattr(example()(), "most_waiting")


@dataclass(frozen=True)
class Faulty(AbstractAutoscaler):
    """Fine until some instant, then it answers as told."""

    answer: Any = None

    def desired(self, seen, notes):
        return Wish(1, NOTHING) if seen.now_s < 60.0 else self.answer()


@dataclass(frozen=True)
class Together(Faulty):
    """Asked once for all services."""

    def together(self, seen, notes):
        return self.answer()


@dataclass(frozen=True)
class Start(Faulty):
    """It begins with what is no number."""

    def start(self, seen):
        return self.answer()


BAD = {
    "no wish": lambda: 5,
    "nothing": lambda: None,
    "nan": lambda: Wish(float("nan"), NOTHING),
    "without end": lambda: Wish(np.inf, NOTHING),
    "a word": lambda: Wish("3", NOTHING),
}


@pytest.mark.parametrize("policy", [lambda one: one, lambda one: ByPool({"llm": one})])
@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_what_is_no_wish_is_told_with_class_method_and_instant(policy, answer):
    told = r"^autoscaler: Faulty\.desired, asked at 60 s, answered .*; must be a Wish\(replicas, "
    with pytest.raises(ScenarioError, match=told):
        run(policy(Faulty(answer=answer)))


def test_what_is_no_list_of_wishes_is_told():
    for answer in (list, lambda: None, lambda: [Wish(1, NOTHING)] * 2):
        with pytest.raises(ScenarioError, match=r"Together\.together, asked at 15 s, answered"):
            run(Together(answer=answer))


@dataclass(frozen=True)
class ByMost(AbstractAutoscaler):
    """As many replicas for each service as the one that has most."""

    def desired(self, seen, notes):
        return self.together([seen], [notes])[0]

    def together(self, seen, notes):
        most = max(max(one.ready, 1) for one in seen)
        return [Wish(most, NOTHING) for _ in seen]


def test_nobody_is_asked_about_no_service():
    """The last service may be over at an instant when the policy's turn comes."""
    ready = to_numpy(run(ByMost()).services, "ready")
    assert ready.max() == 1


def test_what_is_no_number_to_begin_with_is_told():
    with pytest.raises(ScenarioError, match=r"Start\.start, asked at 0 s, answered None"):
        run(Start(answer=lambda: None))


def zero():
    return 1 / 0


@pytest.mark.parametrize("policy", [lambda one: one, lambda one: ByPool({"llm": one})])
def test_what_it_raises_is_told_with_the_line(policy):
    line = zero.__code__.co_firstlineno + 1
    told = rf"zero, asked at 60 s, raised ZeroDivisionError: division by zero \(.*, line {line}\)"
    with pytest.raises(ScenarioError, match=told) as caught:
        run(policy(Faulty(answer=zero)))
    assert len(caught.value.issues) == 1


def of_nothing():
    return statistics.mean([])


def test_the_line_told_is_the_users_not_one_of_the_standard_library():
    line = of_nothing.__code__.co_firstlineno + 1
    told = rf"of_nothing, .* raised StatisticsError: .*\({re.escape(__file__)}, line {line}\)"
    with pytest.raises(ScenarioError, match=told):
        run(Faulty(answer=of_nothing))


def test_what_a_queue_policy_raises_is_told_alike():
    from sim.workload import Given
    from tests.engine.test_faulty_policy import Faulty as FaultyQueue

    jobs = Given({"submit_s": [0.0, 1.0, 8.0], "gpus": [8] * 3, "work_s": [30.0] * 3})
    with pytest.raises(ScenarioError, match=r"^queue: .*, raised ZeroDivisionError: .*line \d+\)"):
        simulate(Scenario(Homogeneous(nodes=1), jobs, queue=FaultyQueue(lambda _: zero(), 7.0)))
