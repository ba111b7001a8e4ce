"""Services on the cluster: replicas come, answer, drain and go, as jobs like any other."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Sequence

import numpy as np
import simpy

from sim.engine.clock import Clock
from sim.engine.cluster import Cluster
from sim.engine.held import Held, Stage
from sim.engine.scrapes import Log
from sim.engine.serving import Run
from sim.engine.warm import WarmPool
from sim.state.arrays import F8
from sim.state.scaling import NOTHING, Replica, Seen, Wish
from sim.state.services import Serving
from sim.state.words import JobState

PATIENCE_S = 86400.0
"""After the last request has come, how long a service may go without answering any."""


class Life:
    """One service: which replicas it has, and what they do."""

    def __init__(
        self, clock: Clock, cluster: Cluster, of: Serving, run: Run, log: Log, slots: Sequence[int]
    ) -> None:
        self.clock, self.cluster, self.of, self.run, self.log = clock, cluster, of, run, log
        self.slots = slots  # the job of each place
        self.free = list(range(len(slots)))
        self.all: list[Held] = []
        self.here: list[Held] = []
        self.images: set[int] = set()
        self.pool = WarmPool(of)
        self.replica = replica_of(of)
        self._many = [0] * len(Stage)  # replicas at each stage
        self._ready: list[int] | None = None
        self.over = False
        self.notes: F8 = NOTHING
        self.notes_of_start: tuple[str, ...] = ()
        self._quiet_s, self._reads = 0.0, 0
        self.due_s = of.scrape_s  # when its numbers are read next
        self._past: list[tuple[float, tuple[F8, F8, F8]]] = []
        cluster.watch(slots, self.look)
        cluster.moves(slots, self.move)

    def counts(self) -> list[int]:
        """Return how many replicas are at each stage; of those that are gone, none."""
        return [*self._many[: Stage.GONE], 0]

    def stands(self, one: Held, stage: Stage) -> None:
        """Let a replica stand so from now on."""
        self._many[one.stage] -= 1
        self._many[stage] += 1
        one.stage, self._ready = stage, None

    def ready(self) -> list[int]:
        """Return the places of those that take requests, in order of asking."""
        if self._ready is None:
            self._ready = [one.slot for one in self.here if one.stage == Stage.READY]
        return self._ready

    def more(self, many: int, warm: bool = False) -> None:
        """Ask for replicas, as many as there are places for."""
        for _ in range(min(many, len(self.free))):
            one = self.asks(heapq.heappop(self.free), warm)
            self.cluster.submit(self.slots[one.slot])

    def asks(self, slot: int, warm: bool = False) -> Held:
        """Return a replica in a place that was free, which waits for GPUs from now on."""
        one = Held(slot, self.clock.now, warm)
        self.all.append(one)
        self.here.append(one)
        self._many[one.stage] += 1
        return one

    def fewer(self, many: int) -> None:
        """Let replicas go: those that wait for GPUs first, then those that start, the youngest."""
        alive = [one for one in self.here if one.stage < Stage.DRAINS]
        order = sorted(range(len(alive)), key=lambda i: (alive[i].stage, -i))
        for i in order[:many]:
            one = alive[i]
            one.told_s = self.clock.now
            if one.stage == Stage.READY:
                self.drain(one)
            else:
                self.go(one, "recalled")

    def drain(self, one: Held) -> None:
        """Send a replica no more requests; it goes when it has answered all it has."""
        self.run.advance(self.clock.now)
        self.run.drain(one.slot, self.clock.now)
        self.stands(one, Stage.DRAINS)
        if self.run.outstanding(one.slot) == 0:
            self.go(one, "drained")
        else:
            self.clock.process(self.emptied(one))

    def emptied(self, one: Held) -> Generator[simpy.Event, None, None]:
        """Let a replica go within a microsecond of its last answer."""
        while one.stage == Stage.DRAINS:
            wait_s = self.run.emptied_s(one.slot) - self.clock.now
            yield self.clock.timeout(max(wait_s, 0.0) + 1e-6)
            if one.stage == Stage.DRAINS:
                self.run.advance(self.clock.now)
                if self.run.outstanding(one.slot) == 0:
                    self.go(one, "drained")

    def move(self, job: int) -> None:
        """The nodes of a replica are to go: another is asked for, this one answers what it has."""
        for one in [one for one in self.here if self.slots[one.slot] == job]:
            if one.stage in (Stage.ASKED, Stage.STARTS, Stage.READY):
                one.told_s = self.clock.now
                self.more(1)
                if one.stage == Stage.READY:
                    self.drain(one)
                else:
                    self.go(one, "moved")

    def go(self, one: Held, why: str) -> None:
        """A replica gives back what it holds."""
        self.cluster.withhold(self.slots[one.slot])
        self.ended(one, why)

    def ended(self, one: Held, why: str) -> None:
        """Note that a replica is no more."""
        self.stands(one, Stage.GONE)
        one.why, one.end_s = why, self.clock.now
        self.here.remove(one)
        heapq.heappush(self.free, one.slot)

    def look(self) -> None:
        """See which replicas have got GPUs, and which have lost them."""
        for one in list(self.here):
            job = self.slots[one.slot]
            runs = self.cluster.state_of(job) == JobState.RUNNING
            if one.row >= 0 and not (runs and self.cluster.held(job)[0] == one.row):
                self.lost(one)
            elif runs and one.row < 0:
                self.began(one)

    def began(self, one: Held) -> None:
        """A replica has its GPUs, and comes up stage by stage."""
        one.row, one.start_s, nodes = self.cluster.held(self.slots[one.slot])
        self.stands(one, Stage.STARTS)
        cold_s = 0.0 if one.warm and one.start_s == one.asked_s else self.cold_s(nodes)
        if cold_s == 0.0:
            self.up(one, nodes)
        else:
            self.clock.process(self.warming(one, nodes, cold_s))

    def cold_s(self, nodes: np.ndarray) -> float:
        """Return how long a replica that starts now takes to come up."""
        stages = list(self.of.stages_s)
        if self.of.image_stays and all(int(node) in self.images for node in nodes):
            stages[1] = 0.0
        return float(sum(stages[self.pool.take(self.clock.now) :]))

    def warming(
        self, one: Held, nodes: np.ndarray, cold_s: float
    ) -> Generator[simpy.Event, None, None]:
        """Let a replica take requests when it has come up."""
        yield self.clock.timeout(cold_s)
        if one.stage == Stage.STARTS:
            self.up(one, nodes)

    def up(self, one: Held, nodes: np.ndarray) -> None:
        """A replica takes requests from now on."""
        self.run.advance(self.clock.now)
        self.run.accepts[one.slot] = 1
        self.images.update(int(node) for node in nodes)
        self.stands(one, Stage.READY)
        one.ready_s = self.clock.now

    def lost(self, one: Held) -> None:
        """A replica has lost its GPUs: its requests go elsewhere; unless told to go it is back."""
        if one.stage in (Stage.READY, Stage.DRAINS):
            self.run.advance(self.clock.now)
            self.run.lose(one.slot, self.clock.now)
        again, job = one.stage != Stage.DRAINS, self.slots[one.slot]
        back = again and self.cluster.state_of(job) == JobState.RUNNING
        if not back:
            self.cluster.withhold(job)
        self.ended(one, self.cluster.left_by(one.row))
        if back:  # who gave way by a quota may have found other nodes in the same pass
            self.free.remove(one.slot)
            heapq.heapify(self.free)
            self.began(self.asks(one.slot))
        elif again:
            self.more(1)

    def scrape(self) -> None:
        """Read the numbers of the interval that ends now; the service is over when all is done."""
        now_s = self.clock.now
        self._reads += 1
        self.due_s = (self._reads + 1) * self.of.scrape_s
        self.run.advance(now_s)
        asked, starts, _, drains, _ = self._many
        self.log.read(now_s, self.ready(), (asked, starts, drains))
        self._past.append((now_s, self.log.last))
        if self.log.ended() or now_s <= self.run.last_s:
            self._quiet_s = now_s
        if self.run.over() or now_s > self._quiet_s + PATIENCE_S:
            self.close()

    def close(self) -> None:
        """End the service: its replicas give back what they hold, for good."""
        for one in list(self.here):
            self.ended(one, "over")
        for job in self.slots:
            self.cluster.end(job)
        self.over = True

    def seen(self, ahead: bool) -> Seen:
        """Return what an autoscaler can see now."""
        now_s, of = self.clock.now, self.of
        old_s = now_s - of.lag_s
        while len(self._past) > 1 and self._past[1][0] <= old_s + 1e-9:
            self._past.pop(0)
        known = bool(self._past) and self._past[0][0] <= old_s + 1e-9
        each = self._past[0][1] if known else (np.zeros(0),) * 3
        asked, starts, ready, drains, _ = self._many
        return Seen(
            now_s, ready, asked + starts, drains, of.least, of.most, of.scrape_s,
            self.log.seen(old_s), *each, self.replica,
            self.log.ahead(now_s, of.scrape_s) if ahead else None, of.title,
        )  # fmt: skip

    def hold_to(self, wish: Wish) -> None:
        """Have as many replicas as were wished for, between the least and the most."""
        self.notes = wish.notes
        want = min(max(int(wish.replicas), self.of.least), self.of.most)
        have = sum(self._many[: Stage.DRAINS])
        if want > have:
            self.more(want - have)
        elif want < have:
            self.fewer(have - want)


def replica_of(of: Serving) -> Replica:
    """Return what a replica of a service is, as an autoscaler knows it.

    In a pool that computes prompts decoding takes no time, in one that decodes prompts take none;
    each has the target that is its own.
    """
    decode_s, mixed_s, ttft_s, tpot_s = of.decode_s, of.mixed_s, of.slo_ttft_s, of.slo_tpot_s
    if of.link is not None:
        mixed_s, ttft_s = (decode_s[0], 0.0, 0.0, *decode_s[1:]), np.inf
    elif of.pool:
        decode_s, tpot_s = (0.0, 0.0, 0.0), np.inf
    cold_s = float(sum(of.stages_s))
    return Replica(decode_s, mixed_s, of.batch, of.kv_tokens, of.gpus, cold_s, ttft_s, tpot_s)


def control(
    clock: Clock,
    lives: Sequence[Life],
    ask: Callable[[list[Seen], list[F8]], list[Wish]],
    every_s: float,
    ahead: bool,
) -> Generator[simpy.Event, None, None]:
    """Read each service's numbers as often as it says, then ask how many replicas there should be.

    At one instant all are read before the policy is asked, once for all services.
    """
    on, turn = list(lives), 1
    while on:
        due_s = min(turn * every_s, min(life.due_s for life in on))
        yield clock.timeout(max(due_s - clock.now, 0.0))
        clock.news()
        late_s = clock.now + 1e-9
        for life in on:
            if life.due_s <= late_s:
                life.scrape()
        on = [life for life in on if not life.over]
        if on and turn * every_s <= late_s:
            turn += 1
            wishes = ask([life.seen(ahead) for life in on], [life.notes for life in on])
            for life, wish in zip(on, wishes, strict=True):
                life.hold_to(wish)
