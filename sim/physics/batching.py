"""Continuous batching in closed form: the first screening of a service."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.physics.queueing import F8

NOTHING_S = 1e-300
"""Stands for no time at all: answers of one token take none of a pool that only decodes."""


class Requests(NamedTuple):
    """What requests are like, in means over them."""

    prompt: F8  # tokens
    prompt_square: F8  # tokens squared
    output: F8  # tokens
    context: F8  # tokens that a sequence holds while it decodes, mean over its steps


def requests_of(prompt: np.ndarray, output: np.ndarray) -> Requests:
    """Return the means of requests given one by one, (n,), n >= 1."""
    prompt, output = np.asarray(prompt, np.float64), np.asarray(output, np.float64)
    steps = output - 1.0
    context = (steps * (prompt + output / 2.0)).sum() / max(steps.sum(), 1.0)
    return Requests(prompt.mean(), (prompt**2).mean(), output.mean(), context)


def requests_like(prompt: F8, output: F8, cv: F8 = 1.0) -> Requests:
    """Return about the same from means alone: lengths spread by `cv`, independent of each other.

    Neglects: that a decoding sequence takes one step fewer than it has output tokens.
    """
    prompt, output = np.asarray(prompt, np.float64), np.asarray(output, np.float64)
    wide = 1.0 + np.asarray(cv, np.float64) ** 2
    return Requests(prompt, prompt**2 * wide, output, prompt + output * wide / 2.0)


class Batching(NamedTuple):
    """A replica: its step time, as StepTime of the serving core, and its limits."""

    decode_s: tuple[float, float, float]  # d0 + dD D + dC C
    mixed_s: tuple[float, float, float, float, float]  # p0 + pP P + pS S + pD D + pC C
    batch: int
    kv_tokens: int


def request_s(replica: Batching, of: Requests) -> F8:
    """Return the seconds of its replica that one more request takes.

    s = (o - 1) (dD + dC c) + pP p + pS E[p^2].

    Source: own derivation; within 0.6 to 4.3 % of the exact model below the batch limit.
    Neglects: p0 - d0 of the steps that carry prompts; what tiles of tokens add to a step, as
    `bends` has it; priorities.
    """
    _, each, token = replica.decode_s
    decode = np.maximum(of.output - 1.0, 0.0) * (each + token * of.context)
    return decode + replica.mixed_s[1] * of.prompt + replica.mixed_s[2] * of.prompt_square


def tpot_s(replica: Batching, of: Requests, rate_per_s: F8) -> F8:
    """Return the mean time per output token at a rate to one replica: d0 / (1 - rate s).

    inf where the rate is too high, or more sequences decode than the batch or the KV memory holds.

    Source: processor sharing with a fixed part per step: own derivation.
    Neglects: chance; TTFT; steps that stop for whole prompts.
    """
    rate_per_s = np.asarray(rate_per_s, np.float64)
    spare = 1.0 - rate_per_s * request_s(replica, of)
    slow = np.where(spare > 0.0, replica.decode_s[0] / np.where(spare > 0.0, spare, 1.0), np.inf)
    decoding = rate_per_s * np.maximum(of.output - 1.0, 0.0) * slow
    return np.where(decoding <= seats(replica, of), slow, np.inf)


def seats(replica: Batching, of: Requests) -> F8:
    """Return how many sequences decode at most: min(batch, KV tokens / context)."""
    return np.minimum(replica.batch, replica.kv_tokens / np.maximum(of.context, 1.0))


def most_per_s(replica: Batching, of: Requests, slo_s: float) -> F8:
    """Return the requests per second that one replica answers within a TPOT of `slo_s`.

    min((1 - d0 / slo) / s, seats / (seats s + (o - 1) d0)), 0 where the SLO is below one step. The
    second is what full seats answer: each is taken for o - 1 steps d, d = d0 / (1 - rate s) that of
    a full batch, however much longer the SLO would let it be. Where the SLO is inf and nothing
    holds the batch, 1 / s.

    Source: `tpot_s`, solved for the rate; of seats, Little's law.
    Neglects: chance: for 99 % of requests rather than the mean take 30 % more replicas in the
    middle of docs/capacity.md, up to 4 times as many where the SLO is near d0 or bursts meet few of
    them. Seats taken while a prompt is computed, and until the
    longest answer of a batch ends.
    """
    work_s, room = request_s(replica, of), seats(replica, of)
    steps = np.maximum(of.output - 1.0, 0.0)
    by_seats = room / np.maximum(room * work_s + steps * replica.decode_s[0], NOTHING_S)
    spare = max(1.0 - replica.decode_s[0] / slo_s, 0.0)
    return np.minimum(spare / np.maximum(work_s, NOTHING_S), by_seats)


def replicas_for(
    replica: Batching, of: Requests, rate_per_s: F8, slo_s: float, beta: float = 0.0
) -> F8:
    """Return the replicas for a rate: load = rate / `most_per_s`, beta for `square_root_replicas`.

    inf where one replica can answer none within the SLO; at least 1.

    Source: square-root staffing over `most_per_s`.
    Neglects: as these.
    """
    most = most_per_s(replica, of, slo_s)
    load = np.asarray(rate_per_s) / np.where(most > 0.0, most, 1.0)
    made = np.maximum(np.ceil(load + beta * np.sqrt(load) - 1e-9), 1.0)
    return np.where(most > 0.0, made, np.inf)


def faults(
    replica: Batching, of: Requests, ttft_slo_s: float, tpot_slo_s: float, path: str
) -> list[str]:
    """Return what can never be met: an SLO below one iteration, each as `path: is …; must be …`."""
    found = []
    step_s = float(replica.decode_s[0] + replica.decode_s[1] + replica.decode_s[2] * of.context)
    if not tpot_slo_s >= step_s:
        found.append(
            f"{path}.tpot_slo_s: is {tpot_slo_s:g}; must be at least {step_s:.4g} s, one step for "
            "one sequence: relax it, or take faster or more GPUs a replica"
        )
    fixed_s, token_s, square_s = replica.mixed_s[:3]
    first_s = float(fixed_s + token_s * of.prompt + square_s * of.prompt**2)
    if not ttft_slo_s >= first_s:
        found.append(
            f"{path}.ttft_slo_s: is {ttft_slo_s:g}; must be at least {first_s:.4g} s, the prompt "
            "of a mean request alone: relax it, or take faster or more GPUs a replica"
        )
    return found
