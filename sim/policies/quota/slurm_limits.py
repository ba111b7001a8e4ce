"""Slurm's limits of associations and QOS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from sim.policies.quota.base import AbstractQuota, QosLimits, Reader, Tree, Ways
from sim.policies.quota.caps import ALL, GROUP, cap_of, qos_limits
from sim.state.qos_limits import pairs
from sim.state.quota import LIMITS
from sim.state.tree import EVERY, Limits

EMPTY = {EVERY: Limits()}


@final
@dataclass(frozen=True)
class SlurmLimits(AbstractQuota):
    """A job may start only within the limits of its association, of all accounts over it, and its
    user's; one that a limit blocks is passed by, unless `assoc_limit_stop`.

    Of an account or association: gpus, cpus, mem_bytes (GrpTRES), jobs (GrpJobs), budget_gpu_s
    (GrpTRESMins, in GPU time); of each user of an association: user_gpus, …, user_jobs
    (MaxTRESPerUser, MaxJobsPerUser); of a job: job_gpus, … (MaxTRESPerJob), wall_s (MaxWall).
    Jobs beyond the limits of one job, or of a group, are set aside. `qoses` says the same of all
    jobs of a `qos`; what it limits is not asked of associations and accounts. In the cycle of
    `backfill=slurm` a job that a limit blocks is neither tested nor promised nodes.

    Source: Slurm, resource_limits.html; acct_policy.c; backfill.c.
    Neglects: MaxSubmit, limits by node, decay of what a budget spent, QOS of partitions;
    jobs alike that find no nodes count once in the depth of `backfill`.
    """

    associations: Mapping[str, Any] = field(default_factory=dict)
    accounts: Mapping[str, Any] = field(default_factory=dict)
    qoses: Mapping[str, Any] = field(default_factory=dict)
    default: str | None = None
    assoc_limit_stop: bool = False

    def by_qos(self) -> dict[str, QosLimits]:
        """Return the limits of each QOS."""
        return qos_limits(Reader(), self.qoses)

    def tree(self) -> Tree:
        """Return the tree; ScenarioError holds all faults at once."""
        read = Reader("associations", "accounts", "account")
        inner = read.cohorts(self.accounts, ("parent", *GROUP))
        leaves = read.queues(self.associations, ("account", "tenants", *ALL), inner)
        qoses = qos_limits(read, self.qoses)
        caps, ways = {}, []
        for group, parts, given in (("accounts", inner, self.accounts),
                                    ("associations", leaves, self.associations)):  # fmt: skip
            for part, one in zip(parts, read.told_of(given), strict=True):
                path, known = f"{group}.{part.name}", one if isinstance(one, Mapping) else {}
                if part.name in caps:
                    read.fault(path, part.name, "a name of its own; an account has it")
                caps[part.name] = cap_of(read, path, known)
                if group == "associations":
                    ways.append(Ways(read.names(f"{path}.tenants", known.get("tenants"))))
        read.whole(leaves, ways, self.default)
        plain = [part._replace(limits=part.limits or EMPTY) for part in (*leaves, *inner)]
        more, caps_of_pairs = pairs(plain[: len(leaves)], caps, qoses)
        return Tree(
            (*plain[: len(leaves)], *more), (*ways, *(Ways() for _ in more)),
            tuple(plain[len(leaves) :]), self.default or "", LIMITS, caps=caps | caps_of_pairs,
            stops=self.assoc_limit_stop, leaf="associations",
        )  # fmt: skip
