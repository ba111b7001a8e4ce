"""Links that lose cables and are repaired."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import final

import numpy as np
import simpy

from sim.engine.clock import Clock
from sim.engine.cluster import AbstractProcess, Cluster
from sim.errors import ScenarioError
from sim.rng import Streams


@final
@dataclass(frozen=True)
class LinkFailures(AbstractProcess):
    """What leads out of each leaf and pod breaks after exponential times of mean `mtbf_s`.

    Till it is repaired, `repair_s` later, it carries `carries` of its capacity: the flows are
    spread over the cables that are left, so whoever crosses it is slowed, and with 0 stands still.
    Where jobs are routed link by link each link breaks by itself, and with 0 flows go round it.
    Each link has its own stream of chance, so two designs meet the same failures.

    Neglects: cables that fail one by one; the time until routes are found anew; switches whose
    failure hits several links at once; jobs that would be given up rather than stand still.
    """

    mtbf_s: float = 2000 * 3600.0
    repair_s: float = 4 * 3600.0
    carries: float = 0.75

    def __post_init__(self) -> None:
        """Refuse times that are none, and more capacity than all."""
        found = [
            f"link_failures.{name}: is {getattr(self, name)!r}; must be a time > 0, as '2000 h'"
            for name in ("mtbf_s", "repair_s")
            if not 0.0 < getattr(self, name) < np.inf
        ]
        if not 0.0 <= self.carries < 1.0:
            found.append(
                f"link_failures.carries: is {self.carries!r}; must be a number from 0 to below 1"
            )
        if found:
            raise ScenarioError(found)

    def life(
        self, clock: Clock, cluster: Cluster, link: int, rng: np.random.Generator
    ) -> Generator[simpy.Event, None, None]:
        """A link's life: whole for a while, then with fewer cables."""
        while True:
            yield clock.timeout(rng.exponential(self.mtbf_s))
            cluster.set_link(link, self.carries)
            yield clock.timeout(self.repair_s)
            cluster.set_link(link, 1.0)

    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Start one SimPy process a link."""
        for link in cluster.links.tolist():
            rng = streams.stream("link_failures", link)
            clock.process(self.life(clock, cluster, link, rng))
