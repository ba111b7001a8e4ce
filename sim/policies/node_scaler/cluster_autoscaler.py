"""Kubernetes' Cluster Autoscaler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from sim.policies.node_scaler.backoff import backed_off
from sim.policies.node_scaler.base import F8, AbstractNodeScaler, FleetSeen, NodeWish, refuse, wrong
from sim.policies.node_scaler.expander import expand
from sim.policies.node_scaler.unneeded import ADDED, FAILED, REMOVED, UNNEEDED, Idle, unneeded

Expander = Literal["least_waste", "least_waste_gpus", "most_pieces", "price"]


@final
@dataclass(frozen=True)
class ClusterAutoscaler(AbstractNodeScaler):
    """What fits nowhere gets new nodes of the one pool that the expander likes best, scan by scan.

    Nodes that boot count as there. A node goes after `unneeded_s` below `used_frac` of its GPUs
    (of its CPUs if it has none), if all that runs on it may move and fits on another: empty ones
    `most_empty` a scan, others one. Not within `after_add_s`, `after_remove_s`, `after_failure_s`
    of such a thing. A pool that failed is left alone for `backoff_s`, doubling.
    `least_waste` is the product's: CPUs alone, GPUs do not count.

    Source: Cluster Autoscaler FAQ and flags: scan 10 s, expander least-waste, 10 min, 0.5, 10 min,
    3 min, 10 empty nodes at once, back-off 5 to 30 min, forgotten after 3 h.
    Neglects: memory, taints, gangs (each piece is asked for alone), similar pools in balance, nodes
    given up (15 min) or not ready (20 min).
    """

    expander: Expander = "least_waste"
    used_frac: float = 0.5
    unneeded_s: float = 600.0
    after_add_s: float = 600.0
    after_remove_s: float = 0.0
    after_failure_s: float = 180.0
    most_empty: int = 10
    backoff_s: float = 300.0
    backoff_most_s: float = 1800.0
    backoff_forget_s: float = 10800.0
    every_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self, shares=("used_frac",), counts=("most_empty",)))

    def wish(self, seen: FleetSeen, notes: F8) -> NodeWish:
        """Return the nodes of one pool, or those that have been unneeded for long enough."""
        rest = self.backoff_s, self.backoff_most_s, self.backoff_forget_s
        closed, failures = backed_off(seen, notes, *rest)
        add = expand(seen, self.expander, closed)
        idle = unneeded(seen, notes, Idle(self.used_frac, self.unneeded_s, self.most_empty))
        last_s = {w: float(notes[notes[:, 0] == w, 1].max(initial=-np.inf))
                  for w in (ADDED, REMOVED, FAILED)}  # fmt: skip
        last_s[ADDED] = seen.now_s if add.any() else last_s[ADDED]
        last_s[FAILED] = seen.now_s if seen.failed.any() else last_s[FAILED]
        waits = ((ADDED, self.after_add_s), (REMOVED, self.after_remove_s),
                 (FAILED, self.after_failure_s))  # fmt: skip
        calm = all(seen.now_s >= last_s[what] + wait_s for what, wait_s in waits)
        remove = idle.remove & calm & ~add.any()
        last_s[REMOVED] = seen.now_s if remove.any() else last_s[REMOVED]
        since = [(UNNEEDED, at_s, node) for node, at_s in idle.since]
        rows = [(what, at_s, 0.0) for what, at_s in last_s.items() if at_s > -np.inf] + since
        made = np.array(rows, np.float64).reshape(-1, 3)
        return NodeWish(add, remove, np.concatenate([made, failures]))
