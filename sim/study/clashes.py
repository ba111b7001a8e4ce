"""Which choices of a scenario do not go together, and what no cluster can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sim.engine import LinkFailures, Phases, SwitchFailures
from sim.errors import ScenarioError
from sim.policies.autoscaler import NoAutoscaler
from sim.policies.placement import AbstractPlacement
from sim.state import AbstractCluster, AbstractFabric, Inventory, NoFabric
from sim.state.beyond import line_of
from sim.state.mig import faults_of
from sim.state.quota import LIMITS, SHARES
from sim.state.tree import Cap, queue_of
from sim.workload import NoStorage, SameForAll
from sim.workload.services import AbstractServices

if TYPE_CHECKING:
    from sim.study.scenario import Scenario

MOST_NODES, MOST_GPUS = 10_000_000, 10_000
"""Nodes in all, and GPUs on one, for which there is memory: beyond it something was mistyped."""


def too_large(inventory: Inventory) -> list[str]:
    """Return the faults of a cluster for which no memory would do."""
    found = []
    for i, pool in enumerate(inventory.pools):
        path = inventory.place(i)
        if pool.nodes > MOST_NODES:
            found.append(f"{path}.nodes: is {pool.nodes}; must be at most {MOST_NODES:,}")
        if pool.gpus_per_node > MOST_GPUS:
            found.append(
                f"{path}.gpus_per_node: is {pool.gpus_per_node}; must be at most {MOST_GPUS:,}"
            )
    return found


def misfits(scenario: Scenario) -> list[str]:
    """Return with which other choices jobs cannot be resized."""
    found, resized = [], getattr(scenario.elastic, "refresh_s", np.inf) < np.inf
    scores = getattr(type(scenario.placement), "scoring", None) is not AbstractPlacement.scoring
    if resized and scores:
        found.append(
            f"placement: is {type(scenario.placement).__name__}, which scores nodes for jobs whose "
            "size stays; beside elastic it must be one that does not, such as pack"
        )
    if resized and scenario.rounds():
        found.append(
            "preemption.round_s: is set beside elastic, which says by elastic.refresh_s when jobs "
            "are sized: set preemption.round_s=0"
        )
    return found


def beside_quota(scenario: Scenario) -> list[str]:
    """Return with which other choices there can be no quota."""
    try:
        gives, rule, tree = (
            scenario.preemption.rule(),
            scenario.backfill.rule(),
            scenario.quota.tree(),
        )
    except (ScenarioError, AttributeError):
        return []  # told elsewhere
    found = []
    if tree is None:
        return []
    if gives.tail or gives.rebuild or gives.most_moved > 0 or gives.round_s > 0.0:
        why = (
            "who is over a limit waits, nobody gives way"
            if tree.rule == LIMITS
            else ("which takes back by itself")
        )
        found.append(
            f"preemption: is {type(scenario.preemption).__name__} beside a quota ({why}); "
            "must be none or reclaim"
        )
    if scenario.queue.deals:
        found.append(
            f"queue: is {type(scenario.queue).__name__}, which deals kinds of node itself beside a "
            "quota, which gives a flavor; must be one that only orders jobs, or quota=none"
        )
    planned = rule.reserves > 1 or (rule.reserves and not rule.by_nodes)
    cycle = rule.interval_s > 0.0
    if (tree.rule == LIMITS and planned and not cycle) or (
        tree.rule == SHARES and (planned or cycle)
    ):
        slurm = ", slurm" if tree.rule == LIMITS else ""
        found.append(
            f"backfill: is {type(scenario.backfill).__name__}, which plans for jobs that limits "
            f"may block; beside this quota it must be none, skip{slurm}, or easy with "
            "reservation=nodes"
        )
    if getattr(scenario.elastic, "refresh_s", np.inf) < np.inf:
        found.append("quota: is set beside elastic, but counts sizes that stay: set one of them")
    return found


def beside_services(scenario: Scenario) -> list[str]:
    """Return the faults of the services, and with which other choices there can be none."""
    if not isinstance(scenario.services, AbstractServices):
        return []  # told elsewhere
    found = scenario.services.issues()
    if found or not scenario.services.listed():
        return found
    names = {name for of, _ in scenario.services.listed() for name in (of.name, of.pool, of.title)}
    valid = sorted(names - {""})
    try:
        found += [
            f"autoscaler.policies: {name!r} is no service or pool; valid are {', '.join(valid)}"
            for name in scenario.autoscaler.names()
            if name not in valid
        ]
        gives = scenario.preemption.rule()
        deals = scenario.queue.deals
    except (ScenarioError, AttributeError):
        return []  # told elsewhere
    if getattr(scenario.elastic, "refresh_s", np.inf) < np.inf:
        found.append("elastic: sizes jobs beside services, whose replicas are jobs: must be none")
    if deals:
        found.append("queue: deals kinds of node beside services: must be one that orders jobs")
    if gives.rebuild or gives.most_moved > 0 or gives.round_s > 0.0 or gives.requeue_s > 0.0:
        found.append(
            f"preemption: is {type(scenario.preemption).__name__} beside services; must be none, "
            "or tail without rounds and delay"
        )
    return found


def endless(scenario: Scenario) -> list[str]:
    """Return which limits of a service's association no replica keeps: it has no end.

    Replicas are of no QOS.
    """
    try:
        tree = scenario.quota.tree()
        if tree is None or scenario.services.issues():
            return []  # told elsewhere
        names = sorted({of.name for of, _ in scenario.services.listed()})
        queues = queue_of(tree, names).tolist()
    except (ScenarioError, AttributeError):
        return []  # told elsewhere
    found: dict[str, str] = {}
    for name, queue in zip(names, queues, strict=True):
        for part in line_of(tree, tree.queues[queue].name):
            group = tree.leaf if part == tree.queues[queue].name else "accounts"
            cap = tree.caps.get(part, Cap())
            for knob in ("budget_gpu_s", "wall_s"):
                value, path = getattr(cap, knob), f"quota.{group}.{part}.{knob}"
                if value is not None:
                    found[path] = (
                        f"{path}: is {value:g} beside the service {name}, and a replica has no "
                        "end; must be null there: take it out, or name the service in the tenants "
                        "of another association"
                    )
    return list(found.values())


def beside_storage(scenario: Scenario) -> list[str]:
    """Return with which other choices jobs cannot write to storage over the fabric."""
    played = any(isinstance(process, Phases) for process in scenario.processes)
    if isinstance(scenario.storage, NoStorage) or not played:
        return []
    return [
        "storage: what jobs write is counted in the mean, but steps are played phase by phase; "
        "set steps=mean_field, or storage=none"
    ]


def unheld(scenario: Scenario) -> list[str]:
    """Return notes on numbers of replicas that an autoscaler names and a service does not allow."""
    found = []
    for of, _ in scenario.services.listed():
        for knob, many in scenario.autoscaler.counts(of.title).items():
            for name, odd, limit in (
                ("max_replicas", max(many) > of.most, of.most),
                ("min_replicas", min(many) < of.least, of.least),
            ):
                wish, way = (max(many), "raise") if name[:3] == "max" else (min(many), "lower")
                if odd:
                    found.append(
                        f"autoscaler.{knob}: names {wish:g} replicas, of which {of.title} is held "
                        f"to {limit}; {way} services.{of.dotted}{name}, or the autoscaler's"
                    )
    return found


def unfelt(scenario: Scenario, switched: Callable[[], bool]) -> list[str]:
    """Return notes on choices that change nothing beside the others.

    `switched` : whether the fabric tells of its switches, so that one can fail.
    """
    bare, found = isinstance(scenario.fabric, NoFabric), unheld(scenario)

    def has(*kinds: type) -> bool:
        return any(isinstance(process, kinds) for process in scenario.processes)

    if bare and scenario.comm != SameForAll():
        found.append("comm: there is no fabric, so nothing is sent; set one, as leaf_spine")
    if bare and has(Phases):
        found.append("steps: there is no fabric, so no phase is felt; set one, as leaf_spine")
    if bare and not isinstance(scenario.storage, NoStorage):
        found.append("storage: there is no fabric, so no write is felt; set one, as leaf_spine")
    if scenario.autoscaler != NoAutoscaler() and not scenario.services.listed():
        found.append("autoscaler: there is no service, so nothing is scaled; set services=llm")
    if bare and any(of.link_Bps > 0.0 for of, _ in scenario.services.listed()):
        found.append("services: link_shared, but there is no fabric; set one, as leaf_spine")
    if bare and has(LinkFailures, SwitchFailures):
        found.append(
            "link_failures: there is no fabric, so no link can fail; set one, as leaf_spine"
        )
    elif has(SwitchFailures) and not switched():
        found.append(
            "link_failures: this fabric tells of no switches where jobs cross it so, and none "
            "failed; set fabric.routing=ecmp, or link_failures=exponential"
        )
    return found


def of_cluster(scenario: Scenario) -> list[str]:
    """Return the faults of the cluster, and what the processes cannot do on it."""
    if not isinstance(scenario.cluster, AbstractCluster):
        return []  # told elsewhere
    try:
        inventory = scenario.cluster.inventory()
    except ScenarioError as error:
        return list(error.issues)
    nodes = sum(pool.nodes for pool in inventory.pools)
    found = too_large(inventory) + faults_of(inventory)
    if isinstance(scenario.fabric, AbstractFabric) and not found:
        found += scenario.fabric.issues(nodes, max(p.gpus_per_node for p in inventory.pools))
    return found + [text for process in scenario.processes for text in process.issues(nodes)]
