"""Slurm's limits of associations and QOS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from sim.policies.quota.base import SCALE, AbstractQuota, Cap, Reader, Tree, Ways
from sim.state.quota import LIMITS
from sim.state.tree import EVERY, Limits

EMPTY = {EVERY: Limits()}
GROUP = (*SCALE, "jobs", "budget_gpu_s")
OWN = ("account", "tenants", *GROUP, "user_jobs", "wall_s",
       *(f"{whose}_{name}" for whose in ("user", "job") for name in SCALE))  # fmt: skip


@final
@dataclass(frozen=True)
class SlurmLimits(AbstractQuota):
    """A job may start only within the limits of its association, of all accounts over it, and its
    user's; one that a limit blocks is passed by, unless `assoc_limit_stop`.

    Of an account or association: gpus, cpus, mem_bytes (GrpTRES), jobs (GrpJobs), budget_gpu_s
    (GrpTRESMins, in GPU time); of each user of an association: user_gpus, …, user_jobs
    (MaxTRESPerUser, MaxJobsPerUser); of a job: job_gpus, … (MaxTRESPerJob), wall_s (MaxWall).
    Jobs beyond the limits of one job, or of a group, are set aside.

    Source: Slurm, resource_limits.html; acct_policy.c.
    Neglects: MaxSubmit, limits by node, decay of what a budget spent, QOS apart from associations;
    jobs alike that find no nodes count once in the depth of `backfill`.
    """

    associations: Mapping[str, Any] = field(default_factory=dict)
    accounts: Mapping[str, Any] = field(default_factory=dict)
    default: str | None = None
    assoc_limit_stop: bool = False

    def cap(self, read: Reader, path: str, given: Mapping[str, Any]) -> Cap:
        """Return the limits of an account or association besides what a group may hold."""

        def most(knob: str) -> float | None:
            if given.get(knob) is None:
                return None
            return read.number(f"{path}.{knob}", given[knob], "a number >= 0, or null", 0.0, 1e15)

        jobs, user_jobs = most("jobs"), most("user_jobs")
        return Cap(
            None if jobs is None else int(jobs), most("budget_gpu_s"),
            read.amounts(path, given, "user_"), None if user_jobs is None else int(user_jobs),
            read.amounts(path, given, "job_"), most("wall_s"),
        )  # fmt: skip

    def tree(self) -> Tree:
        """Return the tree; ScenarioError holds all faults at once."""
        read = Reader("associations", "accounts", "account")
        inner = read.cohorts(self.accounts, ("parent", *GROUP))
        leaves = read.queues(self.associations, OWN, inner)
        caps, ways = {}, []
        for group, parts, given in (("accounts", inner, self.accounts),
                                    ("associations", leaves, self.associations)):  # fmt: skip
            for part, one in zip(parts, read.told_of(given), strict=True):
                path, known = f"{group}.{part.name}", one if isinstance(one, Mapping) else {}
                if part.name in caps:
                    read.fault(path, part.name, "a name of its own; an account has it")
                caps[part.name] = self.cap(read, path, known)
                if group == "associations":
                    ways.append(Ways(read.names(f"{path}.tenants", known.get("tenants"))))
        read.whole(leaves, ways, self.default)
        plain = [part._replace(limits=part.limits or EMPTY) for part in (*leaves, *inner)]
        return Tree(tuple(plain[: len(leaves)]), tuple(ways), tuple(plain[len(leaves) :]),
                    self.default or "", LIMITS, caps=caps, stops=self.assoc_limit_stop)  # fmt: skip
