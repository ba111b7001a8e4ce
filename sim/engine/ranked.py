"""A service whose requests have ranks: lower before higher, the last perhaps at the door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.serving import Run, ServiceSpec, tick
from sim.errors import ScenarioError
from sim.kernel.serving.lost import lose_by_rank
from sim.state.serving import (
    DOOR,
    DOOR_ENDS,
    DOOR_HEAD,
    GROW,
    H_OUTPUT,
    H_PROMPT,
    L_MANY,
    L_PARTLY,
    MOST_RANKS,
    PREFILL,
    R_FILLED,
    R_KIND,
    R_OPEN,
    R_SEATS,
    R_VIRTUAL,
)  # fmt: skip


class Ranked(Run):
    """A service under way whose requests have ranks, 0 before 1.

    On a replica the first of the lowest rank is let in first, and of the batch the last of the
    highest is the first to go back when memory is full; with `displaces` also when one of a lower
    rank finds no room. Those from the door go back for any other.

    Those of rank `door` nobody waits for: they stand in one list at the service's door, in order of
    arrival. A replica that accepts takes the first of them at the end of a step when nobody else
    waits for it, below `door_seats` sequences and `door_kv_tokens` in all. They go back to the
    door. Routes, shedding and what is read of a replica do not count them.

    Source: vLLM, `--scheduling-policy priority`: V1 preempts the last by (priority, arrival) when
    memory is full (v1/core/sched/scheduler.py), V0 also for one that waits (pull request 5958);
    the door: HyGen (arXiv 2501.14808), ConServe (arXiv 2410.01228), requests online and offline.
    Neglects: that a batch of them is made to fit what time the others leave; swapping.
    """

    def __init__(
        self, spec: ServiceSpec, arrival_s: Any, prompt: Any, output: Any, draw: Any, rank: Any,
        rows: int | None = None,
    ) -> None:  # fmt: skip
        """Take the requests in order of arrival, and the rank of each, (n,); `rows` as Run."""
        rank = np.asarray(rank, np.int8)
        if found := ranked_faults(spec, np.add(prompt, output, dtype=np.int64), rank):
            raise ScenarioError("\n".join(found))
        super().__init__(spec, arrival_s, prompt, output, draw, rank, rows)

    def lose(self, replica: int, now_s: float) -> None:
        """A replica is no more; its requests wait for another. All must be done up to `now_s`."""
        lose_by_rank(self.service, replica, tick(now_s))

    def _outside(self) -> NDArray[np.int64]:
        """Return the requests from the door on each replica."""
        door = int(self.service.rules[DOOR])
        lines = self.service.lines
        return lines[:, door, L_MANY] if 0 <= door < lines.shape[1] else np.zeros(len(lines), int)

    def outstanding(self, replica: int) -> int:
        """Return the requests that a replica has not answered yet, those from the door too."""
        return int(self.service.t[replica, R_OPEN] + self._outside()[replica])

    def open_anywhere(self) -> bool:
        """Return whether some replica has not answered all it has."""
        return super().open_anywhere() or bool(self._outside().any())

    def far(self) -> tuple[int, int]:
        """Return how many requests were answered or shed so far, and of how many."""
        many, of = super().far()
        return many + int(self.service.clock[DOOR_ENDS]), of

    def over(self) -> bool:
        """Return whether all requests have come and been answered, or shed."""
        return super().over() and self.service.clock[DOOR_HEAD] < 0

    def loads(self, replicas: Sequence[int]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return of these replicas the requests in batches and in queues, and KV tokens held.

        Those from the door count in none: their memory is free for who asks.
        """
        s, rows = self.service, list(replicas)
        batch, _, kv, steps = self._read(rows)
        halves = (s.lines[rows, :, L_PARTLY] > 0).sum(axis=1)
        batch = batch + halves - self._outside()[rows]
        return batch, s.t[rows, R_OPEN] - batch, kv - self._kv_outside(rows, steps)

    def _kv_outside(self, rows: Sequence[int], steps: NDArray[Any]) -> NDArray[np.int64]:
        """Return the KV tokens that requests from the door hold on these replicas, `steps` over."""
        s, held = self.service, np.zeros(len(rows), np.int64)
        door, grow = int(s.rules[DOOR]), bool(s.rules[GROW])
        if not 0 <= door < s.lines.shape[1]:
            return held
        for x, r in enumerate(rows):
            t = s.t[r]
            who, until = s.seats[r, : t[R_SEATS], 1], s.seats[r, : t[R_SEATS], 0]
            mine = s.rank[who] == door
            who, left = who[mine], until[mine] - t[R_VIRTUAL] - int(steps[x])
            whole = s.h[who, H_PROMPT].astype(np.int64) + s.h[who, H_OUTPUT]
            held[x] = int((whole - left * grow).sum())
            fresh = s.ready[r, : t[R_FILLED] if t[R_KIND] == PREFILL else 0]
            half = s.lines[r, door, [0]] if s.lines[r, door, L_PARTLY] > 0 else fresh[:0]
            others = np.concatenate([fresh[s.rank[fresh] == door], half])
            more = 1 if grow else s.h[others, H_OUTPUT].astype(np.int64)
            held[x] += int((s.h[others, H_PROMPT] + more).sum())
        return held


def ranked_faults(spec: ServiceSpec, size: Any, rank: NDArray[np.int8]) -> list[str]:
    """Return what is wrong with ranks and the door, each as `path: is …; must be …`."""
    found = []
    if len(rank) != len(size) or not 0 <= rank.min(initial=0) <= rank.max(initial=0) < MOST_RANKS:
        found.append(f"rank: must be one from 0 to {MOST_RANKS - 1} for each request")
    elif spec.joins and spec.door is not None:
        found.append("service.door: waits for replicas that compute prompts, these do not")
    elif spec.door is not None:
        if spec.door < int(rank.max(initial=0)):
            found.append(f"service.door: is {spec.door}; must be the last rank")
        most = int(size[rank == spec.door].max(initial=0))
        if most > (spec.door_kv_tokens or spec.kv_tokens) - spec.kv_spare_tokens:
            found.append(
                f"service.door_kv_tokens: is {spec.door_kv_tokens or spec.kv_tokens}; must be at "
                f"least {most}, the largest request at the door"
            )
    return found
