"""Nodes that come and go beside jobs: what starts them, and what was wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.engine import Clock, Cluster
from sim.engine.fleet import Fleet
from sim.engine.node_scaling import Watch, control
from sim.errors import ScenarioError
from sim.rng import Streams
from sim.state import Inventory
from sim.state.fleet import Stage

if TYPE_CHECKING:
    from sim.study.scenario import Scenario


def fleet_issues(scenario: Scenario) -> list[str]:
    """Return the faults of supply, growth and a scaler of one pool on this cluster."""
    found: list[str] = []
    try:
        inventory = scenario.cluster.inventory()
    except (ScenarioError, AttributeError):
        return []  # told elsewhere
    for ask in (scenario.supply.terms, scenario.growth.changes):
        try:
            ask(inventory)
        except ScenarioError as error:
            found += error.issues
    pool, many = getattr(scenario.node_scaler, "pool", 0), len(inventory.pools)
    if pool >= many:
        found.append(f"node_scaler.pool: is {pool}; must be below {many}, the cluster's pools, "
                     "counted from 0")  # fmt: skip
    return found or beyond_supply(scenario, inventory)


def beyond_supply(scenario: Scenario, inventory: Inventory) -> list[str]:
    """Return what a plan of nodes asks for that their supply never lets be."""
    plan = getattr(scenario.node_scaler, "plan", ())
    if not plan:
        return []
    term = scenario.supply.terms(inventory)[getattr(scenario.node_scaler, "pool", 0)]
    rules = dict(sorted(map(tuple, plan)))  # of an hour named twice the most
    low, early = min((int(n), hour) for hour, n in rules.items())
    high, late = max((int(n), hour) for hour, n in rules.items())
    found = []
    if low < term.least:
        found.append(f"supply.min_nodes: is {term.least} in pool {term.pool}; must be at most "
                     f"{low:g}, what node_scaler.plan leaves there from hour {early:g} on: those "
                     "above it are never lent; lower min_nodes, or raise the plan")  # fmt: skip
    if high > term.most:
        found.append(f"node_scaler.plan: has {high:g} nodes in pool {term.pool} from hour "
                     f"{late:g} on; must have at most {term.most}, all that may ever be there: "
                     "lower the plan, or raise supply.max_nodes or the pool's nodes")  # fmt: skip
    return found


def fleet_of(
    scenario: Scenario, inventory: Inventory, clock: Clock, cluster: Cluster, streams: Streams
) -> Fleet | None:
    """Start the nodes' comings and goings on the clock; None where all stay as they are."""
    scaler, supply = scenario.node_scaler, scenario.supply
    asks, changes = scaler.every_s < np.inf, scenario.growth.changes(inventory)
    if not (asks or supply.alive or changes):
        return None
    lost_s = np.inf if supply.lost_s is None else supply.lost_s
    fleet = Fleet(clock, cluster, supply.terms(inventory), lost_s, streams)
    last = [t.first + t.places for t in fleet.terms]
    for change in [c for c in reversed(changes) if c.nodes > 0 and c.at_s > 0.0]:
        nodes = range(last[change.pool] - change.nodes, last[change.pool])
        last[change.pool] = nodes.start
        for node in nodes:
            fleet.away(node, Stage.ABSENT)
        clock.process(fleet.deliver(change, nodes))
    for change in changes:
        if change.nodes < 0:
            clock.process(fleet.retire(change))
    for terms, end in zip(fleet.terms, last, strict=True):
        for node in range(terms.first + terms.start, end):
            fleet.away(node, Stage.LENT if fleet.pool[node] == scaler.lends else Stage.OFF)
    for node in np.flatnonzero(fleet.stage == Stage.ON).tolist():
        fleet.watch_spot(node)
    if asks:
        watch = Watch(fleet, supply.moves_jobs)
        clock.process(control(fleet, watch, scaler.wish, scaler.every_s, scaler.notice_s))
    return fleet
