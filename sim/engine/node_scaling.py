"""What a node scaler sees of the nodes, and its turn every so often."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
import simpy

from sim import kernel
from sim.engine.fleet import WORDS, Fleet
from sim.state.arrays import B1, F8, I8
from sim.state.columns import ARRIVED, LEFT, PLENTY
from sim.state.fleet import Stage
from sim.state.scaling import NOTHING, FleetSeen, NodesSeen, NodeWish, PoolsSeen, WaitingSeen
from sim.state.words import JobState

MOST_SEEN = 200
"""Waiting jobs that a scaler is shown, first in the queue's order."""
QUIET_S = 8 * 86400.0
"""With nobody running and no node changing for so long, a week's plan has come round: it ends."""


class Watch:
    """What is known of nodes from one asking to the next: who is idle, and since when."""

    def __init__(self, fleet: Fleet, moves_jobs: bool) -> None:
        self.fleet, self.moves_jobs = fleet, moves_jobs
        self.idle_s: F8 = np.zeros(len(fleet.pool))  # end of the last job on each
        self._open: I8 = np.zeros(0, np.int64)
        self._rows = 0

    def look(self) -> B1:
        """Note whose rows have ended; return on which nodes all may be moved, (nodes,)."""
        fleet = self.fleet
        led = fleet.clock.state.ledger
        n = int(led.n[0])
        rows = np.concatenate([self._open, np.arange(self._rows, n)])
        rows = rows[led.job[rows] >= 0]
        over = ~np.isnan(led.end_s[rows])
        ended, self._open, self._rows = rows[over], rows[~over], n
        np.maximum.at(self.idle_s, led.node[ended], led.end_s[ended])
        movable = np.ones(len(fleet.pool), np.bool_)
        if not self.moves_jobs:
            movers = np.array(sorted(fleet.cluster.movers), np.int64)
            fixed = ~np.isin(led.job[self._open], movers)
            movable[led.node[self._open][fixed]] = False
        return movable

    def nodes(self) -> NodesSeen:
        """Return the nodes that are up."""
        fleet, movable = self.fleet, self.look()
        state = fleet.clock.state
        up = np.flatnonzero((fleet.stage == Stage.ON) & state.nodes.up)
        idle_s = np.maximum(self.idle_s, fleet.begin_s)[up]
        idle_s[state.nodes.row[up] >= 0] = np.inf
        cpus = np.where(state.nodes.mcpu >= PLENTY, PLENTY, state.nodes.mcpu_free) / 1000.0
        return NodesSeen(
            up, fleet.pool[up], state.nodes.free[up], cpus[up], idle_s, movable[up]
        )  # fmt: skip

    def pools(self) -> PoolsSeen:
        """Return the pools; a pool has no more places than nodes were bought."""
        fleet = self.fleet
        state, terms = fleet.clock.state, fleet.terms
        first = np.array([t.first for t in terms], np.int64)
        bought = np.bincount(fleet.pool[(fleet.stage != Stage.ABSENT) & ~fleet.doomed],
                             minlength=len(terms))  # fmt: skip
        on = (fleet.stage == Stage.ON) & state.nodes.up
        return PoolsSeen(
            state.nodes.gpus[first], state.nodes.mcpu[first] / 1000.0,
            np.array([t.node_h_usd for t in terms]),
            np.bincount(fleet.pool[on], minlength=len(terms)), fleet.count(Stage.COMING),
            np.array([t.least for t in terms], np.int64),
            np.minimum(np.array([t.most for t in terms], np.int64), bought),
        )  # fmt: skip

    def waiting(self) -> WaitingSeen:
        """Return the jobs that have found no place.

        Neglects: parts of a device; that the last node of a gang may have fewer GPUs, so that as
        many are asked for as on the others; what leaves, blocks and racks a gang must keep to.
        """
        fleet, state = self.fleet, self.fleet.clock.state
        rows = kernel.standing(state)
        rows = rows[state.jobs.state[rows] == JobState.WAITING][:MOST_SEEN]
        jobs, kind = state.jobs, state.nodes.kind[[t.first for t in fleet.terms]]
        allowed = state.kinds.speed[jobs.klass[rows]][:, kind] > 0.0
        size = state.nodes.gpus[[t.first for t in fleet.terms]]
        least = np.where(allowed, size, np.iinfo(np.int64).max).min(axis=1, initial=1 << 40)
        each = np.minimum(jobs.gpus[rows], np.maximum(least, 1))
        told = jobs.chunk_gpus[rows] >= 0
        each = np.where(told, jobs.chunk_gpus[rows], each)
        nodes = np.where(told, jobs.chunks[rows], -(-jobs.gpus[rows] // np.maximum(each, 1)))
        nodes = np.maximum(nodes, 1)
        cpus = jobs.mcpu[rows] / 1000.0 / nodes
        return WaitingSeen(nodes, each, cpus, allowed, jobs.enter_s[rows])

    def seen(self) -> FleetSeen:
        """Return what a scaler sees now; refusals are told once."""
        refused = self.fleet.refused.copy()
        self.fleet.refused[:] = 0
        now_s = self.fleet.clock.now
        leaving = self.fleet.count(Stage.LEAVING)
        return FleetSeen(now_s, self.pools(), self.nodes(), self.waiting(), refused, leaving)


def hold_to(fleet: Fleet, seen: FleetSeen, wish: NodeWish, notice_s: float | None) -> int:
    """Ask for the nodes of a wish and tell others to go, within bounds; return how many changed."""
    made = 0
    for pool, many in enumerate(np.asarray(wish.add, np.int64).tolist()):
        spare = int(seen.pools.most[pool] - seen.pools.ready[pool] - seen.pools.booting[pool])
        made += fleet.ask(pool, min(many, spare))
    left = seen.pools.ready - seen.pools.least
    many = len(seen.nodes.node)
    why = np.zeros(many, np.int64) if wish.why is None else wish.why
    due_s = np.full(many, np.nan) if wish.due_s is None else wish.due_s
    for row in np.flatnonzero(np.asarray(wish.remove, np.bool_)).tolist():
        node = int(seen.nodes.node[row])
        pool = int(fleet.pool[node])
        if left[pool] > 0:
            left[pool] -= 1
            made += 1
            within_s = fleet.terms[pool].notice_s if notice_s is None else notice_s
            fleet.leave(node, WORDS[int(why[row])], within_s, float(due_s[row]))
    return made


def over(fleet: Fleet) -> bool:
    """Return whether nothing has moved for so long that nothing ever will."""
    clock = fleet.clock
    state = clock.state
    if clock.now - fleet.changed_s < QUIET_S or int(state.running.n[2]) > 0:
        return False
    come = int(state.face.n[ARRIVED]) == state.events.arrive.size
    return bool(come and state.face.n[LEFT] > 0)


def control(
    fleet: Fleet, watch: Watch, ask: Callable[[FleetSeen, F8], NodeWish], every_s: float,
    notice_s: float | None, why: str = "",
) -> Generator[simpy.Event, None, None]:  # fmt: skip
    """Ask the node scaler every `every_s` seconds, and do as it wishes.

    `why` : it never asks for a node, if known beforehand.
    """
    notes, turn, changed = NOTHING, 1, 0
    fleet.notes.append("node_scaler: asked for no node and gave none back" + why)
    while not over(fleet):
        yield fleet.clock.timeout(max(turn * every_s - fleet.clock.now, 0.0))
        turn += 1
        seen = watch.seen()
        wish = ask(seen, notes)
        notes = wish.notes
        changed += hold_to(fleet, seen, wish, notice_s)
        if changed:
            fleet.notes.clear()
    fleet.notes.append("node_scaler: was asked no more when nothing had run or changed for 8 days; "
                       "jobs wait for more nodes than ever come")  # fmt: skip
