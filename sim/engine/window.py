"""The requests of a service as rows of its core: only those under way and the next to come.

A row is 40 bytes and what is left of a request 19: of 10^8 requests hardly any are under way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.kernel.serving.rows import fill
from sim.kernel.serving.window import close_up, tell
from sim.state.arrays import F8, I8, Ints
from sim.state.fates import Fates, fates_of
from sim.state.serving import NEVER, Q_COLUMNS, TICKS_PER_S, Service, with_rows

ROWS = 1 << 14
"""Requests that come into the window at a time: less than a megabyte of rows a service."""
NONE: I8 = np.zeros(0, np.int64)


def request_faults(kv_tokens: int, arrival_s: Any, prompt: Any, output: Any) -> list[str]:
    """Return what is wrong with the requests, each as `path: is …; must be …`."""
    found = []
    if not len(arrival_s) == len(prompt) == len(output):
        found.append("requests: columns differ in length; must be one value a request")
    elif len(prompt):
        if min(prompt.min(), output.min()) < 1:
            found.append("requests: a token count is below 1; must be at least 1")
        if (arrival_s[1:] < arrival_s[:-1]).any() or arrival_s[0] < 0 or arrival_s[-1] > 4e6:
            found.append("requests.arrival_s: must rise from 0 to at most 4e6 s")
        longest = max(
            int(np.add(prompt[k : k + ROWS], output[k : k + ROWS], dtype=np.int64).max())
            for k in range(0, len(prompt), ROWS)
        )
        if longest > kv_tokens:
            found.append(
                f"service.kv_tokens: is {kv_tokens}; must be at least {longest}, "
                "the largest request"
            )
    return found


def told(q: I8, of: I8, every: bool, fates: Fates) -> Fates:
    """Return what became of requests, written down in `fates`, wider if one needs it."""
    most = tell(q, every, of, *fates)
    if most > np.iinfo(fates.preempted.dtype).max:
        fates = fates._replace(preempted=fates.preempted.astype(np.int32))
        tell(q, every, of, *fates)
    return fates


class Window:
    """Which requests have rows, and what became of those that have none any more."""

    def __init__(
        self, arrival_s: F8, prompt: Ints, output: Ints, draw: I8, hit: float, rows: int | None,
        rank: NDArray[np.int8] | None = None,
    ) -> None:  # fmt: skip
        """Take all requests in order of arrival; `rows` get rows at a time, None: all at once.

        `draw` routes each, if not empty; `hit` is the share of a prompt that is not computed.
        `rank` says who goes first, if given.
        """
        self.n = len(prompt)
        self._rows = self.n if rows is None else rows
        self._given, self._draw, self._share = (arrival_s, prompt, output), draw, 1.0 - hit
        self._room: I8 = np.empty((0, Q_COLUMNS + bool(draw.size)), np.int64)
        self._rank, self._ranks = rank, np.empty(0, np.int8)  # of all, and of those with rows
        self._of, self._come = NONE, 0  # request of each row, none where they are the same
        self._fates: Fates | None = None
        self.due = int(NEVER)  # when the next comes that has no row yet

    def begin(self) -> tuple[I8, NDArray[np.int8] | None]:
        """Return the first rows, and their ranks if there are any."""
        return self._add(0)

    def _add(self, kept: int) -> tuple[I8, NDArray[np.int8] | None]:
        """Return so many rows as they are, and behind them those of the next requests."""
        first = self._come
        last = min(first + max(self._rows, kept), self.n)  # who are many double: a sum of moves
        new, most = slice(first, last), kept + last - first
        if most > len(self._room):
            before, self._room = self._room, np.empty((most, self._room.shape[1]), np.int64)
            self._room[:kept] = before[:kept]
        if first or last < self.n:
            self._of = np.concatenate((self._of[:kept], np.arange(first, last)))
        arrival_s, *tokens = (column[new] for column in self._given)
        prompt, output = (np.asarray(column, np.int32) for column in tokens)
        fill(self._room[kept:most], arrival_s, prompt, output, self._draw[new], self._share)
        self._come, self.due = last, self._tick(last) if last < self.n else int(NEVER)
        if self._rank is None:
            return self._room[:most], None
        self._ranks = np.concatenate((self._ranks[:kept], self._rank[new]))
        return self._room[:most], self._ranks

    def on(self, s: Service) -> Service:
        """Return the service with rows of the next requests in place of those that are done."""
        known = self._fates or fates_of(self.n, len(s.t))
        self._fates = told(s.q, self._of, False, known)
        return with_rows(s, *self._add(close_up(s, self._of)))

    def fates(self, s: Service, until: int) -> Fates:
        """Return what became of those that come before tick `until`; all must be done up to it."""
        made = told(s.q, self._of, True, self._fates or fates_of(self.n, len(s.t)))
        for column, never in zip(made, (-1, -1, -1, 0), strict=True):
            column[self._come :] = never  # nobody was there to take them
        return made.part(slice(self.came(until)))

    def came(self, until: int) -> int:
        """Return how many come before tick `until`; if that is never, all."""
        n = int(np.searchsorted(self._given[0], until / TICKS_PER_S))
        while n > 0 and self._tick(n - 1) >= until:  # ticks are rounded
            n -= 1
        while n < self.n and self._tick(n) < until:
            n += 1
        return self.n if until >= NEVER else n

    def _tick(self, request: int) -> int:
        """Return when a request comes."""
        return int(np.rint(float(self._given[0][request]) * TICKS_PER_S))
