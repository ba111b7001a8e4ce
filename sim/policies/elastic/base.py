"""The interface of elastic policies."""

from __future__ import annotations

import abc
import math
from functools import cached_property
from typing import Any

import numpy as np

from sim.errors import ScenarioError
from sim.policies.elastic.power import Power
from sim.policies.elastic.speedup import F8, I8, AbstractSpeedup
from sim.policies.queue.view import Jobs
from sim.state.handle import State


class ElasticView(Jobs):
    """The jobs that run, by row, then those that wait, in the queue's order; (k,) a column.

    Besides what a queue policy sees: `gpus` they have now or would start with, `told` the GPUs that
    work and walltime were told for, `least` and `most` they may have, `parallel_share`, `resizes`.
    Jobs that are not elastic are among them, with `least` = `most`.
    """

    def __init__(self, state: State, rows: np.ndarray, now_s: float, by: AbstractSpeedup) -> None:
        super().__init__(state, rows, now_s)
        self._curve = by
        for name in ("told", "least", "most", "parallel_share", "resizes"):
            setattr(self, name, getattr(state.elastic, name)[rows])

    told: I8
    least: I8
    most: I8
    parallel_share: F8
    resizes: I8

    def speed(self, gpus: I8, of: np.ndarray | slice = slice(None)) -> F8:
        """Return the speed of the jobs `of` on `gpus` GPUs, relative to the GPUs as told."""
        made: F8 = self._curve.speed(gpus, self.parallel_share[of]) / self._told_speed[of]
        return made

    @cached_property
    def _told_speed(self) -> F8:
        return self._curve.speed(self.told, self.parallel_share)

    @cached_property
    def running(self) -> np.ndarray:
        """Return which of them run, (k,)."""
        return super().running


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
