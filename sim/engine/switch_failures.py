"""Switches that fail and are repaired, their cables with them."""

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
class SwitchFailures(AbstractProcess):
    """Each switch fails after exponential times of mean `mtbf_s`, and is repaired `repair_s` later.

    All its cables fail with it: flows go round where there is a way, nodes with NICs on other
    switches too keep that part of their speed, and nodes on it alone stand still. Where packets are
    sprayed over tiers, what leads out of a leaf or pod carries what its other cables do. Each
    switch has its own stream of chance, so two policies meet the same failures.

    Source: Alibaba HPN (SIGCOMM 2024, 2.3): 0.051 % of leaf switches fail a month, once in 1.43
    million hours. How long a repair takes it does not say: `repair_s` is an assumption.
    Neglects: the time until routes are found anew; jobs that would be given up rather than wait;
    sprayed, that others send less to a leaf or pod that has lost spines or cores.
    """

    mtbf_s: float = 1_430_000 * 3600.0
    repair_s: float = 4 * 3600.0

    def __post_init__(self) -> None:
        """Refuse times that are none."""
        refuse_times("link_failures", self.mtbf_s, self.repair_s)

    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Start one SimPy process a switch."""
        for number in range(cluster.switches):
            rng = streams.stream("switch_failures", number)
            fail, mend = (partial(cluster.set_switch, number, works) for works in (False, True))
            clock.process(spells(clock, rng, self.mtbf_s, self.repair_s, fail, mend))
