"""Runs of equal steps in one go end where single steps end, to the last tick."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.apart import Link, serve_apart
from sim.engine.ranked import Ranked
from sim.engine.serving import ROUTES, Run, ServiceSpec, StepTime, serve
from sim.engine.tables import StepTable, Tables
from sim.state.serving import (
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    H_REPLICA,
    Q_END,
    Q_FIRST,
    R_CONTEXT,
    R_KV,
    R_OPEN,
    R_PARTLY,
    R_SEATS,
    R_TOKENS,
)  # fmt: skip
from tests.plain.serving import slow

STEP = StepTime((0.03, 7.8e-5, 4.6e-8), (0.025, 1.4e-4, 3.06e-9, 1.4e-4, 6e-8))
ROUGH = StepTime(
    STEP.decode_s, STEP.mixed_s, 4, (0.002, -0.003), (0.0, *(0.001 * (i % 3) for i in range(40)))
)
"""What comes to a step by its number of tokens: rising and falling, and beyond an end."""
EVEN = StepTime((1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    route=st.sampled_from(ROUTES),
    chunked=st.booleans(),
    grow=st.booleans(),
    batch=st.integers(1, 6),
    replicas=st.integers(1, 4),
    tight=st.booleans(),
    joins=st.booleans(),
    rough=st.booleans(),
    padded=st.booleans(),
    spare=st.sampled_from([0, 40]),
)
def test_same_to_the_last_tick(
    seed, route, chunked, grow, batch, replicas, tight, joins, rough, padded, spare
):
    draws = np.random.default_rng(seed)
    n = 40
    arrival = np.cumsum(draws.exponential(draws.choice([0.02, 0.3, 2.0]), n))
    prompt, output = draws.integers(1, 300, n), draws.integers(1 + joins, 60, n)
    draw = draws.integers(0, 2**62, n)
    spec = ServiceSpec(
        ROUGH if rough else STEP, replicas, batch, chunked, padded=padded, chunk_tokens=64, prompt_tokens=400, grow=grow, route=route,
        kv_spare_tokens=spare, kv_tokens=400 if tight else 10**6, joins=joins,
    )  # fmt: skip
    run = Run(spec, arrival, prompt, output, draw)
    run.accepts[:] = 1
    for at in np.sort(draws.uniform(0, 20, 3)):  # stops on the way change nothing
        run.advance(at)
    run.advance()
    q, h = run.service.q, run.service.h
    first, end, where, preempted = slow(
        spec, run.service.rules, q[:, 0].tolist(), prompt.tolist(), output.tolist(), draw.tolist()
    )
    assert q[:, Q_FIRST].tolist() == [first[i] for i in range(n)]
    assert q[:, Q_END].tolist() == [end[i] for i in range(n)]
    assert h[:, H_REPLICA].tolist() == where
    assert h[:, H_PREEMPTED].tolist() == preempted
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


def test_two_pools_are_two_runs_with_a_link_between():
    """Alone, a request takes its prompt's step, the transfer, and its decode steps, to the digit."""
    spec = ServiceSpec(STEP, 1, chunked=False)
    link = Link(token_s=1e-6, latency_s=0.005)
    got = serve_apart(spec, spec, link, [0.0, 100.0], [400, 10], [3, 1])
    (d0, dD, dC), (p0, pP, pS, _, _) = STEP.decode_s, STEP.mixed_s
    prompt = [p0 + pP * p + pS * p * p for p in (400, 10)]
    assert got["ttft_s"] == pytest.approx(prompt, abs=1e-9)
    steps = sum(d0 + dD + dC * context for context in (401, 402))
    assert got["e2e_s"][0] == pytest.approx(prompt[0] + 0.005 + 400e-6 + steps, abs=1e-9)
    assert got["e2e_s"][1] == got["ttft_s"][1]


def test_two_pools_answer_every_request_under_load():
    draws = np.random.default_rng(4)
    n = 2000
    arrival = np.cumsum(draws.exponential(0.2, n))
    prompt, output = draws.integers(1, 900, n), draws.integers(1, 200, n)
    prefill = ServiceSpec(STEP, 2, chunked=False, route="least_tokens")
    decode = ServiceSpec(STEP, 3, 32, kv_tokens=5000, grow=True, route="least_requests")
    got = serve_apart(prefill, decode, Link(latency_s=0.01), arrival, prompt, output)
    assert (got["e2e_s"] >= got["ttft_s"]).all()
    assert got["preemptions"].any()
    least = got["ttft_s"] + np.where(output > 1, 0.01 + (output - 1) * STEP.decode_s[0], 0.0)
    assert (got["e2e_s"] >= least - 1e-9).all()


def test_a_table_that_is_a_line_is_the_line():
    """Two pools by a table end where two pools by the linear step do, within the ticks' rounding."""
    draws = np.random.default_rng(8)
    n = 3000
    arrival = np.cumsum(draws.exponential(0.15, n))
    prompt, output = draws.integers(1, 900, n), draws.integers(1, 120, n)
    p0, pP, d0, dD = 0.02, 1e-4, 0.03, 1e-4
    table = StepTable((1, 1000), (p0 + pP, p0 + 1000 * pP), (1, 64), (d0 + dD, d0 + 64 * dD))
    link = Link(token_s=1e-6, latency_s=0.001)
    got = Tables(table, 1, 1, 2000, 64, link).serve(arrival, prompt, output)
    step = StepTime((d0, dD, 0.0), (p0, pP, 0.0, 0.0, 0.0))
    pool = ServiceSpec(step, 1, 64, chunked=False, prompt_tokens=2000)
    want = serve_apart(pool, pool, link, arrival, prompt, output)
    for name in ("ttft_s", "e2e_s"):
        assert got[name] == pytest.approx(want[name], abs=1e-7)


@pytest.mark.parametrize(("long", "stalled"), [(100, True), (60, False)])
def test_a_prompt_that_fills_the_budget_holds_up_who_decodes(long, stalled):
    """A step of 1 s; a prompt of `long` tokens comes in the third, budget 100, and takes 1 s too."""
    table = StepTable((1, 1000), (1.0, 1.0), (1, 64), (1.0, 1.0))
    got = Tables(table, 1, 0, 100, 64, Link()).serve([0.0, 2.5], [10, long], [6, 1])
    assert got["ttft_s"].tolist() == [1.0, 1.5]
    assert got["e2e_s"].tolist() == [6.0 + stalled, 1.5]


def beside_a_long_prompt(by_rank, grow=True):
    """One of 5 tokens answered with 20, from 0 on; one of 100 with 2, from 1.5 on; steps of 1 s.

    The first has a token at each second from 1 on. The other's prompt takes ten steps beside it, of
    10 tokens each, from 2 to 12, which are one run.
    """
    spec = ServiceSpec(EVEN, 1, 4, chunk_tokens=11, grow=grow)
    arrival, prompt, output = (
        np.array([0.0, 1.5, 90.0]),
        np.array([5, 100, 1]),
        np.array([20, 2, 1]),
    )
    given_ = spec, arrival, prompt, output, []
    run = Ranked(*given_, [0, 0, 1]) if by_rank else Run(*given_)
    run.accepts[:] = 1
    return run


@pytest.mark.parametrize("by_rank", [False, True])
def test_of_a_replica_that_is_lost_tokens_count_that_came_beside_a_prompt(by_rank):
    """At 6.5 the first has had 6 tokens; then its prompt is 11 and takes a step, 13 more come."""
    run = beside_a_long_prompt(by_rank)
    run.advance(6.5)
    run.lose(0, 6.5)
    run.accepts[:] = 1
    run.advance()
    assert run.service.q[0, Q_FIRST] == 1e12
    assert run.service.q[0, Q_END] == 20.5e12
    assert run.service.h[0, [H_PROMPT, H_OUTPUT]].tolist() == [5 + 6, 20 - 6]


@pytest.mark.parametrize("by_rank", [False, True])
def test_memory_is_read_as_of_now_though_many_steps_are_one_run(by_rank):
    """A token a step: of the prompts 5 and, from 2 on, 100 and the token that it will make.

    Where it is reserved it is all from the start.
    """
    for grow in (True, False):
        run = beside_a_long_prompt(by_rank, grow)
        for at in (1.5, 2.5, 6.5, 11.5, 12.5, 15.5, 19.5, 20.5, 40.0):
            run.advance(at)
            own, other = (5 + int(at), 101 if at < 13 else 0) if grow else (25, 102)
            want = own * (at < 20) + other * (2 < at < 13)
            assert run.loads([0])[2].tolist() == [want], at
