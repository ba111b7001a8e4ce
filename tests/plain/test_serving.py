"""Runs of equal steps in one go end where single steps end, to the last tick."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.serving import ROUTES, Run, ServiceSpec, StepTime, serve
from sim.state.serving import R_CONTEXT, R_KV, R_OPEN, R_PARTLY, R_SEATS, R_TOKENS
from tests.plain.serving import slow

STEP = StepTime((0.03, 7.8e-5, 4.6e-8), (0.025, 1.4e-4, 3.06e-9, 1.4e-4, 6e-8))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    route=st.sampled_from(ROUTES),
    chunked=st.booleans(),
    grow=st.booleans(),
    batch=st.integers(1, 6),
    replicas=st.integers(1, 4),
    tight=st.booleans(),
)
def test_same_to_the_last_tick(seed, route, chunked, grow, batch, replicas, tight):
    draws = np.random.default_rng(seed)
    n = 40
    arrival = np.cumsum(draws.exponential(draws.choice([0.02, 0.3, 2.0]), n))
    prompt, output = draws.integers(1, 300, n), draws.integers(1, 60, n)
    draw = draws.integers(0, 2**62, n)
    spec = ServiceSpec(
        STEP, replicas, batch, chunked, chunk_tokens=64, prompt_tokens=400, grow=grow, route=route,
        kv_tokens=400 if tight else 10**6,
    )  # fmt: skip
    run = Run(spec, arrival, prompt, output, draw)
    run.accepts[:] = 1
    for at in np.sort(draws.uniform(0, 20, 3)):  # stops on the way change nothing
        run.advance(at)
    run.advance()
    q = run.service.q
    first, end, where, preempted = slow(
        spec, run.service.rules, q[:, 0].tolist(), prompt.tolist(), output.tolist(), draw.tolist()
    )
    assert q[:, 4].tolist() == [first[i] for i in range(n)]
    assert q[:, 5].tolist() == [end[i] for i in range(n)]
    assert q[:, 6].tolist() == where
    assert q[:, 7].tolist() == preempted
    t = run.service.t
    for column in (R_KV, R_OPEN, R_TOKENS, R_CONTEXT, R_SEATS, R_PARTLY):
        assert not t[:, column].any()


def test_a_cold_start_takes_nothing_before_and_a_drain_loses_nothing():
    n = 60
    arrival = np.arange(n) * 0.5
    changes = [(0.0, 0, True), (10.0, 1, True), (20.0, 0, False)]
    got = serve(ServiceSpec(STEP, 2, changes=changes), arrival, np.full(n, 100), np.full(n, 50))
    assert (got["replica"][arrival < 10] == 0).all()
    assert (got["replica"][arrival >= 20] == 1).all()
    assert np.isfinite(got["e2e_s"]).all()
