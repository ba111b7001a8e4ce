"""A policy that answers with what is no number is told so, whenever it does."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.policies.queue import AbstractQueuePolicy
from tests.conftest import columns, run


@dataclass(frozen=True)
class Faulty(AbstractQueuePolicy):
    """Fine before the run; asked in it, from some instant on, it answers as told."""

    answer: Any = None
    refresh_s: float = 0.0

    def key(self, jobs, now_s):
        if np.ndim(now_s) or now_s < 5.0:
            return np.zeros(len(jobs.gpus))
        return self.answer(len(jobs.gpus))


@pytest.mark.parametrize("refresh_s", [0.0, 7.0])
@pytest.mark.parametrize(
    "answer",
    [lambda n: np.full(n, np.nan), lambda n: np.append(np.zeros(n - 1), np.nan),
     lambda n: np.zeros(n + 1), lambda n: np.zeros((n, 1))],
    ids=["nan", "one nan", "too many", "two axes"],
)  # fmt: skip
def test_it_is_refused_with_its_name(answer, refresh_s):
    rows = [(float(i), 8, 30.0) for i in range(4)]
    with pytest.raises(ScenarioError, match=r"queue: Faulty.*must give one number a job"):
        run(columns(rows), nodes=1, queue=Faulty(answer, refresh_s))
