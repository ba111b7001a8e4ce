"""Prompts on some replicas, decoding on others, in closed form: a first screening of pools."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from sim.physics.batching import Batching, Requests, seats
from sim.physics.queueing import F8, erlang_c, ggc_wait_s

NO_STEP_S = 1e-300
"""Stands for a step that no time is left for."""


def prompt_s(
    mixed_s: tuple[float, float, float, float, float], prompt: F8, chunk_tokens: int | None = None
) -> F8:
    """Return the seconds of a prompt alone on its replica, k p0 + pP p + pS p^2, k its chunks.

    k is ceil(p / chunk_tokens); None: prompts are computed whole, k is 1.

    Source: the linear step time of `StepTime`; the squares of chunks sum to that of the prompt.
    Neglects: that prompts which wait share the p0 of a step; what its tokens add in tiles.
    """
    prompt = np.asarray(prompt, np.float64)
    steps = 1.0 if chunk_tokens is None else np.ceil(prompt / chunk_tokens)
    return steps * mixed_s[0] + mixed_s[1] * prompt + mixed_s[2] * prompt**2


def first_share(lines: int, rate_per_s: float, cv: float, service_s: F8, slo_s: F8) -> float:
    """Return the share of prompts computed within `slo_s` by so many replicas; 0 from load 1 on.

    Who waits does so for an exponential time, C of them: share = mean of 1 - C exp(-(slo - s) / w)
    over services s <= slo, w = W / C, W of GI/G/c. `service_s`, (n,), are those of the prompts one
    by one, `cv` is of the gaps between arrivals; `slo_s` is one or (n,).

    Source: Kingman 1962, the wait in heavy traffic is exponential; exact in M/M/c, where the wait
    is independent of the service; W: `ggc_wait_s`.
    Neglects: that prompts which wait are computed together; that the least loaded is chosen by
    requests, not by work; arrivals that depend on each other.
    """
    service_s = np.asarray(service_s, np.float64)
    mean_s = float(service_s.mean())
    load = rate_per_s * mean_s
    if load >= lines:
        return 0.0
    waits = float(erlang_c(lines, load))
    wait_s = float(ggc_wait_s(lines, rate_per_s, mean_s, cv, service_s.std() / mean_s))
    spare = np.asarray(slo_s, np.float64) - service_s
    late = waits * np.exp(-np.maximum(spare, 0.0) * waits / max(wait_s, NO_STEP_S))
    return float(np.where(spare >= 0.0, 1.0 - late, 0.0).mean())


def prompt_replicas(rate_per_s: float, cv: float, service_s: F8, slo_s: F8, share: float) -> float:
    """Return the least replicas that compute `share` of the prompts in time; inf: none do.

    Source: `first_share`, its argument raised one by one.
    Neglects: as that.
    """
    if float((np.asarray(service_s) <= slo_s).mean()) < share:
        return np.inf
    lines = int(rate_per_s * float(np.mean(service_s))) + 1
    while first_share(lines, rate_per_s, cv, service_s, slo_s) < share:
        lines += 1
    return float(lines)


def step_allowed_s(slo_s: F8, output: F8, sent_s: F8, share: float) -> float:
    """Return the longest decode step at which `share` of requests have their time per token.

    A request of o tokens waits for its KV memory, half a step to join, and o - 1 steps d:
    (sent + d / 2) / (o - 1) + d <= slo. So d is a quantile of (slo - sent / (o - 1)) /
    (1 + 1 / (2 (o - 1))), each of them (n,). At least `NO_STEP_S`; inf where nobody decodes.

    Source: own derivation: who comes at random finds a step half done.
    Neglects: that steps differ; waiting for a seat or for memory.
    """
    later = np.asarray(output, np.float64) - 1.0
    more = np.maximum(later, 1.0)
    limit = (slo_s - np.asarray(sent_s, np.float64) / more) / (1.0 + 0.5 / more)
    limit = np.where(later > 0.0, limit, np.inf)
    return max(float(np.quantile(limit, 1.0 - share, method="lower")), NO_STEP_S)


def decode_replicas(
    replica: Batching, of: Requests, rate_per_s: float, cv: float, step_s: float, share: float
) -> float:
    """Return the least replicas whose steps take at most `step_s` for `share`; inf: none do.

    n of them decode N = rate (o - 1) d sequences in the mean at a step of d = d0 / (1 - rate s / n)
    and, `share` of the time, at most N + z sqrt(v N): the least n at which that is up to n m. m is
    what a step of `step_s` holds, (step - d0) / (dD + dC context), or all seats; v = (1 + cv^2) / 2
    of arrivals whose gaps have a `cv`, z the normal quantile of `share`; s as `request_s`, of
    decoding alone.

    Source: TPOT = d0 / (1 - rate s) (`batching.tpot_s`); the number in service of G/GI/inf is about
    normal, its variance over its mean (1 + cv^2) / 2 where services are exponential (Whitt, AT&T
    Bell Lab. Tech. J. 63, 1984).
    Neglects: that a step in excess makes the next ones longer; that prompts are computed first,
    which evens out arrivals; waiting for a seat; what a step adds in tiles.
    """
    d0, each, token = replica.decode_s
    adds_s = each + token * float(of.context)
    steps = max(float(of.output) - 1.0, 0.0)
    most = float(seats(replica, of))
    most = min(most, (step_s - d0) / adds_s) if adds_s > 0.0 or step_s < d0 else most
    if most <= 0.0:
        return np.inf
    margin = NormalDist().inv_cdf(share) * math.sqrt(0.5 + 0.5 * cv**2)
    work = rate_per_s * steps * adds_s  # replicas' worth
    n = int(work) + 1
    while True:
        many = rate_per_s * steps * d0 / (1.0 - work / n)
        if many + margin * math.sqrt(many) <= n * most:
            return float(n)
        n += 1
