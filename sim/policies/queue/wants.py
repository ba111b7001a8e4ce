"""What a policy of time shares knows when it makes targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.policies.queue.base import F8, JobView


class Wants(NamedTuple):
    """What k jobs want, and what is there."""

    speed: F8  # (k, kinds) work seconds a second; 0 is not allowed
    gpus: F8  # (k,)
    kind_gpus: F8  # (kinds,)
    left_s: F8  # (k,) work left
    age_s: F8  # (k,) since submission
    due_s: F8  # (k,) until its deadline; inf is none
    weight: F8  # (k,) its priority, 1 where it has none
    isolated_s: F8  # (k,) what the work done so far would have taken on an equal share
    kind_names: tuple[str, ...]  # (kinds,) GPU types
    work_s: F8  # (k,) all its work
    had: F8  # (k, kinds) its target until now; nan where it is new
    round_s: float
    fair_area: F8  # (k,) the integral over time of how long it would take in all on equal shares

    @classmethod
    def of(
        cls, jobs: JobView, now_s: float, own: F8, had: F8, since_s: float, by_speed: bool
    ) -> Wants:
        """Return what these jobs want; `own` (k, 5) is what was `kept`, `since_s` ago."""
        speed, left_s = jobs.speed, jobs.left_s
        if not by_speed:  # as fast everywhere as on the first kind that it may run on
            first = speed[np.arange(len(speed)), (speed > 0.0).argmax(axis=1)]
            speed = np.where(speed > 0.0, first[:, None], 0.0)
        before_s, rate, so_far_s, area, fair_s = own.T
        more_s = np.maximum(before_s - left_s, 0.0) / rate
        return cls(
            speed, jobs.gpus.astype(float), jobs.kind_gpus, np.maximum(left_s, 1e-9),
            now_s - jobs.submit_s, np.maximum(jobs.deadline_s - now_s, 1e-9),
            np.where(jobs.priority > 0.0, jobs.priority, 1.0), np.nan_to_num(so_far_s + more_s),
            jobs.kind_names, np.maximum(jobs.work_s + jobs.lost_s, left_s), had, jobs.round_s,
            np.nan_to_num(area + fair_s * since_s),
        )  # fmt: skip


def kept(wants: Wants) -> F8:
    """Return what each job's targets are reckoned from next time, (k, 5)."""
    rate = isolated(wants)
    return np.stack(
        [wants.left_s, rate, wants.isolated_s, wants.fair_area, wants.work_s / rate], axis=1
    )


def equal_shares(wants: Wants) -> F8:
    """Return an n-th of each kind's GPUs for each of n jobs, as shares of time, (k, kinds)."""
    share = wants.kind_gpus / len(wants.gpus) / wants.gpus[:, None]
    return share / np.maximum(share.sum(axis=1, keepdims=True), 1.0)


def isolated(wants: Wants) -> F8:
    """Return the work each would do a second on an equal share of every kind, (k,)."""
    rate: F8 = (wants.speed * equal_shares(wants)).sum(axis=1)
    return rate
