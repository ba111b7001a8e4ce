"""Serving step by step where a step takes so many tokens of context at most: others wait a turn.

Slower by some hundred times than `serving`, whose batch decodes together; its steps may also be of
two kinds, for small batches and for large ones.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.apart import Link
from sim.engine.step_time import StepTime


@dataclass(frozen=True)
class TurnSpec:
    """Replicas alike: their step times and limits.

    A step of `large_from` sequences or more takes what `large` says. It takes `context_tokens` of
    those that decode at most, with the token each gets, and `prompt_tokens` of prompts. No prompt
    is begun while those that decode have more than `full_tokens` of context.

    Neglects: of a step time what comes beside its line.
    """

    step: StepTime
    replicas: int = 1
    prompt_tokens: int = 10**7
    context_tokens: int = 10**7
    large: StepTime | None = None
    large_from: int = 1 << 62
    full_tokens: int = 1 << 62


@dataclass(eq=False)
class _Replica:
    """One replica: prompts that wait, sequences in turn, who is in the step under way."""

    spec: TurnSpec
    prompts: deque[int] = field(default_factory=deque)
    ring: deque[int] = field(default_factory=deque)
    taken: list[int] = field(default_factory=list)  # its prompts in the step
    went: list[int] = field(default_factory=list)  # its sequences in the step
    tokens: int = 0  # context of those in the ring
    busy: bool = False


class Turns:
    """Replicas that compute prompts first and whole, and decode in turn; or two pools of them.

    A step takes from the front of the ring as long as there is room; who then is not done goes to
    its end, behind those that came meanwhile. A request goes where fewest wait, of prompts those
    under way too; the first of equals.

    Source: DistServe (OSDI 2024), its simulator, LLMServe/DistServe (Apache-2.0), simdistserve: its
    decoding takes 50,000 tokens a step, and no prompt is begun beyond 9 million. Neglects: KV
    memory; that a full pool holds back the first.
    """

    def __init__(
        self, prompts: TurnSpec, decodes: TurnSpec | None = None, link: Link | None = None
    ):
        """Take one pool that does both, or two."""
        self.link, self.apart = link or Link(), decodes is not None
        self.front = [_Replica(prompts) for _ in range(prompts.replicas)]
        both = prompts if decodes is None else decodes
        self.back = [_Replica(both) for _ in range(both.replicas)] if self.apart else self.front

    def serve(self, arrival_s: Any, prompt: Any, output: Any) -> dict[str, NDArray[Any]]:
        """Return columns by request as `serving.serve`: ttft_s, tpot_s, e2e_s."""
        self.prompt, self.left = np.array(prompt, np.int64), np.array(output, np.int64) - 1
        at_s, n = np.asarray(arrival_s, np.float64), len(self.prompt)
        self.context = self.prompt + 1  # with the token that its next step is of
        self.first_s, self.end_s = np.full(n, np.nan), np.full(n, np.nan)
        self.events: list[tuple[float, int, int, Any]] = [
            (float(at_s[i]), i, 0, i) for i in range(n)
        ]
        heapq.heapify(self.events)
        self.count, sends_s = n, self.link.times_s(self.prompt)
        while self.events:
            now_s, _, what, of = heapq.heappop(self.events)
            if what == 0:
                r = min(self.front, key=lambda one: len(one.taken) + len(one.prompts))
                r.prompts.append(of)
            elif what == 1:
                r = min(self.back, key=lambda one: len(one.taken) + len(one.ring))
                self.turn(r, of)
            else:
                r = of
                for i in self.finish(r, now_s) if what == 2 else ():
                    self.later(now_s + float(sends_s[i]), 1, i)
            if what >= 2 and not r.busy:
                self.begin(r, now_s)
            elif not r.busy:  # when all have come that come now
                self.later(now_s, 3, r)
        ttft, e2e = self.first_s - at_s, self.end_s - at_s
        later = np.maximum(np.asarray(output, np.int64) - 1, 1)
        return {"ttft_s": ttft, "tpot_s": (e2e - ttft) / later, "e2e_s": e2e}

    def turn(self, r: _Replica, i: int) -> None:
        """Put a sequence to the end of a ring."""
        r.ring.append(i)
        r.tokens += int(self.context[i]) - 1

    def later(self, at_s: float, what: int, of: Any) -> None:
        """Note an event."""
        heapq.heappush(self.events, (at_s, self.count, what, of))
        self.count += 1

    def begin(self, r: _Replica, now_s: float) -> None:
        """Start the next step of a replica, if there is one."""
        room = r.spec.prompt_tokens if r.tokens <= r.spec.full_tokens else 0
        while r.prompts and self.prompt[r.prompts[0]] <= room:
            room -= int(self.prompt[r.prompts[0]])
            r.taken.append(r.prompts.popleft())
        if r.taken:
            many = self.prompt[r.taken]
            p0, each, square, *_ = r.spec.step.mixed_s
            takes_s = p0 + each * float(many.sum()) + square * float((many**2).sum())
        else:
            room = r.spec.context_tokens
            while r.ring and self.context[r.ring[0]] <= room:
                room -= int(self.context[r.ring[0]])
                r.tokens -= int(self.context[r.ring[0]]) - 1
                r.went.append(r.ring.popleft())
            if not r.went:
                return
            large = r.spec.large if len(r.went) >= r.spec.large_from else None
            d0, each, token = (large or r.spec.step).decode_s
            takes_s = d0 + each * len(r.went) + token * float(self.context[r.went].sum())
        r.busy = True
        self.later(now_s + takes_s, 2, r)

    def finish(self, r: _Replica, now_s: float) -> list[int]:
        """Book the step that ends now; return the requests to be sent to the other pool."""
        r.busy, sent = False, list[int]()
        for i in r.taken:
            self.first_s[i] = now_s
            if self.left[i] == 0:
                self.end_s[i] = now_s
            elif self.apart:
                sent.append(i)
            else:
                self.turn(r, i)
        for i in r.went:
            self.left[i] -= 1
            self.context[i] += 1
            if self.left[i] == 0:
                self.end_s[i] = now_s
            else:
                self.turn(r, i)
        r.taken, r.went = [], []
        return sent
