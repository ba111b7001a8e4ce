"""Requests per CPU-second: the batching kernel alone, services that are scaled, whole runs."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from experiments.speed.load import columns
from sim import Scenario, simulate, table
from sim.engine.ranked import Ranked
from sim.engine.serving import Run, ServiceSpec, StepTime
from sim.policies.autoscaler import Hpa
from sim.rng import Streams
from sim.state import Homogeneous
from sim.study.capacity import fitting, search
from sim.study.prepare import prepared
from sim.study.services import asked_of, extended, unborn
from sim.study.simulate import run
from sim.workload import Gamma, NoJobs, Profile
from sim.workload.arrivals import AbstractArrivals
from sim.workload.requests import DrawnRequests, LogNormalTokens
from sim.workload.services import LlmService, Several

REPEATS = 3
PER_REPLICA_PER_S = 0.7  # of a 34B model on two A100: batches of some 30 sequences
STEP = StepTime((0.03, 7.8e-5, 4.6e-8), (0.025, 1.44e-4, 3.1e-9, 1.4e-4, 6e-8))
HOURS = 1.0 - 0.6 * np.cos(2 * np.pi * (np.arange(24) - 3) / 24)
BY_DAY = Profile(Gamma(2.0), tuple(HOURS.tolist()))
WRITTEN = {
    "a week of 33 million, one service": (1, 33e6, 7.0, 64),
    "a day of 100 million, 40 services": (40, 1e8, 1.0, 16),
    "a week of 100 million, 40 services": (40, 1e8, 7.0, 16),
}
"""Whole runs under HPA every 15 s: services, requests, days, most replicas of each."""
SEARCH = "the least replicas on each of the shipped choices of hardware"
BESIDE = "12500 nodes, load 0.9, beside a service under HPA"
"""Its rate is the jobs over what they take more than the service takes alone."""
SERVING = {
    "8 replicas, round robin": (8, "round_robin"),
    "8 replicas, the fewest requests": (8, "least_requests"),
    "8 replicas, the shortest queue by tokens": (8, "least_tokens"),
    "1000 replicas, round robin": (1000, "round_robin"),
    "1000 replicas, two choices": (1000, "two_choices"),
    "1000 replicas, the fewest requests": (1000, "least_requests"),
    "1000 replicas, the shortest queue by tokens": (1000, "least_tokens"),
    "8 replicas, a third of it batch at the door": (8, "door"),
    "100 replicas, a third of it batch at the door": (100, "door"),
    "1000 replicas, a third of it batch at the door": (1000, "door"),
}
SCALED = {
    "a day's profile, HPA every 15 s, up to 32 replicas": (1, 1.0, 32, BY_DAY),
    "33 times as many in a week, up to 64 replicas": (33, 7.0, 64, BY_DAY),
    "20 times as many in two hours, up to 1000 replicas": (20, 1 / 12, 1000, Gamma(2.0)),
}
"""Under HPA: times as many requests as others, days, most replicas, how they come."""
DOOR_SEATS = 40


def kernel(requests: int, replicas: int, route: str) -> dict:
    """Return requests per CPU-second of the batching kernel alone, median of runs."""
    draws = np.random.default_rng(1)
    at_s = np.cumsum(draws.exponential(1.0 / (PER_REPLICA_PER_S * replicas), requests))
    prompt, output = LogNormalTokens(1155, 1.0, 211, 0.85, 4000).draw(draws, requests)
    draw = draws.integers(0, 2**62, requests)
    spec = ServiceSpec(STEP, replicas, 128, kv_tokens=388_000, grow=True, route=route)
    ranks: list[np.ndarray] = []
    if route == "door":
        spec = replace(spec, route="round_robin", door=1, door_seats=DOOR_SEATS)
        ranks = [(draws.random(requests) < 1 / 3).astype(np.int8)]
    kind: type[Run] = Ranked if ranks else Run
    rates = []
    for part in (1000, *[requests] * REPEATS):
        rows = (column[:part] for column in (at_s - at_s[0], prompt, output, draw, *ranks))
        service = kind(spec, *rows)
        service.accepts[:] = 1
        began = time.process_time()
        service.advance()
        rates.append(part / (time.process_time() - began))
    return {"requests": requests, "per_cpu_s": sorted(rates[1:])[REPEATS // 2]}


def scaled(requests: int, days: float, most: int, law: AbstractArrivals) -> dict:
    """Return requests per CPU-second of a service on a cluster under HPA, median of runs."""
    rates, span_s = [], days * 86400.0
    for part in (100_000, *[requests] * REPEATS):  # the first compiles
        ask = DrawnRequests(part / span_s, span_s, law)
        scenario = Scenario(
            Homogeneous(nodes=most), NoJobs(), autoscaler=Hpa(),
            services=LlmService(requests=ask, max_replicas=most),
        )  # fmt: skip
        streams = Streams(1)
        asked = asked_of(scenario.services, streams, 0)
        jobs = extended(NoJobs().request(streams, 0).jobs, asked)
        inventory = scenario.cluster.inventory()
        state = unborn(prepared(scenario, inventory, jobs, streams), asked)
        began = time.process_time()
        run(scenario, state, streams, None, None, asked)
        rates.append(len(asked[0].requests.prompt) / (time.process_time() - began))
    return {"requests": requests, "per_cpu_s": sorted(rates[1:])[REPEATS // 2]}


def beside(jobs: int, nodes: int = 12_500) -> dict:
    """Return the jobs per CPU-second that a service leaves them, median of runs.

    A million requests in the time of a million jobs, on the same nodes, HPA every 15 s.
    """
    rates = []
    for many in (2000, *[jobs] * REPEATS):  # the first compiles
        made = columns(many, nodes * 8, 0.9)
        span_s = float(made["submit_s"][-1])
        ask = DrawnRequests(many / span_s, span_s, BY_DAY)
        scenario = Scenario(
            Homogeneous(nodes=nodes), NoJobs(), autoscaler=Hpa(),
            services=LlmService(requests=ask, max_replicas=64),
        )  # fmt: skip
        streams, times = Streams(1), []
        none = NoJobs().request(streams, 0).jobs
        for rows in (none, table.from_numpy(table.JOB_REQUEST, made)):
            asked = asked_of(scenario.services, streams, rows.num_rows)
            inventory = scenario.cluster.inventory()
            state = unborn(prepared(scenario, inventory, extended(rows, asked), streams), asked)
            began = time.process_time()
            state, *_ = run(scenario, state, streams, None, None, asked)
            times.append(time.process_time() - began)
        assert (state.jobs.state[:many] >= 3).all()  # all have ended
        rates.append((many / (times[1] - times[0]), *times))
    rate, alone_s, both_s = sorted(rates[1:])[REPEATS // 2]
    return {"jobs": jobs, "per_cpu_s": rate, "service_cpu_s": alone_s, "both_cpu_s": both_s}


def day_of(services: int, requests: float, days: float, most: int) -> Scenario:
    """Return services under HPA that share so many requests, each with `most` replicas at most."""
    span_s = days * 86400.0
    ask = DrawnRequests(requests / services / span_s, span_s, BY_DAY)
    return Scenario(
        Homogeneous(nodes=services * most), NoJobs(), autoscaler=Hpa(),
        services=Several(tuple(
            LlmService(f"llm-{i:02d}", ask, max_replicas=most) for i in range(services)
        )),
    )  # fmt: skip


def written(services: int, requests: float, days: float, most: int) -> dict:
    """Return what a whole run costs: drawn, simulated, its numbers made and its tables written."""
    done = []
    for scenario in (day_of(2, 2e5, 0.1, 4), day_of(services, requests, days, most)):
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            made = simulate(scenario)
            simulated = time.process_time()
            found = made.metrics["serving"]
            counted = time.process_time()
            made.write(Path(folder) / "run")
        done = [simulated - began, counted - simulated, time.process_time() - counted]
    cpu_s = sum(done)
    return {"requests": found["requests"], "per_cpu_s": found["requests"] / cpu_s, "cpu_s": cpu_s,
            "parts_s": done, "slo": found["slo_attainment"]}  # fmt: skip


def searched() -> dict:
    """Return what it costs to find the least replicas on each choice of hardware, CPU-seconds."""
    ask = DrawnRequests(20.0, 86400.0, BY_DAY).requests(Streams(1), "llm")
    of = LlmService().listed()[0][0]
    times = []
    for keys in (fitting()[:1], fitting()):
        began = time.process_time()
        found = list(search(of, ask, keys))
        times.append(time.process_time() - began)
    return {"choices": len(found), "per_cpu_s": len(found) / times[-1], "cpu_s": times[-1]}


def serving(name: str, requests: int) -> dict:
    """Run one case by name."""
    if name == SEARCH:
        return searched()
    if name == BESIDE:
        return beside(requests)
    if name in WRITTEN:
        return written(*WRITTEN[name])
    if name in SCALED:
        times, days, most, law = SCALED[name]
        return scaled(times * requests, days, most, law)
    return kernel(requests, *SERVING[name])
