"""Nodes lent by the clock, and called back with notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.node_scaler.base import (
    F8,
    NOTHING,
    AbstractNodeScaler,
    FleetSeen,
    Going,
    NodeWish,
    nothing,
    refuse,
    room,
    wrong,
)
from sim.policies.plans import plan_faults


@final
@dataclass(frozen=True)
class Lending(AbstractNodeScaler):
    """A plan of [hour, nodes]: so many nodes of pool `pool` are here from that hour on.

    The others are lent, and come back when an hour has more. They are told to go `notice_s` before
    an hour that has fewer: idle ones first, then those whose work may move, then those in use the
    least. The plan is repeated every `period_s`; the last entry rules until the first; of an hour
    named twice, the one with more nodes. A part of a node is none. A notice that is no multiple of
    `every_s` makes them late by the rest.

    Source: scheduled lending between serving and research; notices as spot instances have: 120 s
    AWS, 30 s Google Cloud and Azure.
    Neglects: time zones; lending by forecast; what others do with them: what is lent is not here.
    A service in the same run gets nodes by `reservations`, by the clock, or `preemption=tail`.
    """

    plan: Sequence[Sequence[float]] = ((0.0, 8.0), (7.0, 0.0), (20.0, 8.0))
    pool: int = 0
    notice_s: float = 120.0
    period_s: float = 86400.0
    every_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        found = wrong(self, counts=("pool",))
        if self.notice_s == np.inf:
            found.append("node_scaler.notice_s: is inf; must be a finite time, such as '2 min'")
        if self.period_s > 0.0:
            found += plan_faults("node_scaler.plan", self.plan, self.period_s, "nodes",
                                 endless=False)  # fmt: skip
        elif self.period_s == 0.0:
            found.append("node_scaler.period_s: is 0; must be a time > 0, such as '1 d'")
        refuse(found)

    @property
    def lends(self) -> int:
        """Return the pool whose nodes are lent while they are not here."""
        return self.pool

    def here(self, at_s: float) -> tuple[int, float]:
        """Return how many nodes the plan has here at an instant, and since when."""
        plan = np.array(sorted(map(tuple, self.plan)), np.float64)
        hours_s, into_s = plan[:, 0] * 3600.0, at_s % self.period_s
        row = int(np.searchsorted(hours_s, into_s, side="right")) - 1
        begun_s = at_s - into_s - (self.period_s if row < 0 else 0.0)
        return int(plan[row, 1]), float(begun_s + hours_s[row])

    def wish(self, seen: FleetSeen, notes: F8) -> NodeWish:
        """Return the nodes to call back, or those to lend."""
        del notes
        add, remove = nothing(seen)
        pools, nodes, pool = seen.pools, seen.nodes, self.pool
        there = int(pools.ready[pool] + pools.booting[pool])
        soon, since_s = self.here(seen.now_s + self.notice_s)
        now = min(self.here(seen.now_s)[0], soon)
        if there < now:
            add[pool] = min(now - there, int(room(seen)[pool]))
        mine = np.flatnonzero(nodes.pool == pool)
        used = pools.gpus[pool] - nodes.free_gpus[mine]
        idle = np.isfinite(nodes.idle_since_s[mine])
        order = mine[np.lexsort((used, ~nodes.movable[mine], ~idle))]
        remove[order[: max(len(mine) - max(soon, int(pools.least[pool])), 0)]] = True
        why, due_s = np.full(len(remove), int(Going.LENT)), np.full(len(remove), since_s)
        return NodeWish(add, remove, NOTHING, why, due_s)
