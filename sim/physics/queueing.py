"""Queues in closed form: who waits how long, and how many replicas that takes."""

from __future__ import annotations

import math

import numpy as np

F8 = np.ndarray | float


def erlang_b(lines: int, load: F8) -> F8:
    """Return the probability that all lines are taken where nobody waits, shape of `load`.

    B(0) = 1, B(n) = a B(n - 1) / (n + a B(n - 1)), a = load = rate x service time.

    Source: Erlang 1917; the recursion is the stable one.
    Neglects: finite populations.
    """
    load = np.asarray(load, np.float64)
    blocked = np.ones_like(load)
    for n in range(1, lines + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def erlang_c(lines: int, load: F8) -> F8:
    """Return the probability that one has to wait in M/M/c, shape of `load`; 1 from load c on.

    C = B / (1 - (a / c) (1 - B)).

    Source: Erlang 1917.
    Neglects: that people give up.
    """
    load = np.asarray(load, np.float64)
    blocked = erlang_b(lines, load)
    free = 1.0 - load / lines * (1.0 - blocked)
    return np.where(load >= lines, 1.0, blocked / np.where(load >= lines, 1.0, free))


def mmc_wait_s(lines: int, rate_per_s: F8, service_s: F8) -> F8:
    """Return the mean wait in M/M/c, inf from load c on: W = C service / (c - a).

    Source: Erlang 1917.
    Neglects: as `erlang_c`.
    """
    load = np.asarray(rate_per_s, np.float64) * service_s
    spare = np.where(load < lines, lines - load, 1.0)
    wait: F8 = np.where(load < lines, erlang_c(lines, load) * service_s / spare, np.inf)
    return wait


def ggc_wait_s(lines: int, rate_per_s: F8, service_s: F8, cv: F8, service_cv: F8) -> F8:
    """Return about the mean wait in GI/G/c: W = W_MMc (cv^2 + service_cv^2) / 2.

    cv is of the gaps between arrivals, service_cv of the service times. Exact in M/M/c and M/G/1.

    Source: Allen and Cunneen (Allen 1990, 5.3); for one line it is Kingman's bound in heavy load.
    Neglects: arrivals that depend on each other.
    """
    cv, service_cv = np.asarray(cv, np.float64), np.asarray(service_cv, np.float64)
    made: F8 = mmc_wait_s(lines, rate_per_s, service_s) * (cv**2 + service_cv**2) / 2.0
    return made


def md1_wait_s(rate_per_s: F8, service_s: F8) -> F8:
    """Return the mean wait in M/D/1, inf from load 1 on: W = rho service / (2 (1 - rho)).

    Source: Pollaczek 1930, Khinchine 1932.
    Neglects: nothing.
    """
    return ggc_wait_s(1, rate_per_s, service_s, 1.0, 0.0)


def mg1_ps_s(rate_per_s: F8, service_s: F8) -> F8:
    """Return the mean time in M/G/1 with processor sharing, inf from load 1 on: s / (1 - rho).

    It holds for each size s of its own: all are slowed alike.

    Source: Kleinrock 1967; Sakata, Noguchi and Oizumi 1971.
    Neglects: a limit on how many share.
    """
    service_s = np.asarray(service_s, np.float64)
    load = np.asarray(rate_per_s, np.float64) * service_s
    spare = np.where(load < 1.0, 1.0 - load, 1.0)
    made: F8 = np.where(load < 1.0, service_s / spare, np.inf)
    return made


def waiting_share(beta: float) -> float:
    """Return the share that waits where load + beta sqrt(load) lines serve; 1 at beta 0.

    1 / (1 + beta Phi(beta) / phi(beta)), the limit of Erlang C as the load grows.

    Source: Halfin and Whitt, Oper. Res. 29 (1981).
    Neglects: small loads; ask `erlang_c`.
    """
    below = 0.5 * (1.0 + math.erf(beta / math.sqrt(2.0)))
    dense = math.exp(-0.5 * beta**2) / math.sqrt(2.0 * math.pi)
    return 1.0 / (1.0 + beta * below / dense) if dense > 0.0 else 0.0


def beta_of(waiting: float) -> float:
    """Return the beta at which that share waits, by halving 60 times; waiting above 0, up to 1.

    Source: Halfin and Whitt 1981.
    Neglects: shares below 1e-250: beta is 38 at most.
    """
    low, high = 0.0, 38.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if waiting_share(middle) > waiting else (low, middle)
    return high


def square_root_replicas(load: F8, beta: F8) -> F8:
    """Return ceil(load + beta sqrt(load)), at least 1: replicas with a margin for chance.

    Source: Erlang 1948; Halfin and Whitt 1981.
    Neglects: that load changes; what a cold start needs beside it is rise x cold start.
    """
    load = np.asarray(load, np.float64)
    made: F8 = np.maximum(np.ceil(load + np.asarray(beta) * np.sqrt(load)), 1.0)
    return made


def least_replicas(load: float, waiting: float) -> int:
    """Return the least c whose Erlang C is at most `waiting`, above 0; at least 1.

    Source: Erlang 1917.
    Neglects: as `erlang_c`.
    """
    blocked, lines = 1.0, 0
    while True:
        lines += 1
        blocked = load * blocked / (lines + load * blocked)
        if lines > load and blocked / (1.0 - load / lines * (1.0 - blocked)) <= waiting:
            return lines
