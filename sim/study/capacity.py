"""How many replicas of which GPUs a service needs: a closed form first, then the exact kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sim.engine.serving import columns
from sim.physics.batching import Batching, most_per_s, replicas_for, requests_of, tpot_s
from sim.physics.calibration import FITS, Key
from sim.physics.queueing import beta_of
from sim.physics.step_time import GPUS, MODELS, kv_tokens
from sim.state.services import Serving
from sim.study.ranks import plain_run, ranks_of
from sim.study.services import spec_of
from sim.workload.requests import Requests
from sim.workload.services import ModelReplica

MOST = 4096
"""More replicas are not tried."""
TOO_MANY = f"{MOST:,} replicas do not keep the SLO"
EDGE_FRAC = 0.1
"""Share of the requests at each end that is not judged: the service fills, then empties."""
ALIKE = ("batch", "chunked", "chunk_tokens", "prompt_tokens", "padded", "grow", "kv_spare_frac",
         "prefix_hit_frac")  # fmt: skip
"""Knobs of a replica that stay on another choice of hardware."""


class Found(NamedTuple):
    """One choice of hardware: what the closed form says of it, and what the kernel found."""

    key: Key | None  # GPU, model, GPUs a replica, bits, software; None: as it is configured
    each: int  # GPUs a replica
    most_per_s: float  # requests a second that one replica answers within the TPOT, in the mean
    tpot_s: float  # in the mean, at the replicas found; of the closed form
    mean: float  # replicas by the mean; inf: the SLO is below one step
    staffed: float  # replicas by square-root staffing
    replicas: int | None  # least that meets the SLO, exact; None: as many as MOST do not
    attained: float  # share of requests within the SLO, at those
    why: str = ""  # no number of replicas meets the SLO

    @property
    def gpus(self) -> int | None:
        """Return the GPUs of all replicas; None where no number of them meets the SLO."""
        return None if self.replicas is None else self.replicas * self.each


def window(given: Requests, window_s: float) -> slice:
    """Return the rows of the `window_s` in which most requests come."""
    last = np.searchsorted(given.arrival_s, given.arrival_s + window_s)
    first = int(np.argmax(last - np.arange(len(last))))
    return slice(first, int(last[first]))


def targets(of: Serving, given: Requests, rows: slice) -> np.ndarray:
    """Return the SLO of these requests by their classes: to the first token, a token, (2, n)."""
    slo = of.slo_ttft_s, of.slo_tpot_s
    each = np.array([of.slo_by_class.get(name, slo) for name in given.classes], np.float64)
    return each[given.klass[rows]].T


def busiest(given: Requests, window_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return arrivals from 0, prompts and outputs of the `window_s` in which most requests come."""
    rows = window(given, window_s)
    at_s = given.arrival_s[rows]
    return at_s - at_s[0], given.prompt[rows], given.output[rows]


def attained(
    of: Serving, replicas: int, at_s: np.ndarray, prompt: np.ndarray, output: np.ndarray,
    draw: np.ndarray, slo: np.ndarray | None = None, rank: np.ndarray | None = None,
) -> float:  # fmt: skip
    """Return the share of requests within both targets of the SLO, the edges left out.

    `slo`, (2, n), are targets of their own, else the service's; `rank`, (n,), who goes first.
    """
    run = plain_run(of, spec_of(of, replicas), (at_s, prompt, output), draw, rank)
    run.accepts[:] = 1
    run.advance()
    found = columns(run.service.q, output)
    ttft_s, tpot_s = (of.slo_ttft_s, of.slo_tpot_s) if slo is None else slo
    good = (found["ttft_s"] <= ttft_s) & (found["tpot_s"] <= tpot_s)
    edge = int(EDGE_FRAC * len(good))
    return float(good[edge : len(good) - edge].mean())


def least(meets: Callable[[int], bool], guess: int, most: int = MOST) -> int | None:
    """Return the least number that meets, from 1 to `most`; None if there is none.

    Steps that double from the guess, then halving: about 2 log2 of its error. Neglects: that one
    more replica may, by chance, meet it less.
    """
    at = min(max(guess, 1), most)
    step, low, high = max(1, at // 16), 0, most + 1
    while True:
        if meets(at):
            high, after = at, at - step
        else:
            low, after = at, at + step
        if (low > 0 and high <= most) or high == 1 or low == most:
            break
        at, step = min(max(after, 1), most), 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if meets(middle) else (middle, high)
    return high if high <= most else None


def moved(of: Any, key: Key) -> ModelReplica:
    """Return the replica of a choice of hardware, in all else like a replica or a service."""
    gpu, model, gpus, bits, software = key
    alike = {name: getattr(of, name) for name in ALIKE if hasattr(of, name)}
    return ModelReplica(model, gpu, gpus, bits, software, **alike)


def chosen(of: Serving, key: Key) -> Serving:
    """Return the service on another choice of hardware; its limits stay, its KV memory follows."""
    return of._replace(**moved(of, key).fill())


def fitting(model: str | None = None) -> list[Key]:
    """Return the rows of the table, of one model or all, whose model fits its GPUs."""
    return [
        key
        for key in FITS
        if model in (None, key[1]) and kv_tokens(MODELS[key[1]], GPUS[key[0]], *key[2:4]) > 0
    ]


def is_row(of: Serving) -> bool:
    """Return whether a service as it is configured is one of the choices of the table."""
    mine = of.decode_s, of.mixed_s, of.decode_more_s, of.mixed_more_s, of.gpus, of.kv_tokens
    rows = (chosen(of, key) for key in fitting())
    return any(
        mine == (r.decode_s, r.mixed_s, r.decode_more_s, r.mixed_more_s, r.gpus, r.kv_tokens)
        for r in rows
    )


def short(kv_tokens: int, longest: int) -> str:
    """Return that the KV memory of a replica does not hold the longest request, or nothing."""
    if longest <= kv_tokens:
        return ""
    return f"its KV memory holds {kv_tokens:,} tokens, the longest request has {longest:,}"


def search(
    of: Serving, given: Requests, keys: Sequence[Key | None], share: float = 0.99,
    window_s: float = 3600.0, seed: int = 1, exact: bool = True,
) -> Iterator[Found]:  # fmt: skip
    """Give each choice with the least replicas at which `share` of requests have the SLO.

    The busiest `window_s` of the requests is asked of each number of replicas, the same requests
    and the same draws each time; halving finds the least. Of a key None the service is as it is
    configured, with what tiles of tokens add to its steps in the exact kernel. Without `exact` the
    closed form alone: TPOT = d0 / (1 - rate s), and load + beta sqrt(load) replicas, beta that of a
    share waiting.

    Source: common random numbers (Law, Simulation Modeling and Analysis); square-root staffing
    (Halfin and Whitt 1981) as a guess.
    Neglects: cold starts, failures, scaling: so many must be ready in the busiest window; the
    closed forms look at the service's SLO alone, not at that of a class, nor at priorities, and
    miss what is found: by the mean 0 to 75 % fewer, by square root 57 % fewer (a step near the SLO)
    to 300 % more (few replicas), 175 cells of docs/capacity.md.
    """
    at_s, prompt, output = busiest(given, window_s)
    rows, rank = window(given, window_s), ranks_of(of, given)
    slo = targets(of, given, rows) if of.slo_by_class else None
    rank = None if rank is None else rank[rows]
    rate = len(at_s) / max(float(at_s[-1]), 1e-9)
    draw = np.random.default_rng(seed).integers(0, 2**62, len(at_s))
    like = requests_of(prompt, output)
    for key in keys:
        one = of if key is None else chosen(of, key)
        replica = Batching(one.decode_s, one.mixed_s, one.batch, one.kv_tokens)
        most = float(most_per_s(replica, like, of.slo_tpot_s))
        mean = float(replicas_for(replica, like, rate, of.slo_tpot_s))
        beta = beta_of(1.0 - share)
        staffed = float(replicas_for(replica, like, rate, of.slo_tpot_s, beta))
        met: dict[int, float] = {}

        def meets(n: int, one: Serving = one, met: dict[int, float] = met) -> bool:
            met[n] = attained(one, n, at_s, prompt, output, draw, slo, rank)
            return met[n] >= share

        why = short(one.kv_tokens - one.kv_spare_tokens, int((prompt + output).max()))
        if mean == np.inf:
            why = why or "a step of one sequence takes all the time that a token may"
        number = least(meets, int(min(mean, MOST))) if exact and not why else None
        if exact and number is None:
            why = why or TOO_MANY
        spread = number or (mean if mean < np.inf else 1.0)
        made = float(tpot_s(replica, like, rate / spread))
        yield Found(key, one.gpus, most, made, mean, staffed, number, met.get(number or 0, np.nan),
                    why)  # fmt: skip
