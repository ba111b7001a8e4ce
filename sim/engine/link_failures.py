"""Links that lose cables and are repaired."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import final

from sim.engine.clock import Clock
from sim.engine.cluster import AbstractProcess, Cluster
from sim.engine.spells import refuse_times, spells
from sim.rng import Streams


@final
@dataclass(frozen=True)
class LinkFailures(AbstractProcess):
    """What leads out of each leaf and pod breaks after exponential times of mean `mtbf_s`.

    Till it is repaired, `repair_s` later, it carries `carries` of its capacity: the flows are
    spread over the cables that are left, so whoever crosses it is slowed, and with 0 stands still.
    Where jobs are routed link by link each link breaks by itself, and with 0 flows go round it.
    Each link has its own stream of chance, so two designs meet the same failures.

    Neglects: cables that fail one by one; the time until routes are found anew; jobs that would be
    given up rather than stand still; a switch, which takes all its links: see SwitchFailures.
    """

    mtbf_s: float = 2000 * 3600.0
    repair_s: float = 4 * 3600.0
    carries: float = 0.75

    def __post_init__(self) -> None:
        """Refuse times that are none, and more capacity than all."""
        more = []
        if not 0.0 <= self.carries < 1.0:
            more.append(
                f"link_failures.carries: is {self.carries!r}; must be a number from 0 to below 1"
            )
        refuse_times("link_failures", self.mtbf_s, self.repair_s, more)

    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Start one SimPy process a link."""
        for link in cluster.links.tolist():
            rng = streams.stream("link_failures", link)
            fail = partial(cluster.set_link, link, self.carries)
            mend = partial(cluster.set_link, link, 1.0)
            clock.process(spells(clock, rng, self.mtbf_s, self.repair_s, fail, mend))
