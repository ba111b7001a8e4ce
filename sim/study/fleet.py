"""Nodes that come and go beside jobs: what starts them, and what was wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.engine import Clock, Cluster
from sim.engine.fleet import Fleet
from sim.engine.node_scaling import Watch, control
from sim.errors import ScenarioError
from sim.rng import Streams
from sim.state import Inventory, JobState, State
from sim.state.arrays import B1
from sim.state.fleet import Fled, Stage
from sim.state.supply import Terms

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


def reach(scenario: Scenario) -> list[tuple[Terms, int, bool]]:
    """Return of each pool its terms, how many of its nodes may be there at once, and if that lasts.

    It does not where nodes are interrupted and never asked for again.
    """
    inventory, found = scenario.cluster.inventory(), []
    changes, all_terms = scenario.growth.changes(inventory), scenario.supply.terms(inventory)
    asked = asked_for(scenario, all_terms)
    for pool, terms in enumerate(all_terms):
        bought = sum(c.nodes for c in changes if c.pool == pool and c.nodes > 0 and c.at_s > 0.0)
        many = min(terms.start + bought, terms.places)
        if asked[pool]:
            many = max(many, terms.most)
        found.append((terms, many, bool(asked[pool] or terms.spot_mtbf_s == np.inf)))
    return found


def asked_for(scenario: Scenario, terms: Sequence[Terms]) -> B1:
    """Return of which pools nodes may be asked for in the run, and come, (p,)."""
    scaler = scenario.node_scaler
    if scaler.every_s == np.inf:
        return np.zeros(len(terms), np.bool_)
    may = scaler.asks(np.array([t.node_h_usd for t in terms]))
    return may & np.array([t.refused_frac < 1.0 for t in terms])


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
        never = not scaler.asks(np.array([t.node_h_usd for t in fleet.terms])).any()
        why = f"; it {scaler.asks_only}" if never else ""
        clock.process(control(fleet, watch, scaler.wish, scaler.every_s, scaler.notice_s, why))
    return fleet


def vanished(scenario: Scenario, fled: Fled | None, state: State, jobs: int) -> list[str]:
    """Return a note where nodes were interrupted and nobody asked for new ones.

    The first `jobs` are such, the others replicas.
    """
    if fled is None:
        return []
    asked, terms = asked_for(scenario, fled.terms), fled.terms
    first = np.array([t.first for t in terms])
    pool = np.searchsorted(first, [s.node for s in fled.spans if s.why == "interrupted"], "right")
    gone = np.bincount(pool - 1, minlength=len(terms)) * ~asked
    if not gone.any():
        return []
    of = ", ".join(f"{many} of pool {t.pool}" for many, t in zip(gone, terms, strict=True) if many)
    price = np.array([t.node_h_usd for t in terms])
    refused = scenario.node_scaler.every_s < np.inf and scenario.node_scaler.asks(price)[gone > 0]
    why = ("supply.refused_frac lets none come: must be below 1" if np.all(refused)
           else f"node_scaler {scenario.node_scaler.asks_only}")  # fmt: skip
    wait = int((state.jobs.state[:jobs] == JobState.WAITING).sum())
    end = f"; {wait:,} job{'s wait' if wait != 1 else ' waits'} to the end" if wait else ""
    return [f"supply.spot_mtbf_s: nodes were interrupted, {of}, and no others came for them: "
            f"{why}{end}"]  # fmt: skip
