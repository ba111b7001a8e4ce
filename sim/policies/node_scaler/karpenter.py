"""Karpenter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.node_scaler.backoff import backed_off
from sim.policies.node_scaler.base import (
    F8,
    AbstractNodeScaler,
    FleetSeen,
    NodeWish,
    nothing,
    refuse,
    room,
    wrong,
)
from sim.policies.node_scaler.cheapest import cheapest
from sim.policies.node_scaler.consolidation import REPLACES, Thrift, consolidated
from sim.policies.node_scaler.gangs import taken_from
from sim.policies.node_scaler.packing import Pieces, free_of, pieces_of, place, take


@final
@dataclass(frozen=True)
class Karpenter(AbstractNodeScaler):
    """What fits nowhere is packed, largest first, onto the cheapest new nodes that hold it.

    A batch closes when nothing new has come for `batch_idle_s`, or its first is `batch_most_s` old.
    Nodes go when they are empty for `consolidate_after_s` and nobody is to start there, or one by
    one when what runs on them fits elsewhere, or on a new cheaper node, which is asked for and
    waited for; `budget_frac` of the nodes at once, rounded up. A pool that failed is left alone for
    `backoff_s`.

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

    def closed(self, seen: FleetSeen, left: Pieces) -> bool:
        """Return whether the batch of those that fit on nothing is closed."""
        since_s = seen.waiting.since_s
        quiet = seen.now_s - since_s.max() >= self.batch_idle_s
        return bool(quiet or seen.now_s - since_s[left.job].min() >= self.batch_most_s)

    def wish(self, seen: FleetSeen, notes: F8) -> NodeWish:
        """Return new nodes for a closed batch; if nobody waits for one, what saves money."""
        shut, kept = backed_off(seen, notes, self.backoff_s, self.backoff_s, 0.0)
        pieces, free = pieces_of(seen), free_of(seen)
        left = take(pieces, ~place(pieces, free))
        if not len(left.gpus):
            rule = Thrift(self.consolidate_after_s, self.underutilized, self.budget_frac)
            less = consolidated(seen, shut, taken_from(seen, free), notes, rule)
            return NodeWish(less.add, less.remove, np.concatenate([kept, less.notes]))
        add, remove = nothing(seen)
        if self.closed(seen, left):
            add = cheapest(seen, left, np.where(shut, 0, room(seen)))
        return NodeWish(add, remove, np.concatenate([kept, notes[notes[:, 0] == REPLACES]]))
