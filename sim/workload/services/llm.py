"""A large language model that answers requests, iteration by iteration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from sim.errors import RackplanError
from sim.state.services import STAGES, Serving
from sim.workload import rules
from sim.workload.requests import AbstractRequests, DrawnRequests
from sim.workload.services.base import (
    AbstractColdStart,
    AbstractOrder,
    AbstractReplica,
    AbstractServices,
)
from sim.workload.services.order import FirstCome
from sim.workload.services.replica import LlmReplica

ROUTES = (
    "round_robin",
    "least_requests",
    "least_tokens",
    "two_choices",
    "affinity",
    "least_waiting",
)
MOST_REPLICAS = 10_000
SLO = ("slo_ttft_s", "slo_tpot_s")


@final
@dataclass(frozen=True)
class Stages(AbstractColdStart):
    """A cold start, stage by stage, from the instant a replica has its GPUs.

    node_s until the node runs it, image_s to pull the image (nothing on a node that had it, if it
    stays), weights_s to read the weights, warm_s to fill memory and capture graphs.

    `warm_replicas` are kept warm through the stage `warm_through` (node, image or weights), say as
    pods asleep with the weights in a node's memory: who finds one goes through the other stages
    only, and another is made warm in its place, which takes the time of those stages. None holds a
    GPU; a replica that is up and waits is `min_replicas`.

    Source: 155 s in all, as SageServe measured in production, 65 s where a spot instance of the
    same model was there; the split is an assumption. AWS EC2 Auto Scaling, warm pools.
    Neglects: that many at once share a registry and a disk; what memory a warm one takes, and that
    it is on one node; the autoscaler reckons with a whole cold start.
    """

    node_s: float = 5.0
    image_s: float = 85.0
    weights_s: float = 45.0
    warm_s: float = 20.0
    image_stays: bool = True
    warm_replicas: int = 0
    warm_through: str = "weights"

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        names = ("node_s", "image_s", "weights_s", "warm_s")
        found = [f for n in names for f in rules.at_least(f"{path}.{n}", getattr(self, n), 0)]
        found += rules.whole(f"{path}.warm_replicas", self.warm_replicas, 0)
        if self.warm_through not in STAGES[:-1]:
            told = f"must be one of {', '.join(STAGES[:-1])}: the last stage needs the GPUs"
            found.append(f"{path}.warm_through: is {self.warm_through!r}; {told}")
        return found

    def fill(self) -> dict[str, Any]:
        """Return its part of a Serving."""
        stages = (self.node_s, self.image_s, self.weights_s, self.warm_s)
        return {
            "stages_s": tuple(map(float, stages)),
            "image_stays": self.image_stays,
            "warm_replicas": self.warm_replicas,
            "warm_stages": STAGES.index(self.warm_through) + 1,
        }


@final
@dataclass(frozen=True)
class LlmService(AbstractServices):
    """One model behind one address.

    Parameters
    ----------
    requests : what is asked, and when.
    replica, cold_start : how one answers, and how long it takes to come up.
    route : how a request finds a replica: round_robin, least_requests, least_tokens (outstanding,
        answers' lengths known beforehand as in splitwise-sim), two_choices (the less loaded of two
        drawn), affinity (one drawn for each prefix that a trace tells, else for each request; as
        many replicas come or go, prefixes move; what a cache saves stays `prefix_hit_frac`),
        least_waiting (in queues only, the first of equals: below saturation all go to the first).
    order : who is let in first: FirstCome, or ByPriority of their class.
    most_open : requests outstanding on a replica from which on more are shed; None: none are.
    min_replicas, max_replicas : between which the autoscaler may choose.
    start_replicas : ready at instant 0 without a cold start; None: as the autoscaler says.
    scrape_s, lag_s : how often numbers are read, None: as the autoscaler has them read; and how old
        they are when a policy sees them, 0 for want of a published figure.
    slo_ttft_s, slo_tpot_s : time to first token, and per token after it, that a request is to have.
    slo_by_class : where a class of requests is to have another, {chat: {slo_ttft_s: 1}}. What
        scales looks at the service's.
    gpu_h_usd : what an hour of a GPU costs, by its type, such as {h100: 2.5}; where the type of the
        replica has no price (ModelReplica's gpu, else gpu_types), costs are left out.

    A replica is a job for its GPUs, before all training in the queue. Which replicas go: those that
    wait for GPUs, then those that start, then the youngest; one that is ready drains first.

    Source: Kubernetes, ReplicaSet, which pods go first. Neglects: retries by clients, network.
    """

    name: str = "llm"
    requests: AbstractRequests = field(default_factory=DrawnRequests)
    replica: AbstractReplica = field(default_factory=LlmReplica)
    cold_start: AbstractColdStart = field(default_factory=Stages)
    route: str = "least_requests"
    order: AbstractOrder = field(default_factory=FirstCome)
    most_open: int | None = None
    min_replicas: int = 1
    max_replicas: int = 16
    start_replicas: int | None = None
    scrape_s: float | None = None
    lag_s: float = 0.0
    slo_ttft_s: float = 2.0
    slo_tpot_s: float = 0.05
    slo_by_class: Mapping[str, Mapping[str, float]] | None = None
    gpu_h_usd: Mapping[str, float] | None = None

    def listed(self) -> tuple[tuple[Serving, AbstractRequests], ...]:
        """Return itself, in numbers, and what is asked."""
        parts = self.replica.fill() | self.cold_start.fill() | self.order.fill()
        own = ("name", "route", "most_open", "slo_ttft_s", "slo_tpot_s", "lag_s")
        parts |= {name: getattr(self, name) for name in own}
        parts |= {"scrape_s": self.scrape_s or 0.0, "slo_by_class": self.slo_of_classes()}
        parts |= {"least": self.min_replicas, "most": self.max_replicas}
        kind = parts.get("gpu") or parts["gpu_types"]
        parts["gpu_h_usd"] = (self.gpu_h_usd or {}).get(kind)
        if self.gpu_h_usd and parts["gpu_h_usd"] is None:
            of = f"not {kind}, of which" if kind else "it is not told of which GPUs"
            told = f"gpu_h_usd: has {', '.join(self.gpu_h_usd)}; {of} replicas are: no cost is told"
            parts["notes"] = (*parts.get("notes", ()), told)
        return ((Serving(**(parts | {"first": self.start_replicas})), self.requests),)

    def issues(self, path: str = "services") -> list[str]:
        """Return every fault of the parameters."""
        return self.own_issues(path) + self.pool_issues(path) + unreachable(path, self, "", "")

    def own_issues(self, path: str) -> list[str]:
        """Return the faults of what is asked and how it is measured."""
        found = [] if self.name else [f"{path}.name: is empty; must be a name"]
        found += rules.one_of(f"{path}.order", self.order, AbstractOrder, "FirstCome, ByPriority")
        example = "requests, such as DrawnRequests or RequestTrace"
        found += rules.one_of(f"{path}.requests", self.requests, AbstractRequests, example)
        if self.most_open is not None:
            found += rules.whole(f"{path}.most_open", self.most_open, 1)
        for name in SLO:
            found += rules.above(f"{path}.{name}", getattr(self, name), 0)
        if self.scrape_s is not None:
            found += rules.above(f"{path}.scrape_s", self.scrape_s, 0)
        found += rules.each_of(f"{path}.slo_by_class", self.slo_by_class, SLO)
        found += rules.at_least(f"{path}.lag_s", self.lag_s, 0)
        return found + rules.prices(f"{path}.gpu_h_usd", self.gpu_h_usd)

    def pool_issues(self, path: str) -> list[str]:
        """Return the faults of the replicas: what they are, how they are found, how many."""
        found = rules.one_of(f"{path}.replica", self.replica, AbstractReplica, "an LlmReplica")
        found += rules.one_of(f"{path}.cold_start", self.cold_start, AbstractColdStart, "Stages")
        if self.route not in ROUTES:
            found.append(f"{path}.route: is {self.route!r}; must be one of {', '.join(ROUTES)}")
        return found + self.count_issues(path)

    def count_issues(self, path: str) -> list[str]:
        """Return the faults of the numbers of replicas."""
        found = rules.whole(f"{path}.min_replicas", self.min_replicas, 0)
        found += rules.whole(f"{path}.max_replicas", self.max_replicas, 1)
        if found:
            return found
        if self.max_replicas > MOST_REPLICAS:
            return [f"{path}.max_replicas: is {self.max_replicas}; at most {MOST_REPLICAS:,}"]
        if self.min_replicas > self.max_replicas:
            told = f"must not be above {path}.max_replicas, {self.max_replicas}"
            return [f"{path}.min_replicas: is {self.min_replicas}; {told}: lower it or raise that"]
        if self.start_replicas is not None and not (
            rules.is_number(self.start_replicas)
            and self.min_replicas <= self.start_replicas <= self.max_replicas
        ):
            return [f"{path}.start_replicas: is {self.start_replicas!r}; must be from "
                    f"{self.min_replicas} to {self.max_replicas}, or null"]  # fmt: skip
        return []

    def slo_of_classes(self) -> dict[str, tuple[float, float]]:
        """Return the two targets of each class that has its own."""
        of = self.slo_by_class or {}
        plain = {name: getattr(self, name) for name in SLO}
        each = {str(k): plain | dict(v) for k, v in of.items()}
        return {k: (float(v[SLO[0]]), float(v[SLO[1]])) for k, v in each.items()}


def unreachable(path: str, of: AbstractServices, prompts: str, decodes: str) -> list[str]:
    """Return which targets no replica can reach, however few requests it has.

    `prompts` and `decodes` are what stands before a replica's knobs in a remedy's path.
    """
    try:
        first, last = of.listed()[0][0], of.listed()[-1][0]
        steps = (prompts, "prompt", first.mixed_s[0]), (decodes, "sequence", last.decode_s[0])
        slos = {path: (first.slo_ttft_s, first.slo_tpot_s)}
        slos |= {f"{path}.slo_by_class.{k}": v for k, v in first.slo_by_class.items()}
        return [
            f"{where}.{name}: is {slo_s:g} s; must be at least the step of one {what}, "
            f"{step_s:g} s: raise it, or take a faster {pool}replica"
            for where, both in slos.items()
            for name, slo_s, (pool, what, step_s) in zip(SLO, both, steps, strict=True)
            if 0 < slo_s < step_s
        ]
    except (ArithmeticError, AttributeError, LookupError, RackplanError, TypeError, ValueError):
        return []  # told elsewhere
