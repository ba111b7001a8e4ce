"""One clock for two kinds of event: SimPy's, and the jobs' own, which are compiled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import simpy

from sim import kernel
from sim.engine.interrupt import Stop
from sim.kernel import Why
from sim.state.build import longer, pass_rows
from sim.state.columns import APART, ASKED, EVENTS, LEFT, NOW
from sim.state.handle import State
from sim.state.quota import KUEUE, LIMITS, SHARES
from sim.state.words import JobState

if TYPE_CHECKING:
    from sim.engine.paths import Finder
    from sim.engine.sprayed import Sprayed

BUDGET = 200_000
"""Most events the lane may run before it lets Python show progress or be interrupted."""
DECIDE, ROUTE = int(Why.DECIDE), int(Why.ROUTE)
LANES = {KUEUE: kernel.advance_quota, LIMITS: kernel.advance_limits}
"""Quotas whose passes are made in the lane."""
LONG_S, SHORT_S = 0.2, 0.05
"""Wall-clock seconds after which the lane is given less to do at a time, or more."""


class Clock(simpy.Environment):
    """SimPy's environment with a compiled lane between its events.

    Nothing in Python can happen before SimPy's next event, so the lane may run the jobs' own events
    that far without asking. It comes back early only where Python must act.
    """

    def __init__(
        self,
        state: State,
        decide: Callable[[State, float], None] | None = None,
        pause: Callable[[State, float], None] | None = None,
        stop: Stop | None = None,
        apart: Callable[[Clock], None] | None = None,
    ) -> None:
        super().__init__()
        self.state = state
        self._decide, self._pause, self._apart = decide, pause, apart
        self._advance = LANES.get(int(state.quota.rule), kernel.advance)
        self._watchers: dict[int, simpy.Event] = {}
        self._listeners: list[Callable[[], None]] = []
        moves = int(state.moving.on)  # and rows that a trial needs
        self._room = pass_rows(state) * (
            1 + int(state.face.n[APART]) + moves
        )  # who gives way may start
        self._budget = self._due = 1_000  # events between two pauses, and at the next
        self._paused_s = time.perf_counter()
        self._stop = stop or Stop()
        self.let_in: Callable[[State, float], None] | None = None  # asked after jobs were let in
        self.finder: Finder | None = None  # of jobs' ways over the fabric
        self.sprayed: Callable[[], Sprayed | None] = lambda: None  # its switches, if it is a tree
        self.all_done = self.event()
        if state.face.n[LEFT] == 0:
            self.all_done.succeed()

    def step(self) -> None:
        """Let the lane run up to SimPy's next event, then take that event."""
        if self._stop.pressed:
            raise KeyboardInterrupt
        why = self._lane(float(self.peek()))
        if why == Why.HORIZON:
            super().step()  # SimPy's own event; EmptySchedule if there is none
            return
        self._now = float(self.state.face.t[NOW])  # the lane stopped early, at this instant
        if why == Why.PASS:
            self._pass()
        elif why == Why.RELEASE:
            kernel.release(self.state, self._now)
            if self.let_in is not None:
                self.let_in(self.state, self._now)
        elif why == Why.FULL:
            self.grow(self._room)
        elif why == Why.WAKE:
            self._wake()
        else:
            self._pace()
            self.news()

    def news(self) -> None:
        """Tell who looks on how far the run is."""
        if self._pause is not None:
            self._pause(self.state, self._now)

    def _lane(self, horizon_s: float) -> int:
        """Run the lane up to the horizon; return why it stopped: asking brings no SimPy event."""
        while True:
            now_s, budget = float(self._now), self._due - int(self.state.face.n[EVENTS])
            ask = self._decide is not None
            why = self._advance(self.state, now_s, horizon_s, ask, self._room, budget)
            if why == ROUTE and self.finder is not None:
                self._now = float(self.state.face.t[NOW])
                self.finder(self)
                continue
            if why != DECIDE or self._decide is None:
                return int(why)
            self._now = float(self.state.face.t[NOW])
            self._decide(self.state, self._now)
            self.state.face.n[ASKED] = 1

    def _pass(self) -> None:
        """Make a pass by rules that the lane does not hold."""
        if self._apart is not None:
            self._apart(self)
            return
        if self.state.quota.rule == LIMITS:
            kernel.cycle_limits(self.state, self._now)
            return
        if self.state.quota.rule == SHARES:
            kernel.pass_shares(self.state, self._now)
            return
        kernel.pass_apart(self.state, self._now)
        self._advance = kernel.advance_apart  # from now on in the lane: there will be more of them

    def _pace(self) -> None:
        """Pause after fewer or more events next time: what one costs lies in the rules."""
        now_s = time.perf_counter()
        if now_s - self._paused_s > LONG_S:
            self._budget = max(self._budget // 4, 1)
        elif now_s - self._paused_s < SHORT_S:
            self._budget = min(self._budget * 2, BUDGET)
        self._paused_s = now_s
        self._due = int(self.state.face.n[EVENTS]) + self._budget

    def finish(self, horizon_s: float) -> None:
        """Run until all jobs have ended, the horizon comes, or nothing more can happen."""
        end = self.all_done
        if horizon_s < float("inf"):
            end = self.any_of([self.all_done, self.timeout(horizon_s - self._now)])
        try:
            self.run(until=end)
        except RuntimeError:  # SimPy: no scheduled events left; jobs wait for nodes that never come
            if end.triggered or self.peek() < float("inf"):
                raise

    def grow(self, rows: int) -> None:
        """Make room in the ledger."""
        self.state = self.state.replaced(ledger=longer(self.state.ledger, rows))

    def room(self, rows: int) -> None:
        """See to it that so many rows can be added by hand."""
        if self.state.ledger.n[0] + rows > self.state.ledger.job.size:
            self.grow(rows)

    def listen(self, tell: Callable[[], None]) -> None:
        """Call `tell` when a watched job starts or ends, and after nodes were taken from jobs."""
        self._listeners.append(tell)

    def tell(self) -> None:
        """Call those who listen."""
        for tell in self._listeners:
            tell()

    def done(self, job: int) -> simpy.Event:
        """Return an event that happens when `job` ends."""
        event = self._watchers.get(job)
        if event is None:
            event = self._watchers[job] = self.event()
            if self.state.jobs.state[job] > JobState.RUNNING:
                self._watchers.pop(job).succeed(job)
            else:
                self.state.jobs.watched[job] = True
        return event

    def _wake(self) -> None:
        """Let those who wait for jobs that have ended go on."""
        state = self.state.jobs.state
        for job in sorted(j for j in self._watchers if state[j] > JobState.RUNNING):
            self.state.jobs.watched[job] = False
            self._watchers.pop(job).succeed(job)
        self.tell()
        if self.state.face.n[LEFT] == 0 and not self.all_done.triggered:
            self.all_done.succeed()
