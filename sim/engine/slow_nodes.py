"""Nodes that are slow for a while."""

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
class SlowNodes(AbstractProcess):
    """Every node is slow after exponential times of mean `mtbf_s`, and whole `repair_s` later.

    Meanwhile it keeps `keeps` of its speed, and all jobs on it go at its pace: every rank waits for
    the slowest. What a job sends over a fabric takes no longer for it (`kernel.rate.pace_beside`).
    Each node has its own stream of chance, so two designs meet the same spells.

    Source: how long a spell lasts: GREYHOUND, USENIX ATC 2025: 72 min, mean of jobs of 512 GPUs and
    more. How often, and how slow, are assumptions.
    Neglects: schedulers that see a slow node and avoid it; the pace of a service's replicas; a
    metric of its own, for what it costs is in the times of jobs; a step played by phases
    (`steps=phases`) goes on as it was cut when the spell began or ended in it.
    """

    mtbf_s: float = 2000 * 3600.0
    repair_s: float = 72 * 60.0
    keeps: float = 0.8

    def __post_init__(self) -> None:
        """Refuse times that are none, and a speed of nothing or of more than all."""
        more = []
        if not 0.0 < self.keeps <= 1.0:
            more.append(
                f"slow_nodes.keeps: is {self.keeps!r}; must be a number above 0, at most 1; "
                "a node that stands still has failed: see failures"
            )
        refuse_times("slow_nodes", self.mtbf_s, self.repair_s, more)

    @property
    def hobbles(self) -> bool:
        """Return that it makes nodes slow."""
        return True

    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Start one SimPy process a node."""
        for node in range(cluster.nodes):
            rng = streams.stream("slow_nodes", node)
            slow, whole = (partial(cluster.hobble, node, keeps) for keeps in (self.keeps, 1.0))
            clock.process(spells(clock, rng, self.mtbf_s, self.repair_s, slow, whole))
