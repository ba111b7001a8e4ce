"""The face of the serving core: requests and a service in, one row a request out.

An autoscaler plugs in between two calls of `Run.advance`: it reads `Run.service`, changes
`Run.accepts`, and goes on. What has stopped accepting drains; it loses no request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.step_time import StepTime
from sim.engine.window import NONE, Window, request_faults, told
from sim.errors import ScenarioError
from sim.kernel.serving.advance import advance
from sim.kernel.serving.lost import drain, lose
from sim.kernel.serving.rows import loads
from sim.state.fates import MANY, Fates, fates_of
from sim.state.serving import (
    BACK,
    ENDS,
    NEVER,
    NEXT,
    Q_END,
    R_ACCEPTS,
    R_DUE,
    R_OPEN,
    R_SEATS,
    R_START,
    R_VIRTUAL,
    SHED,
    SINCE,
    TICKS_PER_S,
    service_of,
)

ROUTES = (
    "round_robin",
    "least_requests",
    "least_tokens",
    "two_choices",
    "affinity",
    "least_waiting",
)
DRAWN = ("two_choices", "affinity")
"""Routes that draw."""


@dataclass(frozen=True)
class ServiceSpec:
    """A service: its step time, its limits, how requests find a replica.

    `chunked` is Sarathi's rule with a budget of `chunk_tokens`, else prompts go first and whole, up
    to `prompt_tokens` a step, each `padded` to the longest of them if so. `grow` takes KV memory
    token by token and preempts the last that joined, else all is reserved at the start; so many
    `kv_spare_tokens` stay free whenever one is let in. `changes`
    are (time_s, replica, accepts): a cold start ends or a drain begins. Without changes all accept
    from the start. A request is shed if the replica it would go to has `most_open` outstanding.
    With `joins` prompts were computed elsewhere, and a request joins the batch between two steps.
    Those from `door` to `displaces` are of engine.ranked.

    Neglects: that padding is computed; it only counts against the limit.
    """

    step: StepTime
    replicas: int
    batch: int = 128
    chunked: bool = True
    chunk_tokens: int = 512
    prompt_tokens: int = 4096
    kv_tokens: int = 10**9
    grow: bool = False
    route: str = "round_robin"
    prefix_hit_rate: float = 0.0
    changes: Sequence[tuple[float, int, bool]] = ()
    most_open: int | None = None
    joins: bool = False
    door: int | None = None
    door_seats: int | None = None
    door_kv_tokens: int | None = None
    displaces: bool = False
    padded: bool = False
    kv_spare_tokens: int = 0


def faults(spec: ServiceSpec, arrival_s: Any, prompt: Any, output: Any) -> list[str]:
    """Return what is wrong, each as `path: is …; must be …`."""
    found = []
    if spec.route not in ROUTES:
        found.append(f"service.route: is {spec.route!r}; must be one of {', '.join(ROUTES)}")
    found += [
        f"service.{name}: is {getattr(spec, name)}; must be at least 1"
        for name in ("replicas", "batch", "chunk_tokens", "prompt_tokens", "kv_tokens")
        if getattr(spec, name) < 1
    ]
    if spec.batch > 4096:
        found.append(f"service.batch: is {spec.batch}; must be at most 4096")
    if not 0 <= spec.prefix_hit_rate < 1:
        found.append(f"service.prefix_hit_rate: is {spec.prefix_hit_rate}; must be in 0 to below 1")
    found += spec.step.faults()
    for at, replica, _ in spec.changes:
        if not 0 <= replica < spec.replicas or not 0 <= at <= 4e6:
            found.append(f"service.changes: is ({at}, {replica}); must be a time and a replica")
    return found + request_faults(spec.kv_tokens - spec.kv_spare_tokens, arrival_s, prompt, output)


def tick(value_s: float) -> int:
    """Return an instant as whole picoseconds."""
    return round(float(value_s) * TICKS_PER_S)


class Run:
    """A service under way."""

    def __init__(
        self,
        spec: ServiceSpec,
        arrival_s: Any,
        prompt: Any,
        output: Any,
        draw: Any,
        rank: NDArray[np.int8] | None = None,
        rows: int | None = None,
    ) -> None:
        """Take the requests in order of arrival; `draw` in 0 to 2^62 routes them, if not empty.

        So many `rows` at a time: `service.q` has those under way and to come, without `rows` all.
        `rank` says who goes first, if given: see engine.ranked.
        """
        prompt, output = np.asarray(prompt), np.asarray(output)
        found = faults(spec, np.asarray(arrival_s), prompt, output)
        if found:
            raise ScenarioError("\n".join(found))
        draw = np.asarray(draw, np.int64)
        if spec.route not in DRAWN:
            draw = draw[:0]
        elif not draw.size:
            draw = np.zeros(len(prompt), np.int64)
        at_s, hit = np.ascontiguousarray(arrival_s, np.float64), float(spec.prefix_hit_rate)
        self.window = Window(at_s, prompt, output, draw, hit, rows, rank)
        rules = np.concatenate(
            [
                spec.step.rules(),
                [spec.batch, spec.chunk_tokens, spec.prompt_tokens, spec.kv_tokens],
                [spec.chunked, spec.grow, ROUTES.index(spec.route), spec.most_open or NEVER],
                [spec.joins, -1 if spec.door is None else spec.door],
                [min(spec.door_seats or spec.batch, spec.batch)],
                [min(spec.door_kv_tokens or spec.kv_tokens, spec.kv_tokens)],
                [spec.displaces, spec.padded, spec.kv_spare_tokens],
            ]
        ).astype(np.int64)
        ranks = 1 if rank is None else int(rank.max(initial=0)) + 1
        first, mine = self.window.begin()
        more = spec.step.more()
        self.service = service_of(first, spec.replicas, spec.batch, rules, more, mine, ranks)
        self.step = tick(spec.step.least_s())  # no step is below it
        self.last_s = float(at_s[-1]) if len(at_s) else 0.0  # when the last request comes
        self.accepts = self.service.t[:, R_ACCEPTS]

    def advance(self, until_s: float | None = None) -> None:
        """Take all replicas up to that instant, or to the end."""
        until, window = (
            int(NEVER) if until_s is None else min(tick(until_s), int(NEVER)),
            self.window,
        )
        while window.due < until and self.accepts.any():
            if window.due > self.service.clock[SINCE]:
                advance(self.service, window.due)
            self.service = window.on(self.service)
        advance(self.service, until)

    def outstanding(self, replica: int) -> int:
        """Return the requests that a replica has not answered yet."""
        return int(self.service.t[replica, R_OPEN])

    def drain(self, replica: int, now_s: float) -> None:
        """A replica takes no more requests. All must be done up to `now_s`."""
        drain(self.service, replica, tick(now_s))

    def lose(self, replica: int, now_s: float) -> None:
        """A replica is no more; its requests wait for another. All must be done up to `now_s`."""
        lose(self.service, replica, tick(now_s))

    def far(self) -> tuple[int, int]:
        """Return how many requests were answered or shed so far, and of how many."""
        return int(self.service.clock[[ENDS, SHED]].sum()), self.window.n

    def over(self) -> bool:
        """Return whether all requests have come and been answered, or shed."""
        s = self.service
        come = s.clock[NEXT] == len(s.q) and self.window.due >= NEVER
        return bool(come and s.clock[BACK] < 0) and not self.open_anywhere()

    def fates(self, end_s: float) -> Fates:
        """Return what became of the requests that came before the end, up to which all is done."""
        return self.window.fates(self.service, min(tick(end_s), int(NEVER)))

    def open_anywhere(self) -> bool:
        """Return whether some replica has not answered all it has."""
        return bool(self.service.t[:, R_OPEN].any())

    def emptied_s(self, replica: int) -> float:
        """Return an instant before which a replica cannot have answered all it has."""
        s = self.service
        t = s.t[replica]
        seats = int(t[R_SEATS])
        left = int(s.seats[replica, :seats, 0].max() - t[R_VIRTUAL]) if seats else 0
        return max(int(t[R_DUE]), int(t[R_START]) + left * self.step) / TICKS_PER_S

    def loads(self, replicas: Sequence[int]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return of these replicas the requests in batches and in queues, and KV tokens held."""
        batch, queue, kv, _ = self._read(replicas)
        return batch, queue, kv

    def _read(self, replicas: Sequence[int]) -> NDArray[Any]:
        """Return the same, and the steps of the run under way that are over, (4, n)."""
        made = np.empty((4, len(replicas)))
        loads(self.service, np.array(replicas, np.int64), made)
        return made

    def back(self) -> int:
        """Return how many requests wait for another replica than the one they had."""
        i, many = int(self.service.clock[BACK]), 0
        while i >= 0:
            i, many = -2 - int(self.service.q[i, Q_END]), many + 1
        return many


def played(spec: ServiceSpec, run: Run) -> Run:
    """Return the run taken to its end, with the changes it was told."""
    if not spec.changes:
        run.accepts[:] = 1
    for at, replica, accepts in sorted(spec.changes):
        run.advance(at)
        run.accepts[replica] = accepts
    run.advance()
    return run


def columns(q: NDArray[np.int64], output: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return columns by request as `serve`, of rows of the core."""
    fates = told(q, NONE, True, fates_of(len(q), MANY))
    names = "ttft_s", "tpot_s", "e2e_s"
    times = dict(zip(names, fates.times(output), strict=True))
    return times | {"replica": fates.place, "preemptions": fates.preempted}


def serve(
    spec: ServiceSpec, arrival_s: Any, prompt: Any, output: Any, draw: Any | None = None
) -> dict[str, NDArray[Any]]:
    """Return columns by request: ttft_s, tpot_s, e2e_s, replica, preemptions; NaN if never served.

    tpot_s is (e2e - ttft) / (output - 1), 0 for a single token. A prefix cache hit takes its tokens
    from the prompt. Neglects: that cached tokens still are context and hold KV memory.
    """
    run = Run(spec, arrival_s, prompt, output, np.zeros(0, np.int64) if draw is None else draw)
    return columns(played(spec, run).service.q, np.asarray(output))
