"""Nodes that fail and are repaired."""

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


def node_life(
    clock: Clock, cluster: Cluster, node: int, rng: np.random.Generator, mtbf_s: float,
    repair_s: float,
) -> Generator[simpy.Event, None, None]:  # fmt: skip
    """A node's life: up for a while, then down for repair."""
    while True:
        yield clock.timeout(rng.exponential(mtbf_s))
        cluster.fail(node)
        yield clock.timeout(repair_s)
        cluster.repair(node)


@final
@dataclass(frozen=True)
class Failures(AbstractProcess):
    """Every node fails after exponential times of mean `mtbf_s` and is back after `repair_s`.

    A job hit starts anew from the beginning. Each node has its own stream of chance, so two designs
    meet the same failures. Neglects: checkpoints, common causes, wear, repair crews.
    """

    mtbf_s: float = 1000 * 3600.0
    repair_s: float = 4 * 3600.0

    def __post_init__(self) -> None:
        """Refuse times that are none."""
        found = [
            f"failures.{name}: is {getattr(self, name)!r}; must be a time > 0, such as '1000 h'"
            for name in ("mtbf_s", "repair_s")
            if not 0.0 < getattr(self, name) < np.inf
        ]
        if found:
            raise ScenarioError(found)

    @property
    def hits_per_s(self) -> float:
        """Return how often each node fails."""
        return 1.0 / self.mtbf_s

    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Start one SimPy process a node."""
        for node in range(cluster.nodes):
            rng = streams.stream("failures", node)
            clock.process(node_life(clock, cluster, node, rng, self.mtbf_s, self.repair_s))
