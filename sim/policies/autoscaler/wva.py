"""llm-d's Workload Variant Autoscaler in its saturation mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.autoscaler.base import F8, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.behaviour import AbstractBehaviour
from sim.policies.autoscaler.metrics import bounded, have


@final
@dataclass(frozen=True)
class Wva(AbstractBehaviour):
    """One more when the replicas that are not saturated have too little to spare, else one fewer
    if the rest would still have enough.

    Saturated: KV share >= `kv_frac` or waiting >= `queue`. Spare is what is missing to that, mean
    over the others; one more below `kv_spare_frac` or `queue_spare`, or when none is left; none
    while replicas start. One fewer if load x n / (n - 1) leaves at least that spare, n >= 2. It
    only recommends: Kubernetes' autoscaler acts, with its windows and rates.

    Source: llm-d workload-variant-autoscaler b08b1c7, saturation-scaling-config: 0.8, 5, 0.1,
    3; the windows are Kubernetes' defaults, every 30 s is ours.
    Neglects: several variants of a model and their prices; its model-based mode; the tolerance of
    Kubernetes' autoscaler, which would keep 10 where 11 is recommended.
    """

    kv_frac: float = 0.8
    queue: float = 5.0
    kv_spare_frac: float = 0.1
    queue_spare: float = 3.0
    every_s: float = 30.0
    scrape_s: float = 15.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self, shares=("kv_frac", "kv_spare_frac"), counts=("queue", "queue_spare")))

    def short(self, kv: float, waiting: float) -> bool:
        """Return whether mean loads leave too little to spare."""
        spare_kv, spare_queue = self.kv_frac - kv, self.queue - waiting
        return spare_kv < self.kv_spare_frac or spare_queue < self.queue_spare

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return what becomes of one more, one fewer, or what there is."""
        return self.behave(seen, bounded(seen, have(seen) + self.step(seen)), notes)

    def step(self, seen: Seen) -> int:
        """Return 1, -1 or 0."""
        kv, waiting = seen.replica_kv_share, seen.replica_waiting
        if len(kv) == 0 or seen.starting > 0:
            return 0
        well = (kv < self.kv_frac) & (waiting < self.queue)
        n = int(well.sum())
        if n == 0 or self.short(float(kv[well].mean()), float(waiting[well].mean())):
            return 1
        load = float(kv[well].sum()), float(waiting[well].sum())
        return 0 if n < 2 or self.short(load[0] / (n - 1), load[1] / (n - 1)) else -1
