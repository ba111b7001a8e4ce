"""Nodes that fail and are repaired."""

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
class Failures(AbstractProcess):
    """Every node fails after exponential times of mean `mtbf_s` and is back after `repair_s`.

    A job hit starts anew from the beginning, or from the last checkpoint that it wrote over a
    fabric (`storage`). Each node has its own stream of chance, so two designs meet the same
    failures. Neglects: other checkpoints, common causes, wear, repair crews.
    """

    mtbf_s: float = 1000 * 3600.0
    repair_s: float = 4 * 3600.0

    def __post_init__(self) -> None:
        """Refuse times that are none."""
        refuse_times("failures", self.mtbf_s, self.repair_s)

    @property
    def hits_per_s(self) -> float:
        """Return how often each node fails."""
        return 1.0 / self.mtbf_s

    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Start one SimPy process a node."""
        for node in range(cluster.nodes):
            rng = streams.stream("failures", node)
            fail, mend = partial(cluster.fail, node), partial(cluster.repair, node)
            clock.process(spells(clock, rng, self.mtbf_s, self.repair_s, fail, mend))
