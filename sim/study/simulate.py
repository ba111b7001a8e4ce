"""One run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from sim import kernel
from sim.engine import Clock, Cluster, Stop, interruptible, relent
from sim.engine.paths import Finder
from sim.engine.rekey import in_order, refresh, soon
from sim.engine.services import Life
from sim.engine.sprayed import Sprayed
from sim.engine.transfers import over_fabric
from sim.errors import ScenarioError, blame
from sim.policies.queue import AbstractQueuePolicy, JobView
from sim.results import Result, result
from sim.rng import Streams
from sim.state import State
from sim.state.arrays import F8
from sim.state.beyond import told
from sim.state.columns import LEFT, NOW
from sim.state.fleet import Fled
from sim.state.services import Served
from sim.study.clashes import unfelt
from sim.study.demands import beyond
from sim.study.fleet import fleet_of, vanished
from sim.study.prepare import prepared
from sim.study.scenario import Scenario
from sim.study.services import (
    BEFORE_ALL,
    Asked,
    about,
    asked_of,
    extended,
    inputs_of,
    lives_of,
    notes_of,
    rejected_of,
    served,
    unborn,
)
from sim.study.sizing import Sizing, unused
from sim.study.told import cramped, in_vain, named, never_bought, stranded, strangers, unfit
from sim.study.worn import worn

LAST_ROW = 2**62
EVERY_S = 0.2
"""Wall-clock seconds between two reports of progress."""


@dataclass(frozen=True)
class Progress:
    """How far a run is: simulated time, jobs ended of all, waiting, running, wall-clock seconds.

    And requests answered or shed of all, where there are services; replicas are no jobs here.
    """

    now_s: float
    done: int
    jobs: int
    waiting: int
    running: int
    wall_s: float
    answered: int = 0
    requests: int = 0


def keys_of(
    queue: AbstractQueuePolicy, state: State, view: JobView, rows: np.ndarray, now_s: float
) -> F8:
    """Return a number a job in view; what the policy deals and remembers is written down."""
    if state.gives.deals:
        key, kind, notes = queue.deal(view, now_s)
        kernel.deal(state, rows, np.asarray(kind, np.int64), np.asarray(notes, np.float64))
        return key
    if state.notes.rise_s.size:
        state.notes.value[rows] = queue.remember(view, now_s)
    return queue.key(view, now_s)


def asker(queue: AbstractQueuePolicy, first: int = LAST_ROW) -> Callable[[State, float], None]:
    """Return what asks the queue policy about the waiting jobs and sorts them anew.

    Jobs from `first` on are replicas of services, before all others.
    """
    plain = not queue.deals and queue.remembers(1) == 0  # told once: it is asked very often
    rises = not plain and not queue.deals

    def ask(state: State, now_s: float) -> None:
        rows = kernel.standing(state)
        here = len(rows)
        if queue.foresees and queue.refresh_s > 0.0:
            rows = np.concatenate((rows, soon(state, now_s + queue.refresh_s)))
            if not rows.size:
                return
        view = JobView(state, rows, now_s)
        key = queue.key(view, now_s) if plain else keys_of(queue, state, view, rows, now_s)
        keys = np.asarray(key, np.float64)
        known = keys.shape == rows.shape
        if known and first < LAST_ROW:
            keys = np.where(rows >= first, BEFORE_ALL, keys)
        if known and (here or not queue.foresees):
            order = in_order(keys[:here], rows[:here])
            known = kernel.rekey(state, rows[order], keys[order])
        if known and len(rows) > here:
            state.jobs.key[rows[here:]] = keys[here:]
            known = not np.isnan(keys[here:]).any()
        if not known:
            raise ScenarioError([f"queue: {queue!r} must give one number a job, {rows.shape}"])
        turns = queue.turn_s(view, now_s)
        if turns is not None:
            state.jobs.turn_s[rows] = turns
        if rises:
            state.notes.rise_s[rows] = queue.rise_s(view, now_s)

    return plainly(ask)


def plainly(ask: Callable[[State, float], None]) -> Callable[[State, float], None]:
    """Return what asks the same; what a user's own policy raises is told as its fault."""

    def told(state: State, now_s: float) -> None:
        try:
            ask(state, now_s)
        except Exception as error:
            blame("queue", error, now_s)
            raise

    return told


def watcher(
    state: State, tell: Callable[[Progress], None], lives: Sequence[Life], places: int
) -> Callable[[State, float], None]:
    """Return what reports progress, a few times a second at most.

    Of the jobs so many are `places` of replicas; the services come to be in `lives`.
    """
    began, last = time.perf_counter(), [0.0]
    jobs = int(state.face.n[LEFT]) - places

    def pause(now: State, now_s: float) -> None:
        wall_s = time.perf_counter() - began
        if wall_s - last[0] >= EVERY_S:
            last[0] = wall_s
            left = int(now.face.n[LEFT]) - sum(len(life.slots) for life in lives if not life.over)
            waiting = int(now.queue.n[2] + now.quota.n[0])
            running = int(now.running.n[2])
            far = np.array([life.run.far() for life in lives], np.int64).reshape(-1, 2).sum(axis=0)
            tell(Progress(now_s, jobs - left, jobs, waiting, running, wall_s, *far.tolist()))

    return pause


def without_order(state: State, jobs: int) -> list[str]:
    """Return a note where the queue policy told no job from another, as FIFO does not either.

    The first `jobs` are such, the others replicas.
    """
    key, enter_s = state.jobs.key[:jobs], state.jobs.enter_s[:jobs]
    if len(key) < 2 or (key != key[0]).any() or (enter_s == enter_s[0]).all() or key[0] == -np.inf:
        return []
    return [
        "queue: gave every job the same key, so they went in order of the trace; what it looks at "
        "(deadlines, priorities, service so far without preemption) is alike for all of them"
    ]


def sprayed(scenario: Scenario, state: State) -> Callable[[], Sprayed | None]:
    """Return what tells of a sprayed fabric's switches, made when somebody first asks."""

    @cache
    def made() -> Sprayed | None:
        gpus = state.nodes.gpus  # as `prepare` laid the tree
        cables = scenario.fabric.cables(len(gpus), int(gpus.max()))
        return None if cables is None else Sprayed(cables)

    return made


def run(
    scenario: Scenario,
    state: State,
    streams: Streams,
    tell: Callable[[Progress], None] | None = None,
    stop: Stop | None = None,
    asked: Sequence[Asked] = (),
) -> tuple[State, float, str, list[Served], Fled | None]:
    """Run a prepared State; return it, when it ended, `complete` or `interrupted`, and services.

    And how nodes stood, where some came or went.
    """
    first = asked[0].jobs.start if asked else LAST_ROW
    ask, every_s = asker(scenario.queue, first), scenario.queue.refresh_s
    lives: list[Life] = []
    places = sum(len(one.jobs) for one in asked)
    watch = watcher(state, tell, lives, places) if tell else None
    sizing = Sizing(scenario.elastic) if scenario.elastic.refresh_s < np.inf else None
    clock = Clock(state, ask if every_s == 0.0 else None, watch, stop, sizing)
    if 0.0 < every_s < np.inf:
        clock.process(refresh(clock, ask, every_s, scenario.queue.foresees))
        clock.let_in = ask if scenario.queue.foresees else None  # their keys are of before the run
    if (state.topology.most > 0).any():
        clock.process(relent(clock, state.topology.poll_s))
    if state.ways is not None:
        clock.finder = Finder(state.ways, int(streams.stream("routing").integers(2**31)))
    elif state.fabric.on:
        clock.sprayed = sprayed(scenario, state)
    cluster = Cluster(clock)
    for process in scenario.processes:
        process.begin(clock, cluster, streams)
    fleet = fleet_of(scenario, scenario.cluster.inventory(), clock, cluster, streams)
    lives += lives_of(asked, clock, cluster, scenario.autoscaler, streams)
    over_fabric(clock, lives)
    status = "complete"
    try:
        clock.finish(scenario.horizon_s)
    except KeyboardInterrupt:
        status = "interrupted"
    kernel.as_told(clock.state)
    end_s = max(clock.now, float(clock.state.face.t[NOW]))
    fled = None if fleet is None else fleet.ended(end_s)
    return clock.state, end_s, status, served(asked, lives, end_s), fled


def simulate(
    scenario: Scenario,
    seed: int = 1,
    progress: Callable[[Progress], None] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Result:
    """Return one run; the same scenario and seed give the same tables, byte for byte.

    All faults of the scenario are raised at once as ScenarioError, faults of a trace as TraceError.
    An interrupt (Ctrl-C) gives a partial Result whose manifest says so. `config` is kept in the
    manifest as it is.
    """
    if found := scenario.issues():
        raise ScenarioError(found)
    began = time.perf_counter()
    inventory, streams = scenario.cluster.inventory(), Streams(seed)
    request = scenario.workload.request(streams, inventory.gpus)
    kinds = [pool.gpu for pool in inventory.pools]
    first, reads_s = request.jobs.num_rows, scenario.autoscaler.reads_s
    asked = asked_of(scenario.services, streams, first, kinds, reads_s)
    jobs = extended(request.jobs, asked) if asked else request.jobs
    state = unborn(prepared(scenario, inventory, jobs, streams), asked)
    name = named(jobs, scenario.workload)
    odd = [
        *strangers(scenario, state),
        *unfit(scenario, state, name),
        *worn(scenario, state, name, request.jobs.num_rows),
        *cramped(scenario, asked, inventory.gpus, state),
        *beyond(asked, state),
        *in_vain(scenario, request.jobs, asked),
    ]
    ready = time.perf_counter()
    tree = scenario.quota.tree()
    partial = tree is not None and tree.partial
    with interruptible() as stop:  # once the clock has stopped, the tables are made to their end
        state, end_s, status, ended, fled = run(scenario, state, streams, progress, stop, asked)
        manifest = {
            "status": status,
            "seed": seed,
            "name": scenario.name,
            "question": scenario.question,
            "config": dict(config) if config is not None else repr(scenario),
            "inputs": dict(request.inputs) | inputs_of(asked),
            "notes": [
                *request.notes,
                *notes_of(asked),
                *(note for one in ended for note in one.notes),
                *unused(scenario.elastic, request.jobs, partial),
                *without_order(state, first),
                *unfelt(
                    scenario,
                    lambda: state.ways is not None or sprayed(scenario, state)() is not None,
                ),
                *odd,
                *stranded(ended, end_s),
                *never_bought(scenario.growth.changes(inventory), end_s),
                *(fled.notes if fled else ()),
                *vanished(scenario, fled, state, first),
            ],
            "end_s": end_s,
            "warmup_s": scenario.warmup_s,
            "quotas": told(tree, len(scenario.quota.by_qos())),
            **({"services": about(scenario.services)} if asked else {}),
            "wall_s": {"prepare": ready - began, "simulate": time.perf_counter() - ready},
        }
        aside = rejected_of(request.rejected, asked)
        return result(state, jobs, inventory, end_s, manifest, aside, ended, fled)
