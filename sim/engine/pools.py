"""Prompts on one pool of replicas, decoding on another, both under way: two runs with a link.

Whoever looks at either takes both there: first the prompts, then what was sent by then, then the
decoding. Nothing goes the other way but requests whose replica was lost. Where requests have ranks,
both pools let in the lower first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.apart import Link
from sim.engine.ranked import Ranked
from sim.engine.serving import Run, ServiceSpec, tick
from sim.engine.step_time import ticks
from sim.engine.window import NONE, told
from sim.kernel.serving.between import (
    begun_elsewhere,
    begun_elsewhere_by_rank,
    come_again,
    hand_over,
    let_come,
)
from sim.state.fates import Fates, fates_of
from sim.state.serving import (
    ENDS,
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    H_REPLICA,
    NEVER,
    NEXT,
    Q_ARRIVAL,
    Q_END,
    SHED,
    TICKS_PER_S,
    TURNED_AWAY,
    with_rows,
)

I8 = NDArray[np.int64]


class Prompts(Run):
    """The pool that computes prompts: each request leaves it with its first token."""

    def __init__(
        self,
        spec: ServiceSpec,
        decodes: ServiceSpec,
        link: Link,
        arrival_s: Any,
        prompt: Any,
        output: Any,
        draws: tuple[Any, Any],
        rank: NDArray[np.int8] | None = None,
    ) -> None:
        """Take all requests in order of arrival; `draws` route them in the first pool, the second.

        `self.rest` is the second pool. `rank` says who goes first, if given: of `PromptsByRank`.
        """
        whole, output = np.asarray(prompt, np.int64), np.asarray(output, np.int64)
        super().__init__(spec, arrival_s, whole, np.ones_like(output), draws[0], rank)
        self.rank = rank
        self.left = output.copy()  # tokens to come from the prompt on, its own included
        self.context = whole.copy()  # tokens whose KV memory is sent
        self.link, self._open, self._come = link, NONE, 0
        self.tokens = 0  # whose KV memory was sent, or is on its way
        self.rest = self._rest(decodes, np.asarray(draws[1], np.int64))

    def _rest(self, spec: ServiceSpec, draw: I8) -> Decodes:
        """Return the second pool, without requests yet."""
        return Decodes(self, spec, draw)

    def advance(self, until_s: float | None = None) -> None:
        """Take both pools up to that instant, or to the end."""
        super().advance(until_s)
        q, h, come = self.service.q, self.service.h, int(self.service.clock[NEXT])
        there = np.concatenate((self._open, np.arange(self._come, come)))
        self._come = come
        ended, shed = q[there, Q_END] >= 0, h[there, H_REPLICA] == TURNED_AWAY
        self._open = there[~(ended | shed)]
        done = there[ended]
        on = done[self.left[done] > 1]
        self.tokens += int(self.context[on].sum())
        sent = q[on, Q_END] + ticks(self.link.times_s(self.context[on]))
        self.rest.take(on, sent, int(NEVER) if until_s is None else tick(until_s))
        Run.advance(self.rest, until_s)

    def far(self) -> tuple[int, int]:
        """Return how many requests were answered or shed in this pool, and how many there are."""
        alone = int(self.service.clock[ENDS]) - self.rest.sent
        return alone + int(self.service.clock[SHED]), self.window.n

    def over(self) -> bool:
        """Return whether all requests have come and been answered, or shed."""
        return super().over() and not len(self.rest.way) and self.rest.idle()

    def back_again(self, request: int, held: int, left: int, place: int, now: int) -> None:
        """Compute anew the prompt of a request with all `held` tokens of it; `left` are to come.

        The replica that it lost is that at `place` of the second pool.
        """
        come_again(self.service, request, held - int(self.context[request]), place, now)
        self.context[request], self.left[request] = held, left
        self._open = np.append(self._open, request)

    def fates(self, end_s: float) -> Fates:
        """Return what became of the requests that came before the end, as if of one pool."""
        room = fates_of(self.window.n, max(len(self.service.t), len(self.rest.service.t)))
        came = self.window.came(min(tick(end_s), int(NEVER)))
        return told(self.outcome(), NONE, True, room).part(slice(came))

    def outcome(self) -> I8:
        """Return the rows of the requests, (n, …), as if one pool had answered them."""
        q, rest = self.service.q.copy(), self.rest
        q[self.left > 1, Q_END] = -1
        h, of, end = q.view(np.int32), rest.of[: rest.many], rest.service.q[: rest.many, Q_END]
        rows = rest.service.h[: rest.many]
        np.add.at(h[:, H_PREEMPTED], of, rows[:, H_PREEMPTED])
        ended, had = end >= 0, rows[:, H_REPLICA] >= 0
        q[of[ended], Q_END] = end[ended]
        h[of[had], H_REPLICA] = rows[had, H_REPLICA]  # of a request's rows the last counts
        return q


class Decodes(Run):
    """The pool that decodes: requests come to it when their KV memory was sent.

    Source: DistServe (OSDI 2024), Splitwise (ISCA 2024).
    Neglects: that a transfer under way needs the replica it comes from; that a full pool holds back
    the first, whose memory its prompts would fill.
    """

    def __init__(self, first: Prompts, spec: ServiceSpec, draw: I8) -> None:
        """Begin without requests; they are those of the first pool."""
        self.first, self.draw = first, draw
        n = len(first.left)
        tokens = first.context, first.left
        super().__init__(replace(spec, joins=True), np.zeros(n), *tokens, NONE, first.rank)
        self.last_s = first.last_s
        self.service.q[:, Q_ARRIVAL] = NEVER
        self.of = np.empty(n, np.int64)  # the request of each row
        self.many = self.sent = 0  # rows so far; requests on their way or here, each time they come
        self.way, self._way_at = NONE, NONE  # requests under way, and when they will be here
        self._told = 0, 0.0, 0

    def take(self, on: I8, sent: I8, until: int) -> None:
        """Note requests whose KV memory will be here at ticks `sent`; those before `until` come."""
        self.sent += len(on)
        way, at = np.concatenate((self.way, on)), np.concatenate((self._way_at, sent))
        now = at < until
        self.way, self._way_at = way[~now], at[~now]
        way, at = way[now], at[now]
        order = np.lexsort((way, at))
        way, at = way[order], at[order]
        last = self.many + len(way)
        if last > len(self.of):
            self._grow(last)
        self.of[self.many : last] = way
        draw = self.draw[way] if len(self.draw) else NONE
        let_come(self.service, self.many, at, self.first.context[way], self.first.left[way], draw)
        if self.first.rank is not None:
            self.service.rank[self.many : last] = self.first.rank[way]
        self.many = last
        many, at_s, tokens = self._told
        at_s += float(at.sum(dtype=np.float64)) / TICKS_PER_S
        self._told = many + len(way), at_s, tokens + int(self.first.context[way].sum())

    def _grow(self, least: int) -> None:
        """Make room for requests that come a second time."""
        more = least - len(self.of) + 1024
        q = np.concatenate((self.service.q, np.full((more, self.service.q.shape[1]), -1)))
        q[-more:, Q_ARRIVAL] = NEVER
        rank = None if self.first.rank is None else np.resize(self.service.rank, len(q))
        self.service, self.of = with_rows(self.service, q, rank), np.resize(self.of, len(q))

    def came(self) -> tuple[int, float, int]:
        """Return how many came since the last asking, the sum of instants, tokens of prompts."""
        told, self._told = self._told, (0, 0.0, 0)
        return told

    def advance(self, until_s: float | None = None) -> None:
        """Take both pools up to that instant, or to the end."""
        self.first.advance(until_s)

    def far(self) -> tuple[int, int]:
        """Return how many requests were answered here; the first pool has them all."""
        return int(self.service.clock[ENDS]), 0

    def fates(self, end_s: float) -> Fates:
        """Return nothing; the first pool has them all."""
        del end_s
        return fates_of(0, 0)

    def idle(self) -> bool:
        """Return whether all that came was answered."""
        come = int(self.service.clock[NEXT]) == self.many
        return bool(come and not self.open_anywhere())

    def over(self) -> bool:
        """Return whether all requests have come and been answered, or shed."""
        return self.first.over()

    def _fresh(self, replica: int) -> I8:
        """Return which requests in a replica's queue have not decoded here yet, (k,)."""
        return np.asarray(begun_elsewhere(self.service, replica))

    def lose(self, replica: int, now_s: float) -> None:
        """A replica is no more: what it had starts anew with prompt and answer so far.

        All must be done up to `now_s`.
        """
        fresh = self._fresh(replica)
        super().lose(replica, now_s)
        rows = hand_over(self.service, fresh, tick(now_s))
        h = self.service.h
        for row in rows.tolist():
            held, left, place = h[row, [H_PROMPT, H_OUTPUT, H_REPLICA]].tolist()
            h[row, H_REPLICA] = -1  # from now on it is the first pool's again
            self.first.back_again(int(self.of[row]), held, left, place, tick(now_s))


class PromptsByRank(Prompts, Ranked):
    """The pool that computes prompts, of requests that have ranks; nobody waits at a door."""

    def _rest(self, spec: ServiceSpec, draw: I8) -> Decodes:
        """Return the second pool, without requests yet."""
        return DecodesByRank(self, spec, draw)


class DecodesByRank(Decodes, Ranked):
    """The pool that decodes, of requests that have ranks.

    The first of the lowest rank that has come is seated first. Where memory is full the last of the
    highest goes back, as if swapped out; with `displaces` also for one of a lower rank that waits.

    Source: as `Decodes`; by rank as `Ranked`. Neglects: what swapping out and in takes.
    """

    def _fresh(self, replica: int) -> I8:
        """Return which requests in a replica's queues have not decoded here yet, (k,)."""
        return np.asarray(begun_elsewhere_by_rank(self.service, replica))
