"""Jobs that communicate part of the time: what sharing links costs their steps.

`mean_field` asks how many others happen to communicate, `phases` plays every step: formula and
reference, without a run. A run has a plainer mean field (`kernel.shares`), or the same phases
(`engine.phases`): docs/duty_cycle.md has all of them side by side.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.physics.parallelism import Profile, duty, sending_s, step_s

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]
DONE = 1e-12
"""Of a step, what counts as nothing left: events that fall together are one."""


def slowdown(duty: ArrayLike, share: ArrayLike, overlap: ArrayLike = 0.0) -> F8:
    """Return how many times longer a step takes, (m,), at a share of its bandwidth.

    Of a step that takes 1 alone, `duty` d is the time in which the fabric is used and `overlap` o
    the part of it that may run beside compute. What computes and cannot be moved is 1 - (1 - o) d.

        slowdown = (1 - o) d / share + max(1 - (1 - o) d, o d / share)
        without overlap: 1 - d + d / share

    Parameters
    ----------
    duty : (m,) 0 … 1, as `parallelism.duty` gives it.
    share : (m,) of the bandwidth that it had alone; 1 gives 1, 0 gives infinity if d > 0.

    Source: the definition of a step in `parallelism.step_s`, solved for the share.
    Neglects: that what waits for latency alone hides no communication.
    """
    d, s, o = (np.asarray(x, np.float64) for x in (duty, share, overlap))
    with np.errstate(divide="ignore", invalid="ignore"):
        sent = np.where(d > 0.0, d / s, 0.0)
        exposed = np.where(o < 1.0, (1.0 - o) * sent, 0.0)
        hidden = np.where(o > 0.0, o * sent, 0.0)
    return np.asarray(exposed + np.maximum(1.0 - (1.0 - o) * d, hidden))


class Shared(NamedTuple):
    """What many jobs on the same links come to, (jobs,) each."""

    share: F8  # of full speed, while a job communicates, on average
    duty: F8  # part of its step in which it does
    step_s: F8


def erf(x: F8) -> F8:
    """Return the error function, (m,), within 1.5e-7.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
    Neglects: the last eight digits.
    """
    t = 1.0 / (1.0 + 0.3275911 * np.abs(x))
    terms = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
    series = sum(a * t ** (i + 1) for i, a in enumerate(terms))
    return np.asarray(np.sign(x) * (1.0 - series * np.exp(-x * x)))


def at_least_one(mean: F8, spread: F8) -> F8:
    """Return the mean of max(1, X), (m,), X normal with a mean and a standard deviation."""
    safe = np.maximum(spread, 1e-12)
    z = (mean - 1.0) / safe
    above = 0.5 * (1.0 + erf(z / math.sqrt(2.0)))
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return np.where(
        spread > 1e-9, 1.0 + (mean - 1.0) * above + spread * density, np.maximum(mean, 1.0)
    )


def mean_field(
    capacity_Bps: F8,
    first: NDArray[np.int64],
    link: NDArray[np.integer],
    weight_Bps: F8,
    profile: Profile,
    bandwidth_Bps: ArrayLike,
    rounds: int = 200,
) -> Shared:
    """Return the shares, duties and steps of jobs that meet on links.

    Job k uses a_lk of link l while it communicates, which is a part p_k of the time, as if by
    chance and independent of the others. On l job j then finds a load over capacity of

        X = (a_lj + sum over k != j of a_lk [k communicates]) / C_l

    and is slowed by E max(1, X), X taken as normal with the mean and the variance of that sum; its
    fullest link decides. Slower jobs communicate longer: p and the shares are a fixed point. Where
    X is always above 1 this is the plain mean-field rate C_l / (a_lj + sum a_lk p_k), with which no
    link carries more than its capacity.

    Parameters
    ----------
    first : (jobs + 1,) entries first[j] to first[j + 1] of `link` and `weight_Bps` are job j's.
    weight_Bps : (entries,) what job j puts on the link at full speed.
    bandwidth_Bps : (jobs,) or one number, a GPU's way out at full speed.

    Source: mean field of alternating fluid sources; held against every phase in docs/duty_cycle.md.
    Neglects: jobs that fall into step with each other; several links that are full by turns; a
        fair share above a hungrier neighbour's. With few jobs the normal's tails are too long.
    """
    jobs, links = len(first) - 1, len(capacity_Bps)
    job = np.repeat(np.arange(jobs), np.diff(first))
    used = np.flatnonzero(np.diff(first))
    full = np.broadcast_to(np.asarray(bandwidth_Bps, np.float64), (jobs,))
    share, p = np.ones(jobs), duty(profile, full)
    for _ in range(rounds):
        mean, square = weight_Bps * p[job], weight_Bps**2 * (p * (1.0 - p))[job]
        others = np.bincount(link, mean, links)[link] - mean
        spread = np.bincount(link, square, links)[link] - square
        x = (weight_Bps + others) / capacity_Bps[link]
        slow = at_least_one(x, np.sqrt(np.maximum(spread, 0.0)) / capacity_Bps[link])
        if len(used):
            share[used] = 1.0 / np.maximum.reduceat(slow, first[used])
        again = duty(profile, full * share)
        if np.abs(again - p).max(initial=0.0) < 1e-10:
            break
        p = 0.5 * (p + again)
    return Shared(share, duty(profile, full * share), step_s(profile, full * share))


def phases(
    profile: Profile,
    bandwidth_Bps: ArrayLike,
    shares: Callable[[B1], F8],
    begin_s: F8,
    until_s: float,
    warmup_s: float = 0.0,
) -> F8:
    """Return the mean time of a step of each job, (jobs,), every phase of every step played.

    A step waits for its latency, then computes while what may overlap is sent, then sends the rest.
    Whenever a phase ends, whoever communicates is given new shares.

    Parameters
    ----------
    shares : of who communicates, (jobs,) of bool, makes everyone's share of full speed, (jobs,).
    begin_s : (jobs,) when each begins its first step.
    until_s, warmup_s : steps that end between them are counted; a job without two has NaN.

    Source: the definition of a step in `parallelism.step_s`.
    Neglects: what `shares` neglects; jitter of compute.
    """
    jobs = len(begin_s)
    sent = np.broadcast_to(sending_s(profile, bandwidth_Bps), (jobs,))
    o = profile.overlap
    whole = np.stack([profile.latency_s, profile.compute_s, o * sent, (1.0 - o) * sent])
    least = DONE * whole.sum(axis=0)
    left = np.where(begin_s > 0.0, np.stack([begin_s, *np.zeros((3, jobs))]), whole)
    begun, ended = np.full(jobs, np.nan), np.full(jobs, np.nan)
    now, steps, first = 0.0, np.zeros(jobs), np.ones(jobs, np.bool_)
    while now < until_s:
        waits, later = left[0] > 0.0, (left[1] > 0.0) | (left[2] > 0.0)
        beside = ~waits & later
        speed = np.zeros_like(left)
        net = np.where(beside, left[2] > 0.0, ~waits)
        given = shares(net)
        speed[0], speed[1] = waits, beside
        speed[2], speed[3] = given * beside, given * (~waits & ~later)
        going = (speed > 0.0) & (left > 0.0)
        wait = float((left[going] / speed[going]).min(initial=np.inf))
        if not math.isfinite(wait):
            break
        now += wait
        left -= wait * speed * going
        left[left <= least] = 0.0
        over = ~(left > 0.0).any(axis=0)
        left[:, over] = whole[:, over]
        counted = over & ~first & (now >= warmup_s)
        begun[counted & np.isnan(begun)] = now
        steps[counted] += 1.0
        ended[counted] = now
        first &= ~over
    with np.errstate(invalid="ignore"):
        return np.where(steps > 1.0, (ended - begun) / np.maximum(steps - 1.0, 1.0), np.nan)
