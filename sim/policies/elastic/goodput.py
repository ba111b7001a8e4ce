"""Fair goodput."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from sim.policies.elastic.base import (
    F8,
    I8,
    AbstractElastic,
    AbstractSpeedup,
    ElasticView,
    refuse_wrong,
)
from sim.policies.elastic.pollux import Pollux
from sim.policies.elastic.shares import admitted, greedy


@final
@dataclass(frozen=True)
class Goodput(AbstractElastic):
    """The generalised mean of the jobs' speed-ups is made as great as can be.

    speed-up = speed(g) / speed(fair), fair = GPUs / jobs; mean = (sum speed-up^p / jobs)^(1 / p),
    p = `fairness`: 1 is the sum, 0 the product, -1 the harmonic mean, far below 0 the least. Jobs
    that wait are let in, in the queue's order, as long as there is the least for each. GPUs that a
    job has count `held_factor` times, so that few change hands for little.

    Source: Qiao et al., Pollux, OSDI 2021, section 4.2 (p = -1); Jayaram Subramanya et al., Sia,
    SOSP 2023 (p = -0.5).
    Neglects: Sia's choice among GPU types, and its programme in whole numbers: a GPU at a time is
    as good where curves bend down; Pollux' penalty for restarts, for which stands `held_factor`.
    """

    fairness: float = -1.0
    held_factor: float = 1.2
    speedup: AbstractSpeedup = field(default_factory=Pollux)
    refresh_s: float = 60.0
    cost_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        wrong = not -100.0 <= self.fairness <= 1.0
        told = f"elastic.fairness: is {self.fairness!r}; must be a number from -100 to 1"
        refuse_wrong(self, told if wrong else "")

    def sizes(self, jobs: ElasticView, gpus: int, now_s: float) -> I8:
        """Return the sizes, (k,)."""
        let_in, made = admitted(jobs, gpus)
        of = np.flatnonzero(let_in)
        fair = np.clip(gpus // max(len(of), 1), jobs.least, jobs.most)
        base = jobs.speed(fair)

        def worth(row: np.ndarray, size: I8) -> F8:
            gain = jobs.speed(size, of[row]) / base[of[row]]
            power = self.fairness
            value: F8 = np.log(gain) if power == 0.0 else gain**power / power
            return value

        held = np.where(jobs.running, jobs.gpus, 0)[of]
        made[of] = greedy(made[of], jobs.most[of], gpus, worth, held, self.held_factor)
        return made
