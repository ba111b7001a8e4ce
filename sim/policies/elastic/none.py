"""Nobody is resized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.elastic.base import I8, AbstractElastic, ElasticView


@final
@dataclass(frozen=True)
class NoElastic(AbstractElastic):
    """Each job runs on the GPUs it asked for, no more and no fewer; it is never asked again.

    Source: rigid jobs of Feitelson and Rudolph, JSSPP 1996. Neglects: sizes a job could have had.
    """

    def sizes(self, jobs: ElasticView, gpus: int, now_s: float) -> I8:
        """Return what each asked for, (k,)."""
        return jobs.told
