"""Kueue's cluster queues and cohorts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, final

from sim.policies.quota.base import LIMITS, AbstractQuota, Reader, Tree, Ways
from sim.state.quota import ANY, FINAL, INITIAL, LOWER, LOWER_OR_NEWER, NEVER

POLICIES = {
    "within_cluster_queue": {
        "Never": NEVER, "LowerPriority": LOWER, "LowerOrNewerEqualPriority": LOWER_OR_NEWER,
    },
    "reclaim_within_cohort": {"Never": NEVER, "LowerPriority": LOWER, "Any": ANY},
    "borrow_within_cohort": {"Never": NEVER, "LowerPriority": LOWER},
    "queueing_strategy": {"BestEffortFIFO": 0, "StrictFIFO": 1},
    "when_can_borrow": {"MayStopSearch": 0, "TryNextFlavor": 1},
    "when_can_preempt": {"MayStopSearch": 0, "TryNextFlavor": 1},
}  # fmt: skip
STRATEGIES = {"LessThanOrEqualToFinalShare": FINAL, "LessThanInitialShare": INITIAL}
OWN = ("cohort", "tenants", "weight", "flavors", "max_priority_threshold", *LIMITS, *POLICIES)


@final
@dataclass(frozen=True)
class Kueue(AbstractQuota):
    """Jobs wait in the queue of their tenant for quota, then for nodes, holding it.

    A queue has `tenants`, a `cohort`, a `weight`, and gpus, cpus, mem_bytes with borrow_… and
    lend_… limits, together or under `flavors` for each GPU type, in order of liking. Of the other
    knobs a queue may have its own. Order within it is the queue policy's: `queue=priority`. With
    `partial_admission` a job with min_gpus that finds no quota is admitted with fewer GPUs.

    Source: Kueue (kueue.sigs.k8s.io) 0.17: cluster queue, cohort, preemption, fair sharing.
    Neglects: that evictions take time (who evicts has the quota at once, and whoever gave way
    evicts nobody at that instant); flavors for cores and memory apart from the GPUs'; admission
    checks, admission fair sharing; more GPUs than one a pod; jobs alike are refused together.
    """

    queues: Mapping[str, Any] = field(default_factory=dict)
    cohorts: Mapping[str, Any] = field(default_factory=dict)
    default: str | None = None
    queueing_strategy: Literal["BestEffortFIFO", "StrictFIFO"] = "BestEffortFIFO"
    within_cluster_queue: Literal["Never", "LowerPriority", "LowerOrNewerEqualPriority"] = "Never"
    reclaim_within_cohort: Literal["Never", "LowerPriority", "Any"] = "Never"
    borrow_within_cohort: Literal["Never", "LowerPriority"] = "Never"
    max_priority_threshold: float | None = None
    when_can_borrow: Literal["MayStopSearch", "TryNextFlavor"] = "MayStopSearch"
    when_can_preempt: Literal["MayStopSearch", "TryNextFlavor"] = "TryNextFlavor"
    fair_sharing: bool = False
    preemption_strategies: Sequence[str] = tuple(STRATEGIES)
    partial_admission: bool = True

    def ways(self, read: Reader, path: str, given: Mapping[str, Any]) -> Ways:
        """Return how a queue goes about it: its own knobs, else those of all."""
        code = {}
        for knob, words in POLICIES.items():
            word = given.get(knob) or getattr(self, knob)
            if word not in words:
                read.fault(f"{path}.{knob}", word, f"one of {', '.join(words)}")
            code[knob] = words.get(word, 0)
        to_borrow, threshold = code["borrow_within_cohort"], self.max_priority_threshold
        threshold = given.get("max_priority_threshold", threshold)
        least = float("inf") if threshold is None else threshold
        least = read.number(f"{path}.max_priority_threshold", least, "a number, or null")
        if to_borrow != NEVER and (self.fair_sharing or code["reclaim_within_cohort"] == NEVER):
            remedy = "Never with fair_sharing, or where reclaim_within_cohort is Never"
            read.fault(f"{path}.borrow_within_cohort", "LowerPriority", remedy)
        return Ways(
            read.names(f"{path}.tenants", given.get("tenants")), bool(code["queueing_strategy"]),
            code["within_cluster_queue"], code["reclaim_within_cohort"], to_borrow,
            least,
            bool(code["when_can_borrow"]), bool(code["when_can_preempt"]),
        )  # fmt: skip

    def tree(self) -> Tree:
        """Return the tree; ScenarioError holds all faults at once."""
        read = Reader()
        strategies = read.chosen("preemption_strategies", self.preemption_strategies, STRATEGIES)
        cohorts = read.cohorts(self.cohorts, ("parent", "weight", "flavors", *LIMITS))
        queues = read.queues(self.queues, OWN, cohorts)
        told = [one if isinstance(one, Mapping) else {} for one in read.told_of(self.queues)]
        both = zip(queues, told, strict=True)
        ways = tuple(self.ways(read, f"queues.{part.name}", one) for part, one in both)
        read.told(queues, cohorts)
        read.whole(queues, ways, self.default)
        return Tree(queues, ways, cohorts, self.default or "", fair=self.fair_sharing,
                    strategies=strategies, partial=self.partial_admission)  # fmt: skip
