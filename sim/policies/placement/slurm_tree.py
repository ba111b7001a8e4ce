"""Few leaves of a tree of switches, as Slurm chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.placement.base import F8, AbstractPlacement, Grouping, Nodes, Preference

RELEASES = ("v22.05", "v24.05", "v26.11")


@final
@dataclass(frozen=True)
class SlurmTree(AbstractPlacement):
    """The leaf that fits tightest; else leaf by leaf, the nearest, then the one with most free.

    Leaves are the racks of the cluster (of one rack: the leaves of its fabric), over them stand its
    pods, and over these, with `root`, one switch; a gang stays under one. A job that asks for at
    most so many `switches` waits for them for its `switches_wait_s`, `max_switch_wait_s` at most,
    from when it may first be scheduled. That its wait is over is seen in the pass of an event, or
    at multiples of `sched_interval_s`; 0 sees it at once; null is slurm.conf's default: 60 s, the
    main scheduler's sched_interval, from 26.11 on bf_interval's 30 s. Every node of a gang must
    have as many GPUs free as the first. From 24.05 on a nearer leaf is preferred only where it
    fits; from 26.11 on one node is the first with room.

    Source: Slurm, topology/tree (eval_nodes_tree.c; job_test.c of 22.05); max_switch_wait,
    sched_interval and bf_interval of slurm.conf; backfill.c: a node planned for who waits makes
    the next cycle due, from 25.05 on also one that is allocated.
    Neglects: node weights, dragonfly, TopoOptional, leaves at different depths (each lies under a
    pod; a fabric's tree with others is refused); up to 24.11 the cycles that are due because an
    idle node is planned.
    """

    release: Literal["v22.05", "v24.05", "v26.11"] = "v26.11"
    root: bool = True
    max_switch_wait_s: float = 300.0
    sched_interval_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown release and times below 0."""
        found = []
        if self.release not in RELEASES:
            found.append(f"placement.release: is {self.release!r}; must be {' or '.join(RELEASES)}")
        found += [
            f"placement.{name}: is {getattr(self, name)!r}; must be a time >= 0"
            for name in ("max_switch_wait_s", "sched_interval_s")
            if (name, getattr(self, name)) != ("sched_interval_s", None)
            and not getattr(self, name) >= 0.0
        ]
        if found:
            raise ScenarioError(found)

    def preference(self, free: F8, nodes: Nodes, jobs: int, rng: np.random.Generator) -> Preference:
        """Return all levels and nodes alike, on leaves."""
        del jobs, rng
        usual_s = 30.0 if self.release == "v26.11" else 60.0
        want = Grouping(
            first_alone=self.release == "v26.11", fit_first=self.release != "v22.05",
            root=self.root, most_wait_s=self.max_switch_wait_s,
            poll_s=usual_s if self.sched_interval_s is None else self.sched_interval_s,
        )  # fmt: skip
        return Preference(np.zeros(len(free)), np.zeros(len(nodes.kind)), topology=want)
