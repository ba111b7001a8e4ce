"""Requests by rank: the kernel ends where single steps end; what waits at the door is nobody's loss."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.ranked import Ranked as Run
from sim.engine.serving import ROUTES, ServiceSpec, StepTime
from sim.engine.serving import Run as Plain
from sim.errors import ScenarioError
from sim.state.serving import (
    ADMITS,
    DOOR_ENDS,
    DOOR_HEAD,
    ENDS,
    EVENTS,
    GONE,
    H_PREEMPTED,
    H_REPLICA,
    L_HEAD,
    L_MANY,
    L_PARTLY,
    LATER_TOKENS,
    Q_END,
    Q_FIRST,
    R_CONTEXT,
    R_KV,
    R_OPEN,
    R_SEATS,
    R_TOKENS,
    R_WAITS,
)  # fmt: skip
from tests.plain.ranked import Ranked as Slow
from tests.plain.test_serving import ROUGH

pytestmark = pytest.mark.rare
STEP = StepTime((0.03, 7.8e-5, 4.6e-8), (0.025, 1.4e-4, 3.06e-9, 1.4e-4, 6e-8))

EVEN = StepTime((1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0))


def drawn(seed, n=40, most=(300, 60)):
    """Return arrivals, prompts, outputs and what routes draw."""
    draws = np.random.default_rng(seed)
    arrival = np.cumsum(draws.exponential(draws.choice([0.02, 0.3, 2.0]), n))
    return arrival, draws.integers(1, most[0], n), draws.integers(1, most[1], n), draws.integers(
        0, 2**62, n), draws  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    route=st.sampled_from(ROUTES),
    chunked=st.booleans(),
    grow=st.booleans(),
    batch=st.integers(1, 6),
    replicas=st.integers(1, 4),
    tight=st.booleans(),
    ranks=st.integers(1, 3),
    door=st.booleans(),
    displaces=st.booleans(),
    limits=st.tuples(st.integers(1, 6), st.sampled_from([360, 10**6])),
    even=st.booleans(),
    rough=st.booleans(),
    padded=st.booleans(),
    spare=st.sampled_from([0, 40]),
)
def test_by_rank_to_the_last_tick(
    seed, route, chunked, grow, batch, replicas, tight, ranks, door, displaces, limits, even,
    rough, padded, spare,
):  # fmt: skip
    arrival, prompt, output, draw, draws = drawn(seed)
    rank = draws.integers(0, ranks, len(prompt)).astype(np.int8)
    rank[0] = ranks - 1
    if even:  # steps end at one instant on all replicas, and requests come then
        arrival = np.rint(arrival)
    step = EVEN if even else ROUGH if rough else STEP
    spec = ServiceSpec(
        step, replicas, batch, chunked, padded=padded, chunk_tokens=64, prompt_tokens=400, grow=grow, route=route,
        kv_spare_tokens=min(spare, limits[1] - 358), kv_tokens=400 if tight else 10**6, displaces=displaces, door=ranks - 1 if door else None,
        door_seats=limits[0], door_kv_tokens=limits[1],
    )  # fmt: skip
    run = Run(spec, arrival, prompt, output, draw, rank)
    run.accepts[:] = 1
    for at in np.sort(draws.uniform(0, 20, 3)):  # stops on the way change nothing
        run.advance(at)
    run.advance()
    s = run.service
    want = Slow(
        spec, s.rules, s.q[:, 0].tolist(), prompt.tolist(), output.tolist(), draw.tolist(),
        rank.tolist(),
    ).run()  # fmt: skip
    n = len(prompt)
    assert s.q[:, Q_FIRST].tolist() == [want.first[i] for i in range(n)]
    assert s.q[:, Q_END].tolist() == [want.end[i] for i in range(n)]
    assert s.h[:, H_REPLICA].tolist() == want.where
    assert s.h[:, H_PREEMPTED].tolist() == want.thrown
    assert run.over()
    for column in (R_KV, R_OPEN, R_TOKENS, R_CONTEXT, R_SEATS, R_WAITS):
        assert not s.t[:, column].any()
    assert not s.lines[..., [L_MANY, L_PARTLY]].any()
    assert (s.lines[..., L_HEAD] == -1).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), chunked=st.booleans(), grow=st.booleans())
def test_one_rank_is_no_rank(seed, chunked, grow):
    """The core without ranks, to the last tick, replica and preemption."""
    arrival, prompt, output, draw, _ = drawn(seed)
    spec = ServiceSpec(STEP, 2, 4, chunked, 64, 400, 400, grow, "two_choices")
    plain = Plain(spec, arrival, prompt, output, draw)
    ranked = Run(spec, arrival, prompt, output, draw, np.zeros(len(prompt), np.int8))
    for run in (plain, ranked):
        run.accepts[:] = 1
        run.advance()
    assert (plain.service.q == ranked.service.q).all()
    same = plain.service.clock == ranked.service.clock
    assert same[:DOOR_HEAD][
        np.arange(DOOR_HEAD) != EVENTS
    ].all()  # a run may end early to look at the queue


def test_ranks_without_sense_are_named():
    spec = ServiceSpec(STEP, 1, door=1, door_kv_tokens=10)
    with pytest.raises(ScenarioError, match=r"door_kv_tokens.*at least 30"):
        Run(spec, [0.0], np.array([10]), np.array([20]), [], [1])
    with pytest.raises(ScenarioError, match="last rank"):
        Run(spec, [0.0], np.array([10]), np.array([20]), [], [2])


def played(spec, arrival, prompt, output, rank):
    """Return instants of first tokens and ends, in steps of a second."""
    run = Run(spec, np.asarray(arrival, float), np.asarray(prompt), np.asarray(output), [], rank)
    run.accepts[:] = 1
    run.advance()
    q = run.service.q
    return q[:, Q_FIRST] / 1e12, q[:, Q_END] / 1e12, run


def test_who_is_first_where_one_may_be_answered_at_a_time():
    """Steps of 1 s, one seat. Without ranks the second waits for the first; with them it does not.

    The first, of 10 tokens, has had 4 at instant 4 (its prompt's step ended at 1), when the other is
    let in after the step under way: 1 s for its prompt, 1 s for its second token, until 6. Then the
    first is computed anew, 1 s for prompt and 4 tokens, which makes one, and the 5 others, until 12.
    """
    ask = [0.0, 3.5], [5, 5], [10, 2]
    one = ServiceSpec(EVEN, 1, batch=1, displaces=True)
    first, end, run = played(one, *ask, [1, 0])
    assert first.tolist() == [1.0, 5.0]
    assert end.tolist() == [12.0, 6.0]
    assert run.service.h[:, H_PREEMPTED].tolist() == [1, 0]
    as_v1 = ServiceSpec(EVEN, 1, batch=1)
    first, end, _ = played(as_v1, *ask, [1, 0])
    assert end.tolist() == [10.0, 12.0]


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), replicas=st.integers(1, 3), seats=st.integers(2, 6))
def test_those_at_the_door_delay_the_others_by_a_step_at_most(seed, replicas, seats):
    """Where a step takes as long whatever is in it: until the one under way ends.

    There is memory for as many of the others as there are seats, and no more.
    """
    arrival, prompt, output, _, draws = drawn(seed)
    door = draws.integers(0, 2, len(prompt))
    door[:2] = 0, 1
    spec = ServiceSpec(
        EVEN, replicas, seats, chunk_tokens=10**5, kv_tokens=360 * seats, grow=True, door=1
    )
    first, end, _ = played(spec, arrival, prompt, output, door)
    mine = door == 0
    alone = Plain(spec, arrival[mine], prompt[mine], output[mine], [])
    alone.accepts[:] = 1
    alone.advance()
    step = 1.0 + 1e-9
    assert (end[mine] <= alone.service.q[:, Q_END] / 1e12 + step).all()
    assert (first[mine] <= alone.service.q[:, Q_FIRST] / 1e12 + step).all()


def test_those_at_the_door_have_what_the_others_leave():
    """10 seats, steps of 1 s; of the others 8, then 2 are there: 2 seats are left, then 8.

    All answers but the prompt's step are far longer than what is looked at.
    """
    n = 400
    for many in (2, 8):
        arrival, rank = np.zeros(n), np.r_[np.zeros(many, int), np.ones(n - many, int)]
        output = np.r_[np.full(many, 1000), np.full(n - many, 5)]
        spec = ServiceSpec(EVEN, 1, 10, chunk_tokens=10**5, door=1)
        _, end, _ = played(spec, arrival, np.full(n, 3), output, rank)
        outside = np.sort(end[many:])
        each = (10 - many) / 5.0  # a seat answers one in five steps
        assert (outside <= 100.0).sum() == pytest.approx(100.0 * each, abs=10)


def test_a_replica_that_is_lost_loses_none():
    """Whatever their rank, also those whose prompt is half computed; tokens sent are not sent anew."""
    arrival, prompt, output, draw, draws = drawn(11, 120, (900, 60))
    arrival = np.sort(draws.uniform(0, 10, len(prompt)))
    rank = draws.integers(0, 3, len(prompt))
    for chunked in (True, False):
        spec = ServiceSpec(STEP, 3, 8, chunked, 256, 1000, 3000, True, "two_choices", door=2)
        run = Run(spec, arrival, prompt, output, draw, rank)
        run.accepts[:] = 1
        for at, r in ((2.0, 0), (4.0, 1), (4.3, 2), (7.0, 0)):
            run.advance(at)
            run.lose(r, at)
            run.advance(at + 0.5)
            run.accepts[r] = 1
        run.drain(1, at + 0.5)
        run.advance()
        s = run.service
        assert run.over()
        assert (s.q[:, Q_END] >= 0).all()
        assert (s.h[:, H_PREEMPTED] > 0).any()
        size = s.h[:, 6].astype(int) + s.h[:, 7]
        assert (size == prompt + output).all()
        for column in (R_KV, R_OPEN, R_TOKENS, R_CONTEXT, R_SEATS, R_WAITS):
            assert not s.t[:, column].any()
        inside = rank < 2
        assert s.clock[ENDS] == inside.sum()
        assert s.clock[DOOR_ENDS] == (~inside).sum()
        assert s.clock[LATER_TOKENS] == (output[inside] - 1).sum()
        assert s.clock[GONE] == s.clock[ADMITS] == inside.sum()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), rows=st.sampled_from([1, 7, 30]), chunked=st.booleans(),
    ranks=st.integers(2, 3),
)  # fmt: skip
def test_a_few_rows_at_a_time_change_nothing(seed, rows, chunked, ranks):
    """Requests that are done make room for others, whatever is lost and drained between."""
    arrival, prompt, output, draw, draws = drawn(seed, 150)
    rank = draws.integers(0, ranks, len(prompt))
    spec = ServiceSpec(
        STEP, 3, 6, chunked, 64, 400, 800, True, "least_tokens", door=ranks - 1, door_seats=4,
        most_open=30,
    )  # fmt: skip
    found = []
    for many in (None, rows):
        run, what = (
            Run(spec, arrival, prompt, output, draw, rank, many),
            np.random.default_rng(seed),
        )
        run.accepts[0] = 1
        now, seen = 0.0, []
        for _ in range(25):
            now += float(what.exponential(arrival[-1] / 20))
            run.advance(now)
            r, how = int(what.integers(3)), int(what.integers(4))
            if how < 2:
                run.accepts[r] = 1
            elif how == 2:
                run.drain(r, now)
            else:
                run.lose(r, now)
            seen += [run.far(), run.over(), [x.tolist() for x in run.loads([0, 1, 2])]]
        run.accepts[:] = 1
        run.advance()
        assert run.over()
        found.append(([x.tolist() for x in run.fates(4e6)], seen))
    assert found[0] == found[1]


@pytest.mark.parametrize("grow", [True, False])
@pytest.mark.parametrize("chunked", [True, False])
def test_what_is_read_of_a_replica_is_of_those_somebody_waits_for(chunked, grow):
    """With none of them nothing, whatever is at work; with them alone what it is without ranks."""
    arrival, prompt, output, draw, _ = drawn(5, 120)
    spec = ServiceSpec(STEP, 2, 6, chunked, 64, 400, 1500, grow, "two_choices", door=1)
    one = np.zeros(len(prompt), int)
    outside = Run(spec, arrival, prompt, output, draw, one + 1)
    inside = Run(spec, arrival, prompt, output, draw, one)
    ranked = Run(replace(spec, door=None), arrival, prompt, output, draw, one + 1)
    plain = Plain(spec, arrival, prompt, output, draw)
    busy, runs = 0, (outside, inside, ranked, plain)
    for run in runs:
        run.accepts[:] = 1
    for at in np.linspace(0.0, arrival[-1] + 5.0, 40):
        for run in runs:
            run.advance(at)
        assert not np.any(outside.loads([0, 1]))
        assert np.array_equal(inside.loads([0, 1]), plain.loads([0, 1]))
        assert np.array_equal(ranked.loads([0, 1]), plain.loads([0, 1]))
        busy += outside.outstanding(0) > 0 and outside.service.t[0, R_KV] > 0
    assert busy > 10
