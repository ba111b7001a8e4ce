"""Shockwave: a market over a window of rounds to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.queue.base import F8
from sim.policies.queue.lp import capacity, per_job
from sim.policies.queue.time_shares import AbstractTimeShares
from sim.policies.queue.wants import Wants, isolated

EDGES, MOST = np.linspace(0.0, 1.0, 6), 1e6
SLOPES = np.diff(np.log(np.maximum(EDGES, 1e-6))) / np.diff(EDGES)
"""The logarithm of a job's progress, in straight pieces; 1e-6 stands for none."""


@final
@dataclass(frozen=True)
class Shockwave(AbstractTimeShares):
    """The product of all jobs' progress by the end of a window is made as great as can be.

    max sum_i weight_i log(progress_i) / (jobs x rounds) - makespan_per_s x (most work left by any),
    where who would end later than on an equal share all along (rho > 1) weighs rho ** exponent.
    Plans are made anew when a job has come or gone, or `window_s` is over; the work is known.

    Source: Zheng et al., NSDI 2023: 20 rounds of 2 min, k = 1e-3, lambda = 12.
    Neglects: batch sizes that change; whole rounds; a hard limit on rho.
    """

    window_s: float = 2400.0
    makespan_per_s: float = 1e-3
    exponent: float = 12.0
    reset_s: float = 0.0
    round_s: float = 120.0

    def __post_init__(self) -> None:
        """Refuse a window of no length and weights below 0."""
        super().__post_init__()
        found = [
            f"queue.{name}: is {getattr(self, name)!r}; must be a number >= 0"
            for name in ("makespan_per_s", "exponent")
            if not getattr(self, name) >= 0.0
        ]
        if not self.window_s > 0.0:
            found.append(f"queue.window_s: is {self.window_s!r}; must be a time > 0")
        if found:
            raise ScenarioError(found)

    def rank(self, wants: Wants) -> F8:
        """Return what the progress of each weighs, (k,)."""
        rate = isolated(wants)
        later_s, now_s = wants.left_s / rate, wants.work_s / rate  # on an equal share as it is now
        mean_s = wants.fair_area / np.maximum(wants.age_s, 1e-9)
        usual_s = np.where(mean_s > 0.0, mean_s, now_s)
        rho = (wants.age_s + later_s) / (0.9 * usual_s + 0.1 * now_s)
        return np.minimum(np.where(rho > 1.0, rho**self.exponent, 1.0), MOST)

    def first(self, target: F8, got_s: F8, rank: F8, round_s: float) -> F8:
        """Return the weight of each as long as it has not had what is planned, (k, kinds)."""
        due = target * self.window_s > got_s + 1e-6
        return np.where(due, rank, 0.0)

    def target(self, wants: Wants) -> F8:
        """Return the shares of the window, (k, kinds)."""
        from scipy.optimize import linprog
        from scipy.sparse import coo_array, hstack, vstack

        k, kinds = wants.speed.shape
        weight = self.rank(wants)
        done = 1.0 - wants.left_s / wants.work_s
        room = np.clip(EDGES[1:] - np.maximum(EDGES[:-1], done[:, None]), 0.0, None)
        rounds = k * self.window_s / max(wants.round_s, 1e-9)
        held, most = capacity(wants.gpus, wants.kind_gpus, wants.speed > 0.0)
        does = self.window_s * per_job(wants.speed)
        gains = per_job(np.repeat(wants.work_s[:, None], len(SLOPES), axis=1))
        a = vstack([
            hstack([held, coo_array((len(most), k * len(SLOPES) + 1))]),
            hstack([-does, gains, coo_array((k, 1))]),
            hstack([-does, coo_array((k, k * len(SLOPES))), coo_array(-np.ones((k, 1)))]),
        ])  # fmt: skip
        b = np.concatenate([most, np.zeros(k), -wants.left_s])
        aim = np.concatenate([np.zeros(k * kinds), -(weight[:, None] * SLOPES / rounds).ravel(),
                              [self.makespan_per_s]])  # fmt: skip
        upper = np.concatenate([(wants.speed > 0.0).ravel() * 1.0, room.ravel(), [np.inf]])
        found = linprog(aim, a, b, bounds=np.stack([np.zeros(len(upper)), upper], axis=1))
        return np.clip(found.x[: k * kinds].reshape(k, kinds), 0.0, 1.0)
