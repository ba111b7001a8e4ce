"""Tiresias with the Gittins index: what is likely to end soon goes first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.queue.base import F8, JobView
from sim.policies.queue.by_level import AbstractLevels
from sim.policies.queue.levels import FRESH, Levels, places

GUESS = (100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5)


@final
@dataclass(frozen=True)
class Gittins(AbstractLevels):
    """Tiresias' queues; in each the greatest Gittins index first, then first come.

    A job that has had the service a is likely to end within `step_gpu_s` more, at some cost: the
    index is that chance over the mean service spent until then, both from `history_gpu_s`, what
    jobs took before. `from_zero` counts as the original's simulator does: the service of those that
    would end is theirs from the beginning, and the longest of the history never ends in time.
    Other knobs as in `Tiresias`.

    Source: Gu et al., NSDI 2019, 3.3 and the authors' simulator
    (dlas-gpu-gittins, dlas-gpu-gittins-N).
    Neglects: an index changes at the next pass, not by itself.
    """

    history_gpu_s: tuple[float, ...] = GUESS
    step_gpu_s: float = 3250.0
    limits_s: tuple[float, ...] = (3250.0, 7200.0)
    late_timer: bool = False
    from_zero: bool = False
    starve_limit: float = np.inf
    refresh_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse an empty history and steps of no length."""
        history, found = tuple(sorted(self.history_gpu_s)), []
        if not history or not history[0] > 0.0:
            found.append(f"queue.history_gpu_s: is {history[:3]!r}; must be GPU-seconds > 0")
        if not self.step_gpu_s > 0.0:
            found.append(f"queue.step_gpu_s: is {self.step_gpu_s!r}; must be GPU-seconds > 0")
        if found := [*found, *self.levels.issues()]:
            raise ScenarioError(found)
        object.__setattr__(self, "history_gpu_s", history)
        object.__setattr__(self, "limits_s", tuple(self.limits_s))

    @property
    def levels(self) -> Levels:
        """Return its queues."""
        return Levels(self.limits_s, True, self.late_timer, self.starve_limit)

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return queue + place in it, a number in [0, 1), (k,)."""
        if isinstance(now_s, np.ndarray):
            return np.full(now_s.shape, FRESH)
        queue, moved = self.levels.standing(jobs)
        history, index = indices(self.history_gpu_s, self.step_gpu_s, self.from_zero)
        served_s = self.levels.served_s(jobs)
        rank = -index[np.searchsorted(history, np.floor(served_s + 0.5), side="right")]
        come = np.where(moved, np.inf, jobs.key)
        order = np.lexsort((jobs.row, come, ~jobs.running, moved, jobs.enter_s, rank, queue))
        return places(queue[order], order)


@lru_cache(maxsize=8)
def indices(history: tuple[float, ...], step: float, from_zero: bool) -> tuple[F8, F8]:
    """Return the history, (n,), and the index of who has had less than the i-th of it, (n + 1,)."""
    took = np.array(history)
    n, first = len(took), np.searchsorted(took, took)
    had = took - 1.0 if from_zero else np.concatenate([[0.0], took[:-1]])[first]
    ends = np.searchsorted(took, had + step, side="right")
    if from_zero:
        ends = np.where(had + step > took[-1] - 1.0, n - 1, ends)
    total = np.concatenate([[0.0], np.cumsum(took)])
    spent = total[ends] - total[first] - (0.0 if from_zero else 1.0) * had * (ends - first)
    rest = n - first
    chance, mean = (ends - first) / rest, (spent + step * (n - ends)) / rest
    if from_zero:
        chance, mean = np.round(chance, 5), np.round(mean, 5)
    return took, np.append(np.round(1e6 * chance / mean, 4), 0.0)
