"""Services beside jobs: places for their replicas, their lives, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sim import table
from sim.engine import Clock, Cluster
from sim.engine.apart import Link
from sim.engine.scrapes import Log, SentLog
from sim.engine.services import Life, control
from sim.engine.serving import DRAWN, ServiceSpec
from sim.engine.step_time import StepTime
from sim.engine.wishes import first_of, wishes_of
from sim.errors import ScenarioError
from sim.policies.autoscaler import AbstractAutoscaler
from sim.rng import Streams
from sim.state import JobState, State
from sim.state.services import Served, Serving
from sim.study.demands import nowhere, slow_start, strangers, too_long
from sim.study.ranks import is_online, misplaced, online, pools_of, run_of
from sim.workload.bounds import LONGEST_S
from sim.workload.requests import Requests
from sim.workload.services import AbstractServices

BEFORE_ALL = -1e300
"""The place of a replica in any queue."""


class Asked(NamedTuple):
    """One service and what is asked of it; its replicas' places are jobs of these numbers."""

    of: Serving
    requests: Requests
    jobs: range


def asked_of(
    services: AbstractServices,
    streams: Streams,
    first: int,
    kinds: Sequence[str] = (),
    reads_s: Callable[[str], float] = lambda _: 15.0,
) -> list[Asked]:
    """Return the services with their requests; places for replicas are jobs from `first` on.

    Twice as many as there may be replicas: some still drain when others come. A service whose step
    time is of one of the cluster's `kinds` of GPU stays on it. One that does not say how often its
    numbers are read has them read every `reads_s` of its name.
    """
    made: list[Asked] = []
    for given, requests in services.listed():
        of = at_home(given._replace(scrape_s=given.scrape_s or reads_s(given.title)), kinds)
        many = 2 * of.most
        came = made[-1].requests if of.link else requests.requests(streams, of.name).packed()
        made.append(Asked(of, came, range(first, first + many)))
        first += many
    orders = [fault for one in made if not one.of.link for fault in misplaced(one.of, one.requests)]
    if found := [*too_long(made), *strangers(made), *orders]:
        raise ScenarioError(found)
    return made


def at_home(of: Serving, kinds: Sequence[str]) -> Serving:
    """Return the service on the GPUs that its step time is of, with a note if there are none."""
    if of.gpu is None or of.gpu_types is not None or not kinds or set(kinds) == {of.gpu}:
        return of
    if of.gpu in kinds:
        return of._replace(gpu_types=of.gpu)
    there = ", ".join(sorted(set(kinds)))
    told = f"{of.title}: the cluster has {there}, its step times are of {of.gpu}: a what-if"
    return of._replace(notes=(*of.notes, told))


def extended(jobs: pa.Table, asked: Sequence[Asked]) -> pa.Table:
    """Return the jobs, then a job without an end for each place of a replica."""
    parts = [jobs]
    for of, _, places in asked:
        n = len(places)
        values: dict[str, Any] = {
            "job_id": [f"{of.title}/{i}" for i in range(n)],
            "submit_s": np.zeros(n),
            "gpus": np.full(n, of.gpus, np.int64),
            "work_s": np.full(n, LONGEST_S),
            "walltime_s": np.full(n, LONGEST_S),
            "tenant": [of.name] * n,
            "checkpoint_bytes": np.zeros(n),
        }
        if of.gpu_types is not None:
            values["gpu_types"] = [of.gpu_types] * n
        parts.append(table.from_numpy(table.JOB_REQUEST, values))
    made = pa.concat_tables(parts, promote_options="permissive")
    return made.replace_schema_metadata(jobs.schema.metadata)


def unborn(state: State, asked: Sequence[Asked]) -> State:
    """Return the State with the places unborn until asked for, and before all other jobs."""
    if not asked:
        return state
    first = asked[0].jobs.start
    if odd := [fault for one in asked for fault in nowhere(one.of, state.kind_names)]:
        raise ScenarioError(odd)
    for of, _, places in asked:
        if state.jobs.state[places.start] == JobState.UNFIT:
            quota, more = "", ""
            if state.quota.rule:
                quota, more = " and the quota of its tenant", ", or a higher quota"
            raise ScenarioError([
                f"services.{of.dotted}replica.gpus: is {of.gpus}; a replica of {of.title} can "
                f"never fit this cluster{quota}: take fewer GPUs, or larger nodes, or another "
                f"gpu_types{more}"
            ])  # fmt: skip
    arrive = state.events.arrive
    state.jobs.key[first:] = BEFORE_ALL
    return state.replaced(events=state.events._replace(arrive=arrive[arrive < first].copy()))


def spec_of(of: Serving, replicas: int) -> ServiceSpec:
    """Return what the serving core wants to know."""
    more = of.tile_tokens, of.decode_more_s, of.mixed_more_s
    step = StepTime(of.decode_s, of.mixed_s, *more)
    return ServiceSpec(
        step, replicas, of.batch, of.chunked, of.chunk_tokens, of.prompt_tokens, of.kv_tokens,
        of.grow, of.route, of.prefix_hit_frac, most_open=of.most_open, padded=of.padded,
        kv_spare_tokens=of.kv_spare_tokens,
    )  # fmt: skip


def logs_of(asked: Sequence[Asked], streams: Streams) -> list[Log]:
    """Return the run of each service and pool, in its log; of two pools the first makes both."""
    logs: list[Log] = []
    for i, (of, requests, places) in enumerate(asked):
        given = requests.arrival_s, requests.prompt, requests.output
        if of.link:
            continue
        spec, draw = spec_of(of, len(places)), draws_of(asked[i], streams)
        to = asked[i + 1] if of.pool else None
        if to is None or to.of.link is None:
            seen = online(of, requests)
            run = run_of(of, spec, requests, draw)
            logs.append(Log(run, seen.arrival_s, seen.prompt, seen.output))
            continue
        specs, both = (spec, spec_of(to.of, len(to.jobs))), (draw, draws_of(to, streams))
        pools = pools_of(of, specs, Link(*to.of.link), requests, both)
        logs += [Log(pools, *given), SentLog(pools.rest, *given)]
    return logs


def draws_of(asked: Asked, streams: Streams) -> np.ndarray:
    """Return what routes each request, (n,), or nothing where no chance does.

    Who is at the door draws nothing: the others draw the same with and without him.
    """
    if asked.of.route not in DRAWN:
        return np.zeros(0, np.int64)
    mine = is_online(asked.of, asked.requests)
    draw = np.zeros(len(mine), np.int64)
    rng, prefix = streams.stream("routes", asked.of.title), asked.requests.prefix
    draw[mine] = rng.integers(0, 2**62, int(mine.sum()))
    if asked.of.route == "affinity" and prefix is not None and len(prefix):
        alike = mine & (prefix >= 0)  # who begins alike draws alike
        draw[alike] = rng.integers(0, 2**62, int(prefix.max()) + 1)[prefix[alike]]
    return draw


def lives_of(
    asked: Sequence[Asked], clock: Clock, cluster: Cluster, autoscaler: AbstractAutoscaler,
    streams: Streams,
) -> list[Life]:  # fmt: skip
    """Start the services on the clock, each with its first replicas, and return them."""
    lives: list[Life] = []
    for one, log in zip(asked, logs_of(asked, streams), strict=True):
        lives.append(Life(clock, cluster, one.of, log.run, log, one.jobs))
    for life, one in zip(lives, asked, strict=True):
        first = life.of.first
        if first is None:
            first = first_of(autoscaler, life.seen(autoscaler.sees_ahead))
        first = min(max(int(first), life.of.least), life.of.most)
        life.notes_of_start = slow_start(one, first, autoscaler.every_s)
        life.more(first, warm=True)
    if lives:
        every_s, ahead = autoscaler.every_s, autoscaler.sees_ahead
        ask = partial(wishes_of, autoscaler)
        clock.process(control(clock, lives, ask, every_s, ahead))
    return lives


def none_of(requests: Requests) -> Requests:
    """Return the requests without one of them."""
    nobody = np.zeros(0, np.int64)
    return replace(requests, arrival_s=np.zeros(0), prompt=nobody, output=nobody, klass=nobody)


def served(asked: Sequence[Asked], lives: Sequence[Life], end_s: float) -> list[Served]:
    """Return what became of the services by the end of the run."""
    made = []
    for (of, requests, _), life in zip(asked, lives, strict=True):
        life.run.advance(end_s)
        fates = life.run.fates(end_s)
        if of.link:  # they are the first pool's
            requests = none_of(requests)
        rows = [(o.slot, o.asked_s, o.start_s, o.ready_s, o.told_s, o.end_s, o.why)
                for o in life.all]  # fmt: skip
        made.append(Served(
            of, requests.arrival_s, requests.prompt, requests.output, requests.klass,
            requests.classes, fates, life.log.table(), rows, life.notes_of_start,
        ))  # fmt: skip
    return made


def offline(of: Serving) -> dict[str, Any]:
    """Return which classes wait at the service's door, and the deadline; {} where none does."""
    if of.order is None or not of.order.door:
        return {}
    return {"offline": list(of.order.door), "deadline_s": of.order.deadline_s}


def about(services: AbstractServices) -> list[dict[str, Any]]:
    """Return what the manifest keeps of each service: what its metrics need."""
    made: list[dict[str, Any]] = []
    for of, _ in services.listed():
        if not of.link:
            made.append({
                "name": of.name,
                "slo_ttft_s": of.slo_ttft_s,
                "slo_tpot_s": of.slo_tpot_s,
                "slo_by_class": {name: list(slo) for name, slo in of.slo_by_class.items()},
                "pools": [],
                **offline(of),
            })  # fmt: skip
        priced = {} if of.gpu_h_usd is None else {"gpu_h_usd": of.gpu_h_usd}
        made[-1]["pools"].append({"name": of.title, "gpus": of.gpus, **priced})
    return made


def inputs_of(asked: Sequence[Asked]) -> dict[str, str]:
    """Return the SHA-256 of each file that requests were read from."""
    return {path: digest for one in asked for path, digest in one.requests.inputs.items()}


def rejected_of(jobs: pa.Table | None, asked: Sequence[Asked]) -> pa.Table | None:
    """Return the rows set aside of jobs and of requests; None if there are none."""
    each = [jobs, *(one.requests.rejected for one in asked if not one.of.link)]
    some = [aside for aside in each if aside is not None]
    return pa.concat_tables(some) if some else None


def notes_of(asked: Sequence[Asked]) -> list[str]:
    """Return what a reader should know of the services and their requests."""
    return [
        note
        for one in asked
        for note in (*one.of.notes, *(() if one.of.link else one.requests.notes))
    ]
