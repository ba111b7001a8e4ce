"""Any node of any kind that fits, with equal chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.placement.scored import AbstractScored, Asked, Scoring


@final
@dataclass(frozen=True)
class Uniform(AbstractScored):
    """Each node that fits is taken with equal probability, a share on any device with room.

    Differs from `random` where there are kinds as fast as each other: that one fills the kind
    listed first before it looks at the next.

    Source: Q. Weng et al., Beware of Fragmentation, USENIX ATC 2023, "Random".
    Neglects: nothing; the draws are the job's own, so two designs meet the same chance.
    """

    def scoring(self, asked: Asked) -> Scoring:
        """Return no weights, and a draw a job."""
        return Scoring({}, draw=asked.rng.random(len(asked.jobs.gpus)))
