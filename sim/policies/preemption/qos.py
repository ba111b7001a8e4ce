"""Who gives way is said by quality of service, as Slurm's preempt/qos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.preemption.base import AbstractPreemption, Qos, Yield, wrong
from sim.policies.preemption.listed import faults
from sim.policies.preemption.tail import WEIGHTS, Mode
from sim.state.words import Way


@final
@dataclass(frozen=True)
class ByQos(AbstractPreemption):
    """A blocked job takes the nodes of running jobs whose `qos` its own may preempt.

    `qoses` says of each QOS: `priority`, lowest gives way first, then the smallest job; `preempts`,
    a list of others; `exempt_s` and `mode` (requeue or cancel) of its own jobs, else those of all.
    `within` lets a QOS preempt its own jobs behind in the queue's order, `by_priority` any only
    there. A job without a QOS neither takes nor gives. Other knobs as in `Tail`.

    Source: Slurm, preempt/qos (preempt_qos.c), PreemptMode with WITHIN and PRIORITY,
    PreemptExemptTime, preempt_reorder_count, preempt_youngest_first.
    Neglects: as `Tail`; GraceTime; that only the first blocked job takes nodes, while Slurm's
    backfill lets those behind it take some too; suspension by QOS; the size is in GPUs, not nodes.
    """

    qoses: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = "requeue"
    exempt_s: float = 0.0
    within: bool = False
    by_priority: bool = False
    youngest_first: bool = False
    checkpoint_s: float = float("inf")
    cost_s: float = 0.0
    requeue_delay_s: float = 120.0
    recheck: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be: every fault at once."""
        found = [*wrong(self), *faults(self.qoses)]
        if self.recheck < 0:
            found.append(f"preemption.recheck: is {self.recheck!r}; must be a whole number >= 0")
        if found:
            raise ScenarioError(found)

    def names(self) -> Mapping[str, tuple[str, Iterable[str]]]:
        """Return the QOS that are told of."""
        return {"preemption.qoses": ("QOS", self.qoses)}

    def rule(self) -> Yield:
        """Return a rule by which jobs give way from anywhere in the order."""
        order = WEIGHTS["youngest" if self.youngest_first else "slurm"]
        return Yield(
            tail=True, min_run_s=self.exempt_s, checkpoint_s=self.checkpoint_s, cost_s=self.cost_s,
            requeue_s=self.requeue_delay_s, cancels=self.mode == "cancel",
            suspends=self.mode == "suspend", recheck=self.recheck,
        )._replace(**order)  # fmt: skip

    def between(self, qoses: Sequence[str]) -> Qos:
        """Return who takes from whom, when and how they go, by the codes of the jobs' QOS."""
        told = [self.qoses.get(name) or {} for name in qoses]
        over = Way.BEHIND if self.by_priority else Way.ALWAYS
        way = np.zeros((len(qoses), len(qoses)), np.int64)
        for i, one in enumerate(told):
            for k, name in enumerate(qoses):
                way[i, k] = over if name in (one.get("preempts") or ()) else Way.NEVER
            if self.within and qoses[i] in self.qoses:
                way[i, i] = Way.BEHIND
        exempt = [one.get("exempt_s") for one in told]
        return Qos(
            way, np.array([self.exempt_s if e is None else e for e in exempt], np.float64),
            np.array([(one.get("mode") or self.mode) == "cancel" for one in told], np.bool_),
            np.array([one.get("priority") or 0.0 for one in told], np.float64),
        )  # fmt: skip
