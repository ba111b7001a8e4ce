"""Two pools whose requests have ranks: they end where single steps end, pool after pool; none is lost."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.engine.apart import Link
from sim.engine.pools import Prompts, PromptsByRank
from sim.engine.serving import ROUTES, ServiceSpec, columns
from sim.engine.step_time import StepTime, ticks
from sim.state.serving import (
    H_OUTPUT,
    H_PREEMPTED,
    H_PROMPT,
    H_REPLICA,
    L_HEAD,
    L_MANY,
    Q_END,
    Q_FIRST,
    R_CONTEXT,
    R_KV,
    R_OPEN,
    R_SEATS,
    R_TOKENS,
    R_WAITS,
)
from tests.plain.ranked import Ranked as Slow

pytestmark = pytest.mark.rare
STEP = StepTime((0.03, 7.8e-5, 4.6e-8), (0.025, 1.4e-4, 3.06e-9, 1.4e-4, 6e-8))
EVEN = StepTime((1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0))
BARE = np.zeros(0, np.int64)
DONE = (R_KV, R_OPEN, R_TOKENS, R_CONTEXT, R_SEATS, R_WAITS)


def drawn(seed, n, gap_s, ranks):
    draws = np.random.default_rng(seed)
    arrival = np.cumsum(draws.exponential(gap_s, n))
    prompt, output = draws.integers(1, 300, n), draws.integers(1, 60, n)
    rank = draws.integers(0, ranks, n).astype(np.int8)
    rank[0] = ranks - 1
    return draws, arrival, prompt, output, rank


def begun(run):
    run.accepts[:] = 1
    run.rest.accepts[:] = 1
    return run


def one_after_the_other(specs, rules, link, at, prompt, output, draw, rank):
    """Return first tokens, ends, replicas and preemptions of single steps, ticks."""
    n = len(at)
    first = Slow(
        specs[0], rules[0], at, prompt.tolist(), [1] * n, draw.tolist(), rank.tolist()
    ).run()  # fmt: skip
    more = np.flatnonzero(output > 1)
    sent = np.array([first.end[i] for i in more]) + ticks(link.times_s(prompt[more]))
    order = np.lexsort((more, sent))
    more, sent = more[order], sent[order]
    second = Slow(
        specs[1], rules[1], sent.tolist(),
        *(column[more].tolist() for column in (prompt, output, draw, rank)),
    ).run()  # fmt: skip
    end, where, thrown = dict(first.end), list(first.where), list(first.thrown)
    for row, i in enumerate(more.tolist()):
        end[i], where[i] = second.end[row], second.where[row]
        thrown[i] += second.thrown[row]
    return [first.first[i] for i in range(n)], [end[i] for i in range(n)], where, thrown


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    route=st.sampled_from(ROUTES),
    grow=st.booleans(),
    chunked=st.booleans(),
    tight=st.booleans(),
    displaces=st.booleans(),
    ranks=st.integers(1, 3),
    gap_s=st.sampled_from([0.02, 0.3, 2.0]),
    spare=st.sampled_from([0, 40]),
    link=st.sampled_from([Link(), Link(1e-4, 0.01), Link(0.02, 0.0)]),
)
@example(  # two join between the same steps, one displaced between them
    seed=289432403, route="round_robin", grow=False, chunked=False, tight=False, displaces=True,
    ranks=3, gap_s=0.02, spare=0, link=Link(),
)  # fmt: skip
def test_by_rank_to_the_last_tick(
    seed, route, grow, chunked, tight, displaces, ranks, gap_s, spare, link
):
    draws, arrival, prompt, output, rank = drawn(seed, 50, gap_s, ranks)
    draw = draws.integers(0, 2**62, len(prompt))
    knobs = {"route": route, "grow": grow, "displaces": displaces}
    knobs |= {"kv_tokens": 400 if tight else 10**6, "kv_spare_tokens": spare}
    first = ServiceSpec(STEP, 2, 3, chunked, chunk_tokens=64, prompt_tokens=400, **knobs)
    second = ServiceSpec(STEP, 3, 4, **knobs, joins=True)
    run = begun(PromptsByRank(first, second, link, arrival, prompt, output, (draw, draw), rank))
    for at in np.sort(draws.uniform(0, 1.5 * arrival[-1], 25)):  # whoever looks, at whichever
        (run if at * 1e6 % 2 < 1 else run.rest).advance(at)
    run.advance()
    rules = run.service.rules, run.rest.service.rules
    at = run.service.q[:, 0].tolist()
    want = one_after_the_other((first, second), rules, link, at, prompt, output, draw, rank)
    q = run.outcome()
    h = q.view(np.int32)
    got = q[:, Q_FIRST], q[:, Q_END], h[:, H_REPLICA], h[:, H_PREEMPTED]
    assert [column.tolist() for column in got] == list(want)
    assert run.over()
    for pool in (run, run.rest):
        assert not pool.service.t[:, DONE].any()
        assert not pool.service.lines[..., L_MANY].any()
        assert (pool.service.lines[..., L_HEAD] == -1).all()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), route=st.sampled_from(ROUTES), grow=st.booleans(),
    tight=st.booleans(),
)  # fmt: skip
def test_one_rank_is_no_rank(seed, route, grow, tight):
    draws, arrival, prompt, output, rank = drawn(seed, 60, 0.1, 1)
    draw = draws.integers(0, 2**62, len(prompt))
    knobs = {"route": route, "grow": grow, "kv_tokens": 420 if tight else 10**6}
    first = ServiceSpec(STEP, 2, 3, False, prompt_tokens=400, **knobs)
    ask = first, ServiceSpec(STEP, 3, 4, **knobs), Link(1e-4, 0.01), arrival, prompt, output
    plain = begun(Prompts(*ask, (draw, draw)))
    ranked = begun(PromptsByRank(*ask, (draw, draw), rank))
    for run in (plain, ranked):
        run.advance()
    assert (plain.outcome() == ranked.outcome()).all()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), grow=st.booleans(), tight=st.booleans(),
    displaces=st.booleans(),
)  # fmt: skip
def test_replicas_of_either_pool_are_lost_and_no_request_or_token_is(seed, grow, tight, displaces):
    n = 60
    draws, arrival, prompt, output, rank = drawn(seed, n, 0.1, 3)
    knobs = {"grow": grow, "kv_tokens": 420 if tight else 10**6, "route": "least_requests"}
    first = ServiceSpec(STEP, 3, 3, False, prompt_tokens=400, **knobs, displaces=displaces)
    second = ServiceSpec(STEP, 4, 4, **knobs, displaces=displaces)
    run = begun(
        PromptsByRank(first, second, Link(1e-4, 0.2), arrival, prompt, output, (BARE, BARE), rank)
    )
    for at in np.sort(draws.uniform(0, 1.2 * arrival[-1], 6)):
        pool, r = (run, int(draws.integers(2))) if draws.random() < 0.4 else (
            run.rest, int(draws.integers(3)))  # fmt: skip
        run.advance(at)
        if draws.random() < 0.3:
            pool.drain(r, at)
            run.advance(at + 0.01)
            at += 0.01
        pool.lose(r, at)
        assert (run.context + run.left)[run.left > 0].tolist() == (prompt + output).tolist()
        pool.accepts[r] = draws.random() < 0.5
    run.advance()
    got = columns(run.outcome(), output)
    assert np.isfinite(got["e2e_s"]).all()
    assert run.over()
    assert run.far()[0] + run.rest.far()[0] == n
    rest, many = run.rest.service, run.rest.many
    assert rest.rank[:many].tolist() == rank[run.rest.of[:many]].tolist()
    size = rest.h[:many, H_PROMPT].astype(int) + rest.h[:many, H_OUTPUT]
    assert (size == (prompt + output)[run.rest.of[:many]]).all()
    for pool in (run, run.rest):
        assert not pool.service.t[:, DONE].any()


def test_who_is_first_in_both_pools():
    """Steps of 1 s, a prompt at a time, one seat, nothing to send.

    The first prompt is done at 1, then that of the lower rank though it came last, then the other.
    The first decodes its 4 tokens till 5; the lower rank, there at 2, is next, or takes the seat
    at 2: then the first has none of its own but the token it got, and goes on at 4, when the lower
    rank has its 2.
    """
    ask = [0.0, 0.1, 0.2], np.array([5, 5, 5]), np.array([5, 2, 3])
    rank = np.array([1, 1, 0], np.int8)
    one = {"chunked": False, "prompt_tokens": 5}
    for displaces, want in ((False, [5.0, 8.0, 7.0]), (True, [7.0, 8.0, 4.0])):
        first = ServiceSpec(EVEN, 1, **one, displaces=displaces)
        second = ServiceSpec(EVEN, 1, batch=1, displaces=displaces)
        run = begun(PromptsByRank(first, second, Link(), *ask, (BARE, BARE), rank))
        run.advance()
        q = run.outcome()
        assert (q[:, Q_FIRST] / 1e12).tolist() == [1.0, 3.0, 2.0]
        assert (q[:, Q_END] / 1e12).tolist() == want
