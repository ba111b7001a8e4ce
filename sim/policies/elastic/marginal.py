"""Each GPU where it shortens a job most."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from sim.policies.elastic.amdahl import Amdahl
from sim.policies.elastic.base import (
    F8,
    I8,
    AbstractElastic,
    AbstractSpeedup,
    ElasticView,
    refuse_wrong,
)
from sim.policies.elastic.shares import admitted, greedy


@final
@dataclass(frozen=True)
class Marginal(AbstractElastic):
    """Each GPU goes to the job whose time to the end it shortens most.

    From the least of each up: the gain of one GPU more is left / speed(g) - left / speed(g + 1).
    Jobs that wait are let in, in the queue's order, as long as there is the least for each. It is
    an oracle: it knows the work left. GPUs that a job has count `held_factor` times, so that few
    change hands for little.

    Source: Peng et al., Optimus, EuroSys 2018, section 4.1.
    Neglects: parameter servers beside workers, errors of its estimates, kinds of GPU.
    """

    held_factor: float = 1.0
    speedup: AbstractSpeedup = field(default_factory=Amdahl)
    refresh_s: float = 60.0
    cost_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse_wrong(self)

    def sizes(self, jobs: ElasticView, gpus: int, now_s: float) -> I8:
        """Return the sizes, (k,)."""
        let_in, made = admitted(jobs, gpus)
        of, left_s = np.flatnonzero(let_in), jobs.left_s

        def worth(row: np.ndarray, size: I8) -> F8:
            value: F8 = -left_s[of[row]] / jobs.speed(size, of[row])
            return value

        held = np.where(jobs.running, jobs.gpus, 0)[of]
        made[of] = greedy(made[of], jobs.most[of], gpus, worth, held, self.held_factor)
        return made
