"""Serving step by step, by a table of measured step times where no line fits them.

Slower by some hundred times than `serving`: for a user's own table, and to check a fit by.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.apart import Link
from sim.errors import ScenarioError

F8 = NDArray[np.float64]


def along(at: Sequence[float], value: Sequence[float], most: int) -> F8:
    """Return the values at 0, 1, … `most`: straight between the points, and beyond them onwards."""
    x, y = np.asarray(at, np.float64), np.asarray(value, np.float64)
    if len(x) != len(y) or len(x) < 2 or (np.diff(x) <= 0).any():
        raise ScenarioError(
            [f"table: has points at {list(at)!r}; must have two or more, rising, and a value each"]
        )
    every = np.arange(most + 1.0)
    left = np.clip(np.searchsorted(x, every, "right") - 1, 0, len(x) - 2)
    slope = (y[left + 1] - y[left]) / (x[left + 1] - x[left])
    return np.asarray(y[left] + slope * (every - x[left]), np.float64)


@dataclass(frozen=True)
class StepTable:
    """What a step takes: of prompts by their tokens, of decoding by its sequences.

    A step with both takes `mixed_factor` times the step of prompts with as many tokens as both.
    """

    prompt_tokens: Sequence[float]
    prompt_s: Sequence[float]
    sequences: Sequence[float]
    decode_s: Sequence[float]
    mixed_factor: float = 1.0


@dataclass
class _Replica:
    """One replica: prompts that wait, sequences that decode, the step under way."""

    prompts: deque[int] = field(default_factory=deque)
    came: list[int] = field(default_factory=list)  # whose prompts were computed elsewhere
    seats: dict[int, int] = field(default_factory=dict)  # request: decode step at which it ends
    taken: list[int] = field(default_factory=list)
    steps: int = 0  # decode steps done
    ends: int = 0  # the first at which a sequence ends
    ran: bool = False  # the step under way decodes
    due_s: float = np.inf
    load: int = 0  # prompt tokens that wait or are computed, and requests not answered


class Tables:
    """Replicas that step by a table; each does all, or some do prompts and the others decode."""

    def __init__(
        self, table: StepTable, prompts: int, decodes: int, budget: int, batch: int, link: Link
    ) -> None:
        """Take `prompts` replicas for prompts, `decodes` for decoding; 0 of these: each does both.

        At most `budget` tokens a step, of prompts first and whole, one at least; `batch` sequences.
        """
        self.apart, self.budget, self.batch, self.link = decodes > 0, budget, batch, link
        self.pool = [_Replica() for _ in range(prompts + decodes)]
        self.front, self.back = self.pool[:prompts], self.pool[prompts:] or self.pool[:prompts]
        self.factor = table.mixed_factor
        self.table = table

    def begin(self, r: _Replica, now_s: float) -> None:
        """Start the next step of a replica, if there is one."""
        for i in r.came:
            self.join(r, i)
        r.came.clear()
        total, many = 0, len(r.seats)
        while r.prompts and len(r.taken) < self.batch:
            tokens = int(self.prompt[r.prompts[0]])
            if r.taken and total + tokens > self.budget:
                break
            total += tokens
            r.taken.append(r.prompts.popleft())
        room = self.batch
        if r.taken:
            room = max(min(self.budget - total, self.batch - len(r.taken)), 0)
        if many > room > 0:  # the last to join wait a step
            for i in list(r.seats)[room:]:
                r.seats[i] += 1
            r.ends = min(r.seats.values())
        many = min(many, room)
        r.ran = many > 0
        if r.taken:
            step_s = self.prompt_s[total + many] * (self.factor if many else 1.0)
        elif many:
            step_s = self.decode_s[many]
        else:
            r.due_s = np.inf
            return
        r.due_s = now_s + step_s

    def join(self, r: _Replica, i: int) -> None:
        """Seat a request whose first token is there."""
        r.seats[i] = r.steps + int(self.output[i]) - 1
        r.ends = min(r.ends, r.seats[i]) if len(r.seats) > 1 else r.seats[i]

    def finish(self, r: _Replica, now_s: float) -> list[int]:
        """Book the step that ends now; return the requests to be sent to another replica."""
        sent = []
        if r.ran:
            r.steps += 1
            if r.ends <= r.steps:
                for i in [i for i, end in r.seats.items() if end <= r.steps]:
                    del r.seats[i]
                    self.end_s[i] = now_s
                    r.load -= 1
                r.ends = min(r.seats.values(), default=0)
        for i in r.taken:
            self.first_s[i] = now_s
            r.load -= int(self.prompt[i])
            if self.output[i] == 1:
                self.end_s[i] = now_s
            elif self.apart:
                sent.append(i)
            else:
                self.join(r, i)
                continue
            r.load -= 0 if self.apart else 1
        r.taken.clear()
        return sent

    def serve(self, arrival_s: Any, prompt: Any, output: Any) -> dict[str, NDArray[Any]]:
        """Return columns by request as `serving.serve`: ttft_s, tpot_s, e2e_s.

        A request goes to the replica with the fewest prompt tokens and requests outstanding, the
        first of equals. Neglects: KV memory.
        """
        self.prompt, self.output = np.asarray(prompt, np.int64), np.asarray(output, np.int64)
        arrival_s, n = np.asarray(arrival_s, np.float64), len(self.prompt)
        most = max(int(self.prompt.max(initial=1)), self.budget) + self.batch
        self.prompt_s = along(self.table.prompt_tokens, self.table.prompt_s, most)
        self.decode_s = along(self.table.sequences, self.table.decode_s, self.batch)
        self.first_s, self.end_s = np.full(n, np.nan), np.full(n, np.nan)
        sends = self.link.times_s(self.prompt)
        events = [(float(at_s), 0, i, i) for i, at_s in enumerate(arrival_s)]  # sorted: a heap
        count = n
        while events:
            now_s, what, _, i = heapq.heappop(events)
            if what == 1:
                r = self.pool[i]
                for sent in self.finish(r, now_s):
                    heapq.heappush(events, (now_s + float(sends[sent]), 2, count, sent))
                    count += 1
            elif what == 0:
                r = min(self.front, key=lambda one: one.load)
                r.load += int(self.prompt[i]) + (0 if self.apart else 1)
                r.prompts.append(i)
            else:
                r = min(self.back, key=lambda one: one.load)
                r.load += 1
                r.came.append(i)
            if what == 1 or r.due_s == np.inf:
                self.begin(r, now_s)
                if r.due_s < np.inf:
                    heapq.heappush(events, (r.due_s, 1, count, self.pool.index(r)))
                    count += 1
        ttft, e2e = self.first_s - arrival_s, self.end_s - arrival_s
        later = np.maximum(self.output - 1, 1)
        return {"ttft_s": ttft, "tpot_s": (e2e - ttft) / later, "e2e_s": e2e}
