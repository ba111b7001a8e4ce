"""Two pools under way are two runs one after the other, to the last tick; no replica loses any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.apart import Link, serve_apart
from sim.engine.pools import Prompts
from sim.engine.scrapes import COLUMNS, Log, SentLog
from sim.engine.serving import ROUTES, ServiceSpec, StepTime, columns
from sim.state.serving import H_OUTPUT, H_PROMPT, NEVER, R_KV, R_OPEN, R_TOKENS, TURNED_AWAY

STEP = StepTime((0.03, 7.8e-5, 4.6e-8), (0.025, 1.4e-4, 3.06e-9, 1.4e-4, 6e-8))
EVEN = StepTime((1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0))
BARE = np.zeros(0, np.int64)


def drawn(seed, n, gap_s):
    draws = np.random.default_rng(seed)
    arrival = np.cumsum(draws.exponential(gap_s, n))
    prompt, output = draws.integers(1, 300, n), draws.integers(1, 60, n)
    return draws, arrival, prompt, output


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    route=st.sampled_from(ROUTES),
    grow=st.booleans(),
    chunked=st.booleans(),
    tight=st.booleans(),
    gap_s=st.sampled_from([0.02, 0.3, 2.0]),
    link=st.sampled_from([Link(), Link(1e-4, 0.01), Link(0.02, 0.0)]),
)
def test_two_pools_under_way_end_as_one_after_the_other(
    seed, route, grow, chunked, tight, gap_s, link
):
    n = 60
    draws, arrival, prompt, output = drawn(seed, n, gap_s)
    draw = draws.integers(0, 2**62, n)
    knobs = {"route": route, "grow": grow, "kv_tokens": 400 if tight else 10**6}
    first = ServiceSpec(STEP, 2, 3, chunked, chunk_tokens=64, prompt_tokens=400, **knobs)
    second = ServiceSpec(STEP, 3, 4, **knobs)
    run = Prompts(first, second, link, arrival, prompt, output, (draw, draw))
    run.accepts[:] = 1
    run.rest.accepts[:] = 1
    for at in np.sort(draws.uniform(0, 1.5 * arrival[-1], 25)):  # whoever looks, at whichever
        (run if at * 1e6 % 2 < 1 else run.rest).advance(at)
    run.advance()
    got, want = columns(run.outcome(), output), serve_apart(
        first, second, link, arrival, prompt, output, draw
    )  # fmt: skip
    for name, values in want.items():
        assert got[name].tolist() == values.tolist(), name
    assert run.over()
    assert sum(run.far()[:1] + run.rest.far()[:1]) == n
    for pool in (run, run.rest):
        assert not pool.service.t[:, [R_KV, R_OPEN, R_TOKENS]].any()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), grow=st.booleans(), tight=st.booleans())
def test_replicas_of_either_pool_are_lost_and_no_request_or_token_is(seed, grow, tight):
    """Answer so far plus what is to come is the answer, wherever a request goes again."""
    n = 60
    draws, arrival, prompt, output = drawn(seed, n, 0.1)
    knobs = {"grow": grow, "kv_tokens": 420 if tight else 10**6, "route": "least_requests"}
    first = ServiceSpec(STEP, 3, 3, False, prompt_tokens=400, **knobs)
    second = ServiceSpec(STEP, 4, 4, **knobs)
    run = Prompts(first, second, Link(1e-4, 0.2), arrival, prompt, output, (BARE, BARE))
    run.accepts[:] = 1
    run.rest.accepts[:] = 1
    hit = 0
    for at in np.sort(draws.uniform(0, 1.2 * arrival[-1], 6)):
        pool, r = (run, int(draws.integers(2))) if draws.random() < 0.4 else (
            run.rest, int(draws.integers(3)))  # fmt: skip
        run.advance(at)
        before = run.far()[0] + run.rest.far()[0]
        if draws.random() < 0.3:
            pool.drain(r, at)
            run.advance(at + 0.01)
            at += 0.01
        hit += pool.outstanding(r)
        pool.lose(r, at)
        assert run.far()[0] + run.rest.far()[0] >= before
        assert (run.context + run.left)[run.left > 0].tolist() == (prompt + output).tolist()
        pool.accepts[r] = draws.random() < 0.5
    run.advance()
    q = run.outcome()
    got = columns(q, output)
    assert np.isfinite(got["e2e_s"]).all()
    assert (got["e2e_s"] >= got["ttft_s"]).all()
    assert got["preemptions"].sum() >= hit
    assert run.over()
    assert run.far()[0] + run.rest.far()[0] == n
    rows = run.rest.service.h[: run.rest.many]
    assert ((rows[:, H_PROMPT] + rows[:, H_OUTPUT]) == (prompt + output)[run.rest.of[: len(rows)]]
            ).all()  # fmt: skip


def test_a_transfer_takes_latency_and_bytes_over_bandwidth():
    """A request alone: its prompt's step, the transfer, its decode steps."""
    kv_bytes, link_bps, latency_s = 328e3, 5e9, 0.002
    link = Link(kv_bytes / link_bps, latency_s)
    spec = ServiceSpec(STEP, 1, chunked=False)
    run = Prompts(spec, spec, link, [0.5], [400], [3], (BARE, BARE))
    run.accepts[:] = 1
    run.rest.accepts[:] = 1
    run.advance()
    got = columns(run.outcome(), np.array([3]))
    (d0, dD, dC), (p0, pP, pS, _, _) = STEP.decode_s, STEP.mixed_s
    prompt_s = p0 + pP * 400 + pS * 400**2
    sent_s = latency_s + 400 * kv_bytes / link_bps
    steps_s = sum(d0 + dD + dC * context for context in (401, 402))
    assert got["ttft_s"][0] == pytest.approx(prompt_s, abs=1e-11)
    assert got["e2e_s"][0] == pytest.approx(prompt_s + sent_s + steps_s, abs=1e-11)


def test_nothing_comes_before_its_prompt_is_computed_and_sent():
    spec = ServiceSpec(STEP, 1, chunked=False)
    run = Prompts(spec, spec, Link(latency_s=1.0), [0.0, 0.0], [400, 300], [3, 1], (BARE, BARE))
    run.accepts[:] = 1
    run.rest.accepts[:] = 1
    run.advance(0.9)
    assert (run.rest.service.q[:, 0] == NEVER).all()
    assert run.rest.way.tolist() == [0]  # of one token the answer is there
    assert not run.over()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), tight=st.booleans())
def test_what_the_intervals_say_is_the_time_of_requests_though_replicas_are_lost(seed, tight):
    """Little: running, waiting, leaving of both pools and all transfers are the time of requests."""
    n = 60
    draws, arrival, prompt, output = drawn(seed, n, 0.1)
    knobs = {"grow": True, "kv_tokens": 420 if tight else 10**6, "route": "least_requests"}
    first = ServiceSpec(STEP, 3, 3, False, prompt_tokens=400, **knobs)
    second = ServiceSpec(STEP, 4, 4, **knobs)
    token_s, latency_s = 1e-4, 0.2
    run = Prompts(first, second, Link(token_s, latency_s), arrival, prompt, output, (BARE, BARE))
    run.accepts[:] = 1
    run.rest.accepts[:] = 1
    given_ = arrival, prompt, output
    logs = [Log(run, *given_), SentLog(run.rest, *given_)]
    sent, told = [], run.rest.came
    run.rest.came = lambda: sent.append(told()) or sent[-1]
    for k in range(1, 400):
        at = 0.5 * k
        run.advance(at)
        if k % 4 == 1 and k < 20:
            pool, r = (run, run.rest)[k % 8 == 1], int(draws.integers(2))
            if k % 3 == 0:
                pool.drain(r, at)
            else:
                pool.lose(r, at)
                pool.accepts[r] = 1
        for log in logs:
            log.read(at, [], (0, 0, 0))
        if run.over():
            break
    assert run.over()
    columns_ = [log.table() for log in logs]
    of = [COLUMNS.index(name) for name in ("running", "waiting", "leaving")]
    assert min(table[of].min() for table in columns_) >= 0.0
    there_s = sum(0.5 * table[of].sum() for table in columns_)
    many, _, tokens = (sum(part) for part in zip(*sent, strict=True))
    e2e_s = columns(run.outcome(), output)["e2e_s"]
    assert there_s + latency_s * many + token_s * tokens == pytest.approx(e2e_s.sum(), rel=1e-6)


@pytest.mark.parametrize("most_open", [None, 1])
@pytest.mark.parametrize("up", [True, False])
def test_who_lost_a_decoding_replica_is_where_its_prompt_is_computed_anew(most_open, up):
    """Steps of 1 s. The first has its prompt at 1 and decodes on replica 0 till its loss at 1.5.

    Of its two tokens one is left, which a step of the first pool makes: on replica 1, in turn, at
    2.5; where one request is the most, replica 1 has the second's, until 2.3, and turns it away.
    If the first pool takes none, replica 0 of the second was the last that had it.
    """
    first = ServiceSpec(EVEN, 2, chunked=False, most_open=most_open)
    ask = [0.0, 1.3], np.array([5, 5]), np.array([2, 1])
    if most_open is None:
        ask = tuple(column[:1] for column in ask)
    run = Prompts(first, ServiceSpec(EVEN, 1), Link(), *ask, (BARE, BARE))
    run.accepts[:] = 1
    run.rest.accepts[:] = 1
    run.advance(1.4)
    run.accepts[0] = most_open is None
    run.advance(1.5)
    run.rest.lose(0, 1.5)
    run.accepts[:] = up * run.accepts
    run.advance(9.0)
    fates = run.fates(9.0)
    if not up:
        assert (fates.last[0], fates.place[0]) == (-1, 0)
    elif most_open is None:
        assert (fates.last[0], fates.place[0]) == (2.5e12, 1)
    else:
        assert (fates.last[0], fates.place[0]) == (-1, TURNED_AWAY)
        assert fates.shed().tolist() == [True, False]
        assert run.over()
