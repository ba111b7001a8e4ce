"""A question, whole and immutable."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sim.engine import AbstractProcess
from sim.errors import ScenarioError
from sim.policies.autoscaler import AbstractAutoscaler, NoAutoscaler
from sim.policies.backfill import AbstractBackfill, Easy
from sim.policies.elastic import AbstractElastic, NoElastic
from sim.policies.limits import AbstractLimits, Walltime
from sim.policies.node_scaler import AbstractNodeScaler, NoNodeScaler
from sim.policies.placement import AbstractPlacement, Pack
from sim.policies.preemption import AbstractPreemption, NoPreemption
from sim.policies.queue import AbstractQueuePolicy, Fifo
from sim.policies.quota import AbstractQuota, NoQuota
from sim.policies.sharing import AbstractSharing, NoInterference
from sim.state import (
    AbstractCluster,
    AbstractFabric,
    AbstractGrowth,
    AbstractSupply,
    Homogeneous,
    NoFabric,
    NoGrowth,
    Supply,
)
from sim.study.clashes import (
    beside_quota,
    beside_services,
    beside_storage,
    endless,
    misfits,
    of_cluster,
)
from sim.study.fleet import fleet_issues
from sim.workload import (
    AbstractComm,
    AbstractStorage,
    AbstractWorkload,
    NoStorage,
    SameForAll,
    Synthetic,
)
from sim.workload.services import AbstractServices, NoServices


@dataclass(frozen=True)
class Scenario:
    """A cluster, a workload, and the choices that rule them: a field for each group of conf/.

    `horizon_s` ends the run early; statistics leave out jobs submitted before `warmup_s`.
    """

    cluster: AbstractCluster = field(default_factory=Homogeneous)
    workload: AbstractWorkload = field(default_factory=Synthetic)
    queue: AbstractQueuePolicy = field(default_factory=Fifo)
    backfill: AbstractBackfill = field(default_factory=Easy)
    placement: AbstractPlacement = field(default_factory=Pack)
    preemption: AbstractPreemption = field(default_factory=NoPreemption)
    elastic: AbstractElastic = field(default_factory=NoElastic)
    quota: AbstractQuota = field(default_factory=NoQuota)
    sharing: AbstractSharing = field(default_factory=NoInterference)
    limits: AbstractLimits = field(default_factory=Walltime)
    services: AbstractServices = field(default_factory=NoServices)
    autoscaler: AbstractAutoscaler = field(default_factory=NoAutoscaler)
    node_scaler: AbstractNodeScaler = field(default_factory=NoNodeScaler)
    supply: AbstractSupply = field(default_factory=Supply)
    growth: AbstractGrowth = field(default_factory=NoGrowth)
    fabric: AbstractFabric = field(default_factory=NoFabric)
    comm: AbstractComm = field(default_factory=SameForAll)
    storage: AbstractStorage = field(default_factory=NoStorage)
    processes: tuple[AbstractProcess, ...] = ()
    horizon_s: float = float("inf")
    warmup_s: float = 0.0
    name: str = ""
    question: str = ""

    def rounds(self) -> bool:
        """Return whether passes are made in rounds."""
        try:
            return self.preemption.rule().round_s > 0.0
        except (ScenarioError, AttributeError):
            return False  # told elsewhere

    def clashes(self) -> bool:
        """Return whether rounds and a backfill cycle would both say when passes are made."""
        try:
            return self.rounds() and self.backfill.rule().interval_s > 0.0
        except (ScenarioError, AttributeError):
            return False  # told elsewhere

    def queue_issues(self) -> list[str]:
        """Return the faults of the queue policy: one that deals kinds of node makes rounds."""
        if not self.queue.refresh_s >= 0.0:
            return [f"queue.refresh_s: is {self.queue.refresh_s!r}; must be a time >= 0"]
        try:
            pools = self.cluster.inventory().pools
            found = self.queue.issues(list(dict.fromkeys(pool.gpu for pool in pools)))
        except (ScenarioError, AttributeError):
            found = []  # told elsewhere
        if not self.queue.deals:
            return found
        if not self.queue.round_s > 0.0:
            return [*found, f"queue.round_s: is {self.queue.round_s!r}; must be a time above 0"]
        try:
            gives, starts = self.preemption.rule(), self.backfill.rule()
        except (ScenarioError, AttributeError):
            return found  # told elsewhere
        if getattr(self.elastic, "refresh_s", np.inf) < np.inf:
            found.append("elastic: sizes jobs, but queue deals kinds of node; must be none")
        if gives.tail:
            found.append("preemption: is by the tail, but queue deals in rounds; must be rebuild")
        if starts.interval_s > 0.0:
            found.append("backfill: is Slurm's cycle, but queue deals in rounds; must be another")
        return found

    def issues(self) -> list[str]:
        """Return every fault at once, each as `path: what is; what must be`."""
        found = []
        for path, kind in (
            ("cluster", AbstractCluster),
            ("workload", AbstractWorkload),
            ("queue", AbstractQueuePolicy),
            ("backfill", AbstractBackfill),
            ("placement", AbstractPlacement),
            ("preemption", AbstractPreemption),
            ("elastic", AbstractElastic),
            ("quota", AbstractQuota),
            ("sharing", AbstractSharing),
            ("limits", AbstractLimits),
            ("services", AbstractServices),
            ("autoscaler", AbstractAutoscaler),
            ("node_scaler", AbstractNodeScaler),
            ("supply", AbstractSupply),
            ("growth", AbstractGrowth),
            ("fabric", AbstractFabric),
            ("comm", AbstractComm),
            ("storage", AbstractStorage),
        ):
            value = getattr(self, path)
            if not isinstance(value, kind):
                found.append(f"{path}: is {value!r}; must be an {kind.__name__}")
        if isinstance(self.queue, AbstractQueuePolicy):
            found += self.queue_issues()
        found += of_cluster(self)
        if isinstance(self.workload, AbstractWorkload):
            found += self.workload.issues()
        if self.clashes():
            found.append(
                "preemption.round_s: is set beside backfill.interval_s; passes are made either in "
                "rounds or by Slurm's cycle: set one of them"
            )
        if isinstance(self.comm, AbstractComm):
            found += self.comm.issues()
        found += misfits(self)
        found += beside_services(self)
        found += beside_quota(self)
        found += beside_storage(self)
        found += endless(self)
        found += fleet_issues(self)
        if not self.horizon_s > 0.0:
            found.append(
                f"horizon_s: is {self.horizon_s!r}; must be a time > 0, or null for the end"
            )
        if not self.warmup_s >= 0.0 or self.warmup_s >= self.horizon_s > 0.0:
            found.append(f"warmup_s: is {self.warmup_s!r}; must be >= 0 and before horizon_s")
        return found
