"""Equal shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from sim.policies.elastic.amdahl import Amdahl
from sim.policies.elastic.base import (
    I8,
    AbstractElastic,
    AbstractSpeedup,
    ElasticView,
    refuse_wrong,
)
from sim.policies.elastic.shares import admitted, level


@final
@dataclass(frozen=True)
class EqualShares(AbstractElastic):
    """All jobs have as many GPUs, as far as their least and most allow.

    Those that wait are let in, in the queue's order, as long as there is the least for each.

    Source: EQUI, Edmonds, Scheduling in the Dark, TCS 2000; max-min fairness in whole GPUs.
    Neglects: kinds of GPU, of which each job has but one; where GPUs lie.
    """

    speedup: AbstractSpeedup = field(default_factory=Amdahl)
    refresh_s: float = 60.0
    cost_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse wrong times."""
        refuse_wrong(self)

    def sizes(self, jobs: ElasticView, gpus: int, now_s: float) -> I8:
        """Return equal shares, (k,)."""
        let_in, made = admitted(jobs, gpus)
        made[let_in] = level(made[let_in], jobs.most[let_in], gpus)
        return made
