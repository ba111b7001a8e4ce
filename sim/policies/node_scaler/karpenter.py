"""Karpenter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.node_scaler.backoff import backed_off
from sim.policies.node_scaler.base import (
    B1,
    F8,
    I8,
    AbstractNodeScaler,
    FleetSeen,
    NodeWish,
    held_back,
    nothing,
    refuse,
    room,
    wrong,
)
from sim.policies.node_scaler.cheapest import cheapest, saves
from sim.policies.node_scaler.packing import free_of, pieces_of, place, take


@final
@dataclass(frozen=True)
class Karpenter(AbstractNodeScaler):
    """What fits nowhere is packed, largest first, onto the cheapest new nodes that hold it.

    A batch closes when nothing new has come for `batch_idle_s`, or its first is `batch_most_s` old.
    Nodes go when they are empty for `consolidate_after_s`, or one by one when what runs on them
    fits elsewhere, or on a new cheaper node, which is then asked for; `budget_frac` of the nodes at
    once, rounded up. A pool that failed is left alone for `backoff_s`.

    Source: Karpenter: 1 s, 10 s, consolidateAfter 0 s, WhenEmptyOrUnderutilized, budget 10 %,
    rounded up; failed offers are skipped for 3 min.
    Neglects: expiry after 720 h; several nodes consolidated into one; spot; gangs; the
    time that moving takes.
    """

    batch_idle_s: float = 1.0
    batch_most_s: float = 10.0
    consolidate_after_s: float = 0.0
    underutilized: bool = True
    budget_frac: float = 0.1
    backoff_s: float = 180.0
    every_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self, shares=("budget_frac",)))

    def closed(self, seen: FleetSeen) -> bool:
        """Return whether the batch of waiting jobs is closed."""
        since_s = seen.waiting.since_s
        if len(since_s) == 0:
            return False
        quiet = seen.now_s - since_s.max() >= self.batch_idle_s
        return bool(quiet or seen.now_s - since_s.min() >= self.batch_most_s)

    def consolidated(self, seen: FleetSeen, shut: B1) -> tuple[I8, B1]:
        """Return what to ask for and what to give back so that the nodes cost less."""
        add, remove = nothing(seen)
        idle = seen.now_s - seen.nodes.idle_since_s >= self.consolidate_after_s
        many = int(np.ceil(self.budget_frac * len(remove)))
        remove = held_back(seen, idle)
        remove[np.flatnonzero(remove)[many:]] = False
        if remove.any() or not self.underutilized or many == 0:
            return add, remove
        node, pool = saves(seen, shut)
        if node >= 0:
            remove[node] = True
            add[pool] += pool >= 0
        return add, remove

    def wish(self, seen: FleetSeen, notes: F8) -> NodeWish:
        """Return new nodes for a closed batch; if nobody waits, what saves money."""
        shut, kept = backed_off(seen, notes, self.backoff_s, self.backoff_s, 0.0)
        pieces = pieces_of(seen)
        left = take(pieces, ~place(pieces, free_of(seen)))
        add, remove = nothing(seen)
        if len(left.gpus):
            if self.closed(seen):
                add = cheapest(seen, left, np.where(shut, 0, room(seen)))
        elif not seen.pools.booting.any():
            add, remove = self.consolidated(seen, shut)
        return NodeWish(add, remove, kept)
