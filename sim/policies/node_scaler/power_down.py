"""Idle nodes are switched off, and on again for those that wait."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.node_scaler.base import (
    F8,
    NOTHING,
    AbstractNodeScaler,
    FleetSeen,
    NodeWish,
    held_back,
    nothing,
    refuse,
    room,
    wrong,
)
from sim.policies.node_scaler.gangs import for_gangs


@final
@dataclass(frozen=True)
class PowerDown(AbstractNodeScaler):
    """A node that has been idle for `idle_s` is switched off, `spare` idle ones of its pool kept.

    Nodes are switched on, pool by pool in order, for what fits on nothing that is on or coming up,
    a gang whole or not at all. `off_per_minute` and `on_per_minute` bound the rates; 0: no bound.

    Source: Slurm's power saving: SuspendTime, SuspendRate 60, ResumeRate 300 nodes a minute.
    Neglects: that switching wears nodes out; ResumeTimeout is the engine's.
    """

    idle_s: float = 1800.0
    spare: int = 0
    off_per_minute: int = 60
    on_per_minute: int = 300
    every_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self, counts=("spare", "off_per_minute", "on_per_minute")))

    def most(self, per_minute: int, now_s: float) -> int:
        """Return how many nodes may change at this asking: what the rate has added since the last.

        A rate of less than one an asking gives one at some askings, none at the others.
        """
        if not per_minute:
            return 10**9
        last, now = ((now_s - ago_s) * per_minute / 60.0 for ago_s in (self.every_s, 0.0))
        return math.floor(now + 1e-9) - math.floor(last + 1e-9)

    def wish(self, seen: FleetSeen, notes: F8) -> NodeWish:
        """Return the nodes to switch on, and those to switch off."""
        del notes
        nodes = seen.nodes
        _, remove = nothing(seen)
        everyone = np.ones(len(seen.waiting.nodes), np.bool_)
        add, wanted = for_gangs(seen, everyone, room(seen), np.zeros(len(seen.pools.gpus)))
        over = max(int(add.sum()) - self.most(self.on_per_minute, seen.now_s), 0)
        add -= np.diff(np.minimum(np.cumsum(add[::-1]), over), prepend=0)[::-1]  # the last wait
        for pool in range(len(add)):
            idle = np.isfinite(nodes.idle_since_s) & (nodes.pool == pool) & ~wanted
            here = np.flatnonzero(idle)
            oldest = here[np.argsort(nodes.idle_since_s[here], kind="stable")]
            oldest = oldest[: max(len(here) - self.spare, 0)]
            remove[oldest[seen.now_s - nodes.idle_since_s[oldest] >= self.idle_s]] = True
        remove = held_back(seen, remove)
        remove[np.flatnonzero(remove)[self.most(self.off_per_minute, seen.now_s) :]] = False
        return NodeWish(add, remove, NOTHING)
