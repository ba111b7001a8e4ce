"""Requests per CPU-second: the batching kernel alone, and a service that is scaled."""

from __future__ import annotations

import time

import numpy as np

from sim import Scenario
from sim.engine.serving import Run, ServiceSpec, StepTime
from sim.policies.autoscaler import Hpa
from sim.rng import Streams
from sim.state import Homogeneous
from sim.study.prepare import prepared
from sim.study.services import asked_of, extended, unborn
from sim.study.simulate import run
from sim.workload import Gamma, NoJobs, Profile
from sim.workload.requests import DrawnRequests, LogNormalTokens
from sim.workload.services import LlmService

REPEATS = 3
PER_REPLICA_PER_S = 0.7  # of a 34B model on two A100: batches of some 30 sequences
STEP = StepTime((0.03, 7.8e-5, 4.6e-8), (0.025, 1.44e-4, 3.1e-9, 1.4e-4, 6e-8))
SERVING = {
    "8 replicas, round robin": (8, "round_robin"),
    "8 replicas, the fewest requests": (8, "least_requests"),
    "1000 replicas, round robin": (1000, "round_robin"),
    "1000 replicas, two choices": (1000, "two_choices"),
    "1000 replicas, the fewest requests": (1000, "least_requests"),
    "a day's profile, HPA every 15 s, up to 32 replicas": (0, ""),
}


def kernel(requests: int, replicas: int, route: str) -> dict:
    """Return requests per CPU-second of the batching kernel alone, median of runs."""
    draws = np.random.default_rng(1)
    at_s = np.cumsum(draws.exponential(1.0 / (PER_REPLICA_PER_S * replicas), requests))
    prompt, output = LogNormalTokens(1155, 1.0, 211, 0.85, 4000).draw(draws, requests)
    draw = draws.integers(0, 2**62, requests)
    spec = ServiceSpec(STEP, replicas, 128, kv_tokens=388_000, grow=True, route=route)
    rates = []
    for part in (1000, *[requests] * REPEATS):
        service = Run(spec, at_s[:part] - at_s[0], prompt[:part], output[:part], draw[:part])
        service.accepts[:] = 1
        began = time.process_time()
        service.advance()
        rates.append(part / (time.process_time() - began))
    return {"requests": requests, "per_cpu_s": sorted(rates[1:])[REPEATS // 2]}


def scaled(requests: int) -> dict:
    """Return requests per CPU-second of a service on a cluster under HPA, median of runs."""
    hours = 1.0 - 0.6 * np.cos(2 * np.pi * (np.arange(24) - 3) / 24)
    profile = Profile(Gamma(2.0), tuple(hours.tolist()))
    rates = []
    for part in (1000, *[requests] * REPEATS):
        ask = DrawnRequests(part / 86400.0, 86400.0, profile)
        scenario = Scenario(
            Homogeneous(nodes=32), NoJobs(), services=LlmService(requests=ask, max_replicas=32),
            autoscaler=Hpa(),
        )  # fmt: skip
        streams = Streams(1)
        asked = asked_of(scenario.services, streams, 0)
        jobs = extended(NoJobs().request(streams, 0).jobs, asked)
        state = unborn(prepared(scenario, Homogeneous(nodes=32).inventory(), jobs, streams), asked)
        began = time.process_time()
        run(scenario, state, streams, None, None, asked)
        rates.append(len(asked[0].requests.prompt) / (time.process_time() - began))
    return {"requests": requests, "per_cpu_s": sorted(rates[1:])[REPEATS // 2]}


def serving(name: str, requests: int) -> dict:
    """Run one case by name."""
    replicas, route = SERVING[name]
    return kernel(requests, replicas, route) if replicas else scaled(requests)
