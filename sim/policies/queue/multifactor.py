"""Slurm's multifactor priority."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from sim.errors import ScenarioError
from sim.policies.queue.base import F8, AbstractQueuePolicy, JobView
from sim.policies.queue.fair_tree import fair_tree, faults, repeated, users, with_all
from sim.policies.queue.view import over_greatest

WEIGHTS = ("age", "fair_share", "size", "gpus", "qos", "cpus", "memory", "partition")


@dataclass(frozen=True)
class Multifactor(AbstractQueuePolicy):
    """Greatest sum of weights times factors in [0, 1] first.

    Age: wait / `max_age_s`. Fair share: the tenant's rank in the fair tree, by GPU time used, half
    of it forgotten each `half_life_s`; tenants that `shares` does not name have one share each.
    Size: the mean of the shares of all nodes and of all cores (if counted) that it asks for. GPUs,
    cores, memory (TRES): its share of all. QOS, partition: its number in `qoses`, `partitions` over
    the greatest. What the job says as `nice` is taken off.

    Source: Slurm, priority/multifactor (priority_multifactor.shtml).
    Neglects: site, association, PriorityFavorSmall, SMALL_RELATIVE_TO_TIME; use is GPU time only
    (TRESBillingWeights GRES/gpu=1), forgotten continuously, never reset; TRES of all partitions.
    """

    age: float = 1000.0
    fair_share: float = 10000.0
    size: float = 1000.0
    gpus: float = 500.0
    qos: float = 2000.0
    cpus: float = 0.0
    memory: float = 0.0
    partition: float = 0.0
    partitions: Mapping[str, float] = field(default_factory=dict)
    qoses: Mapping[str, float] = field(default_factory=dict)
    max_age_s: float = 7 * 86400.0
    half_life_s: float = 7 * 86400.0
    shares: Mapping[str, Any] = field(default_factory=dict)
    foresees: ClassVar[bool] = True
    refresh_s: float = 300.0

    def __post_init__(self) -> None:
        """Refuse negative weights and shares."""
        found = [*faults(self.shares, "queue.shares"), *repeated(self.shares, "queue.shares")]
        wrong = [n for n in WEIGHTS if not getattr(self, n) >= 0]
        found += [f"queue.{n}: is {getattr(self, n)!r}; must be a weight >= 0" for n in wrong]
        for group, told in (("partitions", self.partitions), ("qoses", self.qoses)):
            wrong = [n for n, v in told.items() if not v >= 0]
            found += [f"queue.{group}.{n}: is {told[n]!r}; must be a factor >= 0" for n in wrong]
        wrong = [n for n in ("max_age_s", "half_life_s") if not getattr(self, n) > 0]
        found += [f"queue.{n}: is {getattr(self, n)!r}; must be a time > 0" for n in wrong]
        if found:
            raise ScenarioError(found)

    def names(self) -> Mapping[str, tuple[str, Iterable[str]]]:
        """Return whom shares, partitions and qoses name."""
        return {"queue.shares": ("tenant", users(self.shares)), "queue.qoses": ("QOS", self.qoses),
                "queue.partitions": ("partition", self.partitions)}  # fmt: skip

    def points(self, *factors: Any) -> F8:
        """Return the priority, (k,), of factors in [0, 1], in the order of `WEIGHTS`."""
        return np.asarray(sum(getattr(self, w) * f for w, f in zip(WEIGHTS, factors, strict=False)))

    def asked(self, jobs: JobView) -> F8:
        """Return the points for what a job asks for and is, less its nice, (k,)."""
        share = jobs.asked_share
        part = over_greatest(self.partitions, jobs.partition_names)[jobs.partition]
        qos = over_greatest(self.qoses, jobs.qos_names)[jobs.qos]
        more = share[:, 1] * self.cpus + share[:, 2] * self.memory + self.partition * part
        return more - jobs.nice + self.points(0.0, 0.0, jobs.size_share, share[:, 0], qos)

    def fair(self, tree: Mapping[str, Any], used: Mapping[str, float]) -> dict[str, float]:
        """Return each user's factor of fair share: the rank in the fair tree."""
        return fair_tree(tree, used)

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return minus the priority, (k,)."""
        tree = with_all(self.shares, jobs.tenant_names)
        rank = self.fair(tree, dict(zip(jobs.tenant_names, jobs.used_gpu_s, strict=True)))
        fair = np.array([rank[name] for name in jobs.tenant_names])[jobs.tenant]
        age = np.clip((now_s - jobs.enter_s) / self.max_age_s, 0.0, 1.0)
        return -jobs.fixed(self.asked) - self.points(age, fair, 0.0, 0.0, 0.0)
