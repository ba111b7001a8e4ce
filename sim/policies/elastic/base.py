"""The interface of elastic policies."""

from __future__ import annotations

import abc
import math
from typing import Any

from sim.errors import ScenarioError
from sim.policies.elastic.power import Power
from sim.policies.elastic.speedup import F8, I8, AbstractSpeedup
from sim.policies.elastic.view import ElasticView


class AbstractElastic(abc.ABC):
    """How many GPUs each job has, asked every `refresh_s`; 0: before every scheduling pass.

    A job that is resized holds its GPUs for `cost_s` before it goes on. `speedup` says how fast a
    job is on how many GPUs. Between two askings jobs that wait start on what is free, from their
    least up to their last size.

    Neglects: that the start rule's reservations count on the sizes of now; moving a job whole.
    """

    refresh_s: float = math.inf
    cost_s: float = 0.0
    speedup: AbstractSpeedup = Power()

    @abc.abstractmethod
    def sizes(self, jobs: ElasticView, gpus: int, now_s: float) -> I8:
        """Return (k,), the GPUs each job in view should have now, from its `least` to its `most`.

        Of one that waits it is what it starts with, if the start rule lets it; 0 holds it back, and
        sends one that runs back to the queue. `gpus` is what there is for all of them together.
        Answers for running jobs that are not elastic count for nothing.
        """


def refuse_wrong(rule: Any, *others: str) -> None:
    """Raise ScenarioError with every number that is wrong, and with what is found of others."""
    found = [text for text in others if text]
    if not rule.refresh_s >= 0.0:
        told = "must be a time >= 0, such as '60 s'; 0: before every pass"
        found.append(f"elastic.refresh_s: is {rule.refresh_s!r}; {told}")
    if not 0.0 <= rule.cost_s < math.inf:
        found.append(f"elastic.cost_s: is {rule.cost_s!r}; must be a time >= 0, such as '30 s'")
    if not getattr(rule, "held_factor", 1.0) >= 1.0:
        found.append(f"elastic.held_factor: is {rule.held_factor!r}; must be a number >= 1")
    if found:
        raise ScenarioError(found)


__all__ = ["F8", "I8", "AbstractElastic", "AbstractSpeedup", "ElasticView", "refuse_wrong"]
