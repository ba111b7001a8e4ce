"""One run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sim import kernel, table
from sim.engine import Clock, Cluster, Stop, interruptible
from sim.engine.rekey import refresh
from sim.errors import ScenarioError
from sim.policies.placement.base import Asked
from sim.policies.queue import AbstractQueuePolicy, JobView
from sim.results import Result, result
from sim.rng import Streams
from sim.state import Inventory, JobState, State, build
from sim.state.answers import Answers, Yield
from sim.state.columns import LEFT, NOW
from sim.state.devices import NO_SCORE, score_of
from sim.state.elastic import elastic_of
from sim.state.jobs import OUTCOMES, jobs_of
from sim.study.scenario import Scenario
from sim.study.sizing import Sizing, unused
from sim.workload.after import edges_of

EVERY_S = 0.2
"""Wall-clock seconds between two reports of progress."""


@dataclass(frozen=True)
class Progress:
    """How far a run is: simulated time, jobs ended of all, waiting, running, wall-clock seconds."""

    now_s: float
    done: int
    jobs: int
    waiting: int
    running: int
    wall_s: float


def giving(gives: Yield, queue: AbstractQueuePolicy, deals: bool, sized: bool) -> Yield:
    """Return preemption's rule with what the other policies say about when they are asked."""
    if deals and gives.round_s == 0.0:
        gives = gives._replace(rebuild=True, round_s=queue.round_s, hold=False)
    own = type(queue).turn_s is not AbstractQueuePolicy.turn_s
    turns = own and queue.refresh_s == gives.round_s == 0.0
    return gives._replace(turns=turns or deals or sized, deals=deals)


def prepared(scenario: Scenario, inventory: Inventory, jobs: pa.Table, streams: Streams) -> State:
    """Return a State of the requested jobs on the empty cluster, policies asked once."""
    nodes, _ = build.nodes_of(inventory)
    levels = np.arange(float(nodes.gpus.max()) + 1.0)
    n = jobs.num_rows
    liking = scenario.placement.preference(levels, nodes, n, streams.stream("placement"))
    nodes = build.ranked(nodes, liking.node)
    types, texts = table.codes(jobs, "gpu_types")
    speed, order = build.speeds(texts, inventory)
    numbers = {
        column.name: table.to_numpy(jobs, column.name)
        for column in table.JOB_REQUEST
        if column.dtype != "string" and column.name in jobs.column_names
    }
    state, words = table.codes(jobs, "state")
    outcome = np.array([OUTCOMES.get(word.lower(), JobState.COMPLETED) for word in words], np.int8)
    numbers["outcome"] = outcome[state]
    tenant, tenants = table.codes(jobs, "tenant")
    draw = np.full(n, -1.0) if liking.draw is None else liking.draw
    columns = jobs_of(numbers, types, tenant, draw)
    notes = scenario.queue.remembers(len(inventory.kinds))
    kinds = build.kinds_of(inventory, nodes, speed, order)
    if notes > 0:
        kinds = build.dealt(kinds)
        columns.klass[:] *= len(inventory.kinds) + 2
    taste = build.taste_of(liking.level, liking.scatter, liking.runs)
    score = NO_SCORE
    scoring = scenario.placement.scoring(Asked(columns, texts, streams.stream("placement", 1)))
    if scoring is not None:
        score = score_of(scoring, nodes, inventory.kinds)
        if scoring.draw is not None:
            columns.draw[:] = scoring.draw
    sized = scenario.elastic.refresh_s < np.inf  # then a pass is due even if nobody waits
    gives = giving(scenario.preemption.rule(), scenario.queue, notes > 0, sized)
    rule, half_life_s = scenario.backfill.rule(), scenario.queue.half_life_s
    answers = Answers(
        rule, taste, gives, score, half_life_s, sized, notes, scenario.limits.rule(),
        edges_of(jobs), sum(process.windows for process in scenario.processes),
    )  # fmt: skip
    elastic = elastic_of(columns, numbers) if sized else None
    made = build.assemble(columns, nodes, kinds, answers, elastic)
    made.tenant_names, made.kind_names = tuple(tenants), tuple(gpu for gpu, _ in inventory.kinds)
    everyone = JobView(made, slice(None), made.jobs.enter_s)
    made.jobs.key[:] = scenario.queue.key(everyone, made.jobs.enter_s)
    if np.isnan(made.jobs.key).any():
        raise ScenarioError([f"queue: {scenario.queue!r} gave nan as a key; keys must be numbers"])
    return made


def asker(queue: AbstractQueuePolicy) -> Callable[[State, float], None]:
    """Return what asks the queue policy about the waiting jobs and sorts them anew."""

    def ask(state: State, now_s: float) -> None:
        rows = kernel.standing(state)
        view = JobView(state, rows, now_s)
        if state.gives.deals:
            key, kind, notes = queue.deal(view, now_s)
            kernel.deal(state, rows, np.asarray(kind, np.int64), np.asarray(notes, np.float64))
        else:
            key = queue.key(view, now_s)
        keys = np.asarray(key, np.float64)
        if keys.shape != rows.shape or np.isnan(keys).any():
            raise ScenarioError([f"queue: {queue!r} must give one number a job, {rows.shape}"])
        kernel.rekey(state, rows, keys)
        turns = queue.turn_s(view, now_s)
        if turns is not None:
            state.jobs.turn_s[rows] = turns

    return ask


def watcher(state: State, tell: Callable[[Progress], None]) -> Callable[[State, float], None]:
    """Return what reports progress, a few times a second at most."""
    began, last = time.perf_counter(), [0.0]
    jobs = int(state.face.n[LEFT])

    def pause(now: State, now_s: float) -> None:
        wall_s = time.perf_counter() - began
        if wall_s - last[0] >= EVERY_S:
            last[0] = wall_s
            left = int(now.face.n[LEFT])
            waiting, running = int(now.queue.n[2]), int(now.running.n[2])
            tell(Progress(now_s, jobs - left, jobs, waiting, running, wall_s))

    return pause


def run(
    scenario: Scenario,
    state: State,
    streams: Streams,
    tell: Callable[[Progress], None] | None = None,
    stop: Stop | None = None,
) -> tuple[State, float, str]:
    """Run a prepared State; return it, when it ended, and `complete` or `interrupted`."""
    ask, every_s = asker(scenario.queue), scenario.queue.refresh_s
    watch = watcher(state, tell) if tell else None
    sizing = Sizing(scenario.elastic) if scenario.elastic.refresh_s < np.inf else None
    clock = Clock(state, ask if every_s == 0.0 else None, watch, stop, sizing)
    if 0.0 < every_s < np.inf:
        clock.process(refresh(clock, ask, every_s))
    cluster = Cluster(clock)
    for process in scenario.processes:
        process.begin(clock, cluster, streams)
    status = "complete"
    try:
        clock.finish(scenario.horizon_s)
    except KeyboardInterrupt:
        status = "interrupted"
    kernel.as_told(clock.state)
    return clock.state, max(clock.now, float(clock.state.face.t[NOW])), status


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
    state = prepared(scenario, inventory, request.jobs, streams)
    ready = time.perf_counter()
    with interruptible() as stop:  # once the clock has stopped, the tables are made to their end
        state, end_s, status = run(scenario, state, streams, progress, stop)
        manifest = {
            "status": status,
            "seed": seed,
            "name": scenario.name,
            "question": scenario.question,
            "config": dict(config) if config is not None else repr(scenario),
            "inputs": dict(request.inputs),
            "notes": [*request.notes, *unused(scenario.elastic, request.jobs)],
            "end_s": end_s,
            "warmup_s": scenario.warmup_s,
            "wall_s": {"prepare": ready - began, "simulate": time.perf_counter() - ready},
        }
        return result(state, request.jobs, inventory, end_s, manifest, request.rejected)
