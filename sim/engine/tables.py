"""Serving step by step, by a table of measured step times where no line fits them.

Slower by some hundred times than `serving`: for a user's own table, and to check a fit by.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.apart import Link
from sim.engine.table_replica import Limits, Part, Replica
from sim.errors import ScenarioError

F8 = NDArray[np.float64]
COMES, ENDS, SENDS, SENT = range(4)
AGAIN_S = 1.0
"""After this it is tried again to send what had no room."""


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


@dataclass(frozen=True)
class PoolRules:
    """When pools lend, and who goes first; without limits none does.

    kv_tokens : held by a replica at most; what has no room is sent a second later.
    queue_tokens : a list is long where somebody waits and prompt tokens not done would be above.
    most_passed : who was passed over by so many steps goes first.
    """

    kv_tokens: float = np.inf
    queue_tokens: float = np.inf
    most_passed: float = np.inf


class Tables:
    """Replicas that step by a table; each does all, or some do prompts and the others decode.

    A request goes where fewest prompt tokens and answers are not done. Of two pools it is told both
    its replicas as it comes: the second has least KV memory promised. Where the first's list is
    long, or the second's memory is promised away, one of the other pool is lent and does both until
    it is empty; where none can be lent, the least loaded of all does the whole request.

    Source: Splitwise (ISCA 2024), 4.2, the mixed pool; its simulator Mutinifni/splitwise-sim
    (MIT), token_jsq and mixed_pool. Neglects: that memory of an answer grows step by step.
    """

    def __init__(
        self, table: StepTable, prompts: int, decodes: int, budget: int, batch: int, link: Link,
        rules: PoolRules | None = None,
    ) -> None:  # fmt: skip
        """Take `prompts` replicas for prompts, `decodes` for decoding; 0 of these: each does both.

        At most `budget` tokens a step, of prompts first and whole, one at least; `batch` parts of
        requests.
        """
        self.apart, self.link, self.table = decodes > 0, link, table
        self.rules = rules or PoolRules()
        may = Limits(budget, batch, self.rules.kv_tokens, self.rules.most_passed)
        self.all = [Replica(may, self.takes_s, int(i >= prompts)) for i in range(prompts + decodes)]
        self.pools = [[r for r in self.all if r.home == pool] for pool in (0, 1)]
        self.lent: list[Replica] = []

    def takes_s(self, tokens: int, answers: int) -> float:
        """Return what a step of so many prompt tokens and answers takes."""
        if not tokens:
            return float(self.decode_s[answers])
        return float(self.prompt_s[tokens + answers]) * (
            self.table.mixed_factor if answers else 1.0
        )

    def for_prompt(self, some: list[Replica], tokens: int) -> Replica | None:
        """Return the least loaded of some replicas; None if its list is long."""
        best = min(some, key=lambda r: r.load, default=None)
        long = best and best.waits and best.load + tokens > self.rules.queue_tokens
        return None if long else best

    def for_answer(self, some: list[Replica], size: int) -> Replica | None:
        """Return the one with least KV memory promised; None if it has no room for so much."""
        best = min(some, key=lambda r: r.promised, default=None)
        full = best and best.promised + size >= best.may.kv_tokens
        return None if full else best

    def lend(self, home: int, by: str) -> Replica | None:
        """Let the replica of a pool with the least `by` do both from now on, and return it."""
        pool = self.pools[home]
        if not pool:
            return None
        best = min(pool, key=lambda r: getattr(r, by))
        pool.remove(best)
        self.lent.append(best)
        return best

    def routed(self, tokens: int, size: int) -> tuple[Replica, Replica]:
        """Return who computes a prompt of so many tokens, and who answers; `size` in KV tokens."""
        if not self.apart:
            best = min(self.all, key=lambda r: r.load)
            return best, best
        ahead, behind = self.for_prompt(self.pools[0], tokens), self.for_answer(self.pools[1], size)
        ahead = ahead or self.for_prompt(self.lent, tokens)
        behind = behind or self.for_answer(self.lent, size)
        ahead = ahead or self.lend(1, "load")
        behind = behind or self.lend(0, "promised")
        if ahead is None or behind is None:
            ahead = min([*self.pools[0], *self.lent, *self.pools[1]], key=lambda r: r.load)
            behind = ahead
        return ahead, behind

    def serve(self, arrival_s: Any, prompt: Any, output: Any) -> dict[str, NDArray[Any]]:
        """Return columns by request as `serving.serve`: ttft_s, tpot_s, e2e_s; NaN if never served.

        Once only for each object.
        """
        self.prompt, self.output = np.asarray(prompt, np.int64), np.asarray(output, np.int64)
        arrival_s, n, may = np.asarray(arrival_s, np.float64), len(self.prompt), self.all[0].may
        most = max(int(self.prompt.max(initial=1)), may.budget) + may.batch
        self.prompt_s = along(self.table.prompt_tokens, self.table.prompt_s, most)
        self.decode_s = along(self.table.sequences, self.table.decode_s, may.batch)
        self.first_s, self.end_s = np.full(n, np.nan), np.full(n, np.nan)
        self.sends_s = self.link.times_s(self.prompt)
        self.events = [(float(at_s), i, COMES, i) for i, at_s in enumerate(arrival_s)]
        heapq.heapify(self.events)
        self.count, self.both = n, dict[int, tuple[Replica, Replica]]()
        told = dict.fromkeys(range(len(self.all)), np.inf)
        does = {COMES: self.come, SENDS: self.send, SENT: self.arrive}
        while self.events:
            now_s, _, what, i = heapq.heappop(self.events)
            if what != ENDS:
                does[what](i, now_s)
            elif now_s == self.all[i].due_s:
                told[i] = np.inf
                self.finish(self.all[i], now_s)
            for k, r in enumerate(self.all):
                if r.due_s not in (told[k], np.inf):
                    told[k] = r.due_s
                    self.later(r.due_s, ENDS, k)
        ttft, e2e = self.first_s - arrival_s, self.end_s - arrival_s
        later = np.maximum(self.output - 1, 1)
        return {"ttft_s": ttft, "tpot_s": (e2e - ttft) / later, "e2e_s": e2e}

    def later(self, at_s: float, what: int, i: int) -> None:
        """Note an event."""
        heapq.heappush(self.events, (at_s, self.count, what, i))
        self.count += 1

    def come(self, i: int, now_s: float) -> None:
        """Find a request's replicas; the first takes its prompt."""
        tokens, rest = int(self.prompt[i]), int(self.output[i]) - 1
        ahead, behind = self.routed(tokens, tokens + 1 + rest)
        behind = behind if rest else ahead  # a single token is there with the prompt
        self.both[i] = ahead, behind
        for r in {id(r): r for r in (ahead, behind)}.values():
            r.promised += tokens + 1
        behind.promised += rest
        ahead.load += tokens
        behind.load += min(rest, 1)
        ahead.come(Part(i, True, tokens, 1, tokens + 1), now_s)
        if ahead is behind and rest:
            ahead.come(self.answer(i), now_s)

    def answer(self, i: int) -> Part:
        """Return what is left of a request after its first token."""
        rest = int(self.output[i]) - 1
        return Part(i, False, 1, rest, rest)

    def finish(self, r: Replica, now_s: float) -> None:
        """Book a run of steps that ends now, and begin the next; who is empty goes home."""
        for part in r.end():
            i = part.request
            r.load -= part.tokens
            if part.prompt:
                self.first_s[i] = now_s
            if not part.prompt or self.output[i] == 1:
                self.end_s[i] = now_s
                self.free(r, int(self.prompt[i] + self.output[i]))
            elif self.both[i][1] is not r:
                self.send(i, now_s)
        r.begin(now_s)
        if not r.parts and r in self.lent:
            self.lent.remove(r)
            self.pools[r.home].append(r)

    def free(self, r: Replica, tokens: int) -> None:
        """Give KV memory back."""
        r.held -= tokens
        r.promised -= tokens

    def send(self, i: int, now_s: float) -> None:
        """Send a request's KV memory to the replica that answers; a second later, if it is full."""
        behind, tokens = self.both[i][1], int(self.prompt[i]) + 1
        if behind.held + tokens > behind.may.kv_tokens:
            self.later(now_s + AGAIN_S, SENDS, i)
            return
        behind.held += tokens
        self.later(now_s + float(self.sends_s[i]), SENT, i)

    def arrive(self, i: int, now_s: float) -> None:
        """Take a request's KV memory; where it came from there is room again."""
        ahead, behind = self.both[i]
        self.free(ahead, int(self.prompt[i]) + 1)
        behind.come(self.answer(i), now_s)
        ahead.look(now_s)
