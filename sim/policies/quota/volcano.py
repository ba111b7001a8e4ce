"""Volcano's queues, by its plugin proportion or capacity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, final

from sim.policies.quota.base import SCALE, AbstractQuota, Reader, Shared, Tree, Ways
from sim.state.fair_share import AS_TOLD, BY_WEIGHT, Split

PLUGINS = {"proportion": BY_WEIGHT, "capacity": AS_TOLD}
KINDS = ("guarantee_", "", "capability_")


@final
@dataclass(frozen=True)
class Volcano(AbstractQuota):
    """Queues deserve a part of the cluster; the one with the least share of it held is next.

    By `proportion` what a queue deserves follows its `weight`, at most its capability_… and what it
    asks, at least guarantee_…, and no queue holds more. By `capacity` it is told as gpus, cpus,
    mem_bytes; a queue may hold more while it is idle, up to its capability. With `reclaim`, who
    holds less than it deserves takes back by eviction from those that hold more and are
    `reclaimable`. What is guaranteed to others no queue may hold.

        deserved = max(guarantee, min(deserved + rest x weight / sum of weights, capability, ask))

    Source: Volcano, plugins/proportion, plugins/capacity; actions allocate, reclaim.
    Neglects: its session of 1 s (here a pass an event), enqueue and overcommit, drf among jobs of a
    queue, elastic jobs, that the plugin gang spares jobs of many pods; proportion has no parents,
    here they divide as queues do; jobs alike that find no nodes count once in a pass.
    """

    queues: Mapping[str, Any] = field(default_factory=dict)
    parents: Mapping[str, Any] = field(default_factory=dict)
    default: str | None = None
    plugin: Literal["proportion", "capacity"] = "proportion"
    reclaim: bool = True

    def tree(self) -> Tree:
        """Return the tree; ScenarioError holds all faults at once."""
        read = Shared(Reader("queues", "parents", "parent"), "weight", KINDS)
        parents = read.inner(self.parents)
        queues = read.leaves(self.queues, parents, "reclaimable")
        if self.plugin not in PLUGINS:
            read.reader.fault("plugin", self.plugin, f"one of {', '.join(PLUGINS)}")
        if self.plugin == "proportion":
            read.without(SCALE, "null: proportion goes by weight, plugin=capacity by amounts")
        split = Split(
            PLUGINS.get(self.plugin, BY_WEIGHT), bounded=self.plugin == "proportion",
            quota_first=False, takes=read.flag("reclaim", self.reclaim),
            limit=read.amounts["capability_"],
            least=read.amounts["guarantee_"], priority=read.priority, keeps=read.keeps,
        )  # fmt: skip
        return read.tree(queues, parents, Ways(), split, self.default)
