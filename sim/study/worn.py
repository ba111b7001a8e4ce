"""Jobs that failures and interruptions of nodes hardly ever let come through."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.errors import ScenarioError
from sim.state import JobState, State
from sim.state.arrays import F8, I8
from sim.study.fleet import reach

if TYPE_CHECKING:
    from sim.study.scenario import Scenario

HARDLY, HOPELESS = 1e2, 1e4
"""Starts expected of a job that is stopped: from so many on it is told of, or refused."""
HALVINGS = 50


class Spot(NamedTuple):
    """How often the nodes of a kind are interrupted, for a job on k of them."""

    rate: F8  # (most + 1,) of k nodes together, those first that are interrupted the least
    notice_s: float  # the longest


class Wear(NamedTuple):
    """What stops do to each job, (n,), on the kind of node where it has the best of it."""

    starts: F8  # expected before it comes through, or more
    nodes: I8
    run_s: F8
    spot: F8  # the same starts, of interruptions alone


def saved_s(state: State) -> F8:
    """Return how much work each job does from one checkpoint to the next, (n,); inf if to none."""
    f = state.fabric
    if not f.on:
        return np.full(len(state.jobs.gpus), np.inf)
    return np.where(f.mean_Bps > 0.0, f.every_s[0], np.inf)


def spots(scenario: Scenario, state: State) -> list[Spot]:
    """Return a row a kind of node, over all that may be there for as long as the run lasts.

    Nodes that are interrupted, and that nobody asks for again, are none of these.
    """
    rate, notice_s = np.full(len(state.nodes.kind), np.nan), np.zeros(len(state.nodes.kind))
    for terms, many, lasting in reach(scenario):
        nodes = slice(terms.first, terms.first + many if lasting else terms.first)
        rate[nodes] = 1.0 / terms.spot_mtbf_s
        notice_s[nodes] = terms.notice_s if terms.spot_mtbf_s < np.inf else 0.0
    found = []
    for kind in range(len(state.kinds.size)):
        own = (state.nodes.kind == kind) & ~np.isnan(rate)
        least = np.cumsum(np.concatenate([[0.0], np.sort(rate[own])]))
        found.append(Spot(least, float(notice_s[own].max(initial=0.0))))
    return found


def sinking(rate: F8, lost_s: float) -> F8:
    """Return by which part y of a rate of stops the starts of a job grow: exp(y x rate x run).

    Stops come at `rate`, (k,), and each costs the last `lost_s` of work done. If that is all of it,
    y is 1, and so many starts are the mean. Else the work done is a walk that rises by exponential
    times and falls by `lost_s`, never below 0. With a the falls a rise, it sinks in the mean if
    a > 1: then y = 1 - exp(-a y), and it needs so many starts at least; else y is 0.

    Source: Lundberg's exponent; Asmussen, Ruin Probabilities.
    Neglects: the few starts of a walk that rises.
    """
    with np.errstate(invalid="ignore"):
        falls = np.where(rate > 0.0, rate * max(lost_s, 0.0), 0.0)
    low, high = np.zeros(len(rate)), np.ones(len(rate))
    for _ in range(HALVINGS):
        mid = (low + high) / 2.0
        under = 1.0 - np.exp(-falls * mid) >= mid
        low, high = np.where(under, mid, low), np.where(under, high, mid)
    return low


def wear(scenario: Scenario, state: State) -> Wear:
    """Return what failures and interruptions do to each job, (n,).

    A failure costs all work since the last checkpoint; an interruption of one of its nodes as
    much, after a notice in which the job goes on, and `supply.lost_s` at most.

    Neglects: that elastic jobs may have fewer nodes; whatever slows a job.
    """
    hits_per_s = sum(process.hits_per_s for process in scenario.processes)
    lost_s = np.inf if scenario.supply.lost_s is None else scenario.supply.lost_s
    jobs, limits, saved = state.jobs, scenario.limits.rule(), saved_s(state)
    n = len(jobs.gpus)
    best, alone, run_best = np.full(n, np.inf), np.zeros(n), np.zeros(n)
    nodes = np.ones(n, np.int64)
    for kind, spot in enumerate(spots(scenario, state)):
        size = max(int(state.kinds.size[kind]), 1)
        many = np.maximum(np.where(jobs.chunk_gpus < 0, -(-jobs.gpus // size), jobs.chunks), 1)
        speed = state.kinds.speed[jobs.klass, kind]
        may = (speed > 0.0) & (many < len(spot.rate))
        with np.errstate(divide="ignore"):
            run_s = np.where(may, jobs.work_s / speed, 0.0)
        if limits.kills:
            run_s = np.minimum(run_s, jobs.walltime_s + limits.over_s)
        held = np.where(may, many, 0)
        rates = spot.rate[: int(held.max(initial=0)) + 1]
        grows = sinking(rates, lost_s - spot.notice_s) * rates
        whole_s, part_s = (np.maximum(s - spot.notice_s, 0.0) for s in (run_s, saved))
        torn = grows[held] * whole_s
        kept = np.isfinite(part_s)
        torn[kept] = np.minimum(torn, rates[held] * np.where(kept, part_s, 0.0))[kept]
        log = np.where(may, many * hits_per_s * np.minimum(run_s, saved) + torn, np.inf)
        better = log < best
        best, alone = np.where(better, log, best), np.where(better, torn, alone)
        nodes, run_best = np.where(better, many, nodes), np.where(better, run_s, run_best)
    with np.errstate(over="ignore"):
        starts = np.exp(np.where(np.isfinite(best), best, 0.0))
        return Wear(starts, nodes, run_best, np.exp(alone))


def worn(scenario: Scenario, state: State, name: Callable[[int], str], many: int) -> list[str]:
    """Return a note on jobs that stops hardly ever let come through; replicas are none.

    Where that is beyond all hope and nothing ends the run, ScenarioError says so before it.
    """
    hit = any(process.hits_per_s > 0.0 for process in scenario.processes)
    if not hit and not any(lasting and terms.spot_mtbf_s < np.inf
                           for terms, _, lasting in reach(scenario)):  # fmt: skip
        return []
    found = wear(scenario, state)
    starts = found.starts[:many]
    rows = np.flatnonzero((starts > HARDLY) & (state.jobs.state[:many] != JobState.UNFIT))
    if not rows.size:
        return []
    worst = int(rows[np.argmax(starts[rows])])
    who = "1 job" if rows.size == 1 else f"{rows.size:,} jobs, the worst"
    failed, spot = starts[worst] > 2.0 * found.spot[worst], found.spot[worst] > 2.0
    cause = " and ".join(
        what for what, is_so in (("failures", failed), ("supply.spot_mtbf_s", spot)) if is_so
    )
    ways = ["a longer failures.mtbf_s"] if failed else []
    if spot:
        kept = scenario.supply.lost_s is None
        ways.append("supply.lost_s, such as '30 min', the most that an interrupted job does again"
                    if kept else "a shorter supply.lost_s")  # fmt: skip
        ways.append("a longer supply.spot_mtbf_s")
    text = (
        f"{cause}: {'begin' if failed else 'begins'} a job anew, and {who} {name(worst)} on "
        f"{found.nodes[worst]} nodes for {found.run_s[worst] / 3600:,.0f} h would start "
        f"{starts[worst]:.3g} times before it came through"
    )
    remedies = ", ".join(ways)
    if starts[worst] > HOPELESS and scenario.horizon_s == np.inf:
        raise ScenarioError([f"{text}; must be fewer: set {remedies}, shorter jobs, or horizon_s, "
                             "at which the run ends"])  # fmt: skip
    return [f"{text}; {remedies} or shorter jobs would end it"]
