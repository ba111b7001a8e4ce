"""Requests a few rows at a time: the same as with all of them at once, whatever happens between."""

import numpy as np
import pytest

from sim.engine.ranked import Ranked
from sim.engine.scrapes import COLUMNS
from sim.engine.serving import ROUTES, Run, ServiceSpec, StepTime, tick
from sim.engine.window import NONE, told
from sim.errors import ScenarioError
from sim.kernel.serving.rows import interval
from sim.rng import Streams
from sim.state.fates import Fates, fates_of
from sim.state.serving import (
    BACK,
    EVENTS,
    H_PREEMPTED,
    NEVER,
    NEXT,
    Q_COLUMNS,
    R_HEAD,
    R_TAIL,
    TURNED_AWAY,
)
from sim.study.ranks import misplaced
from sim.workload.requests import DrawnRequests, LogNormalTokens, Requests
from sim.workload.services import ByPriority, LlmReplica, LlmService

STEP = StepTime((0.02, 1e-4, 1e-7), (0.02, 5e-5, 1e-9, 1e-4, 1e-7))
ROWS = {NEXT, BACK}
"""What the clock says of rows, not of requests."""


def asked(seed, n=400):
    """Return requests that come faster than they can be answered, some of them at one instant."""
    rng = np.random.default_rng(seed)
    at_s = np.cumsum(rng.exponential(0.02, n) * (rng.random(n) < 0.7))
    tokens = rng.integers(1, 300, n), rng.integers(1, 60, n)
    return at_s, *tokens, rng.integers(0, 2**62, n)


def lived(spec, columns, rows, seed):
    """Return a service that is scaled, drained, lost and left without any replica; and its sums.

    What an interval is told, but for who came in it.
    """
    run, rng, now_s, marks = Run(spec, *columns, rows=rows), np.random.default_rng(seed), 0.0, []
    kept, last_s, row = np.zeros(9, np.int64), 0.0, np.zeros((len(COLUMNS), 1))
    run.accepts[0] = 1
    for _ in range(60):
        now_s += float(rng.exponential(0.25))
        run.advance(now_s)
        r, what = int(rng.integers(spec.replicas)), int(rng.integers(5))
        if what < 2:
            run.accepts[r] = 1
        elif what == 2:
            run.drain(r, now_s)
        elif what == 3:
            run.lose(r, now_s)
        else:
            clock, ends_s = run.service.clock, (now_s, last_s)
            interval(clock, kept, row, 0, tick(now_s), ends_s, (0, 0.0, 0), 0.0)
            marks += [np.nan_to_num(row).tolist(), kept.tolist(), run.back(), run.far(), run.over()]
            last_s = now_s
    part = run.fates(now_s)
    run.accepts[:] = 1
    run.advance()
    return run, marks, part


def same(got, want):
    assert all(a.tolist() == b.tolist() for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("route", ROUTES)
def test_a_window_of_rows_changes_nothing(route, rows):
    for seed in range(4):
        spec = ServiceSpec(
            STEP, 3, 8, seed % 2 == 0, 64, 400, kv_tokens=700, grow=True, route=route,
            most_open=40 if seed == 3 else None,
        )  # fmt: skip
        columns = asked(seed)
        want, sums, before = lived(spec, columns, None, seed)
        got, marks, then = lived(spec, columns, rows, seed)
        assert marks == sums
        same(then, before)
        same(got.fates(4e6), want.fates(4e6))
        assert got.over()
        own = [i for i in range(len(got.service.clock)) if i not in ROWS]
        assert got.service.clock[own].tolist() == want.service.clock[own].tolist()
        whole = [i for i in range(got.service.t.shape[1]) if i not in (R_HEAD, R_TAIL)]
        assert got.service.t[:, whole].tolist() == want.service.t[:, whole].tolist()
        assert int(want.service.clock[EVENTS]) > len(columns[0])


def test_hardly_more_rows_than_are_under_way():
    at_s = np.arange(5000) * 0.5
    ones = np.full(5000, 10)
    run = Run(ServiceSpec(STEP, 2, 8), at_s, ones, ones, NONE, rows=50)
    run.accepts[:] = 1
    run.advance()
    assert len(run.service.q) < 100
    assert (run.fates(4e6).last >= 0).all()


def test_a_queue_that_grows_is_moved_as_often_as_its_logarithm():
    """Nobody answers fast enough: of n requests nearly all are under way at once."""
    n, moves = 20_000, []
    at_s, ones = np.arange(n) * 1e-4, np.full(n, 50)
    run = Run(ServiceSpec(STEP, 1, 4), at_s, ones, ones, NONE, rows=16)
    on = run.window.on
    run.window.on = lambda s: moves.append(len(s.q)) or on(s)
    run.accepts[:] = 1
    run.advance(float(at_s[-1]) + 1.0)
    assert len(moves) <= 2 * np.log2(n)


def test_what_is_preempted_more_often_than_a_byte_holds_is_counted():
    q = np.zeros((3, Q_COLUMNS), np.int64)
    q.view(np.int32)[:, H_PREEMPTED] = (2, 300, 70_000)
    made = told(q, NONE, True, fates_of(3, 2))
    assert made.preempted.tolist() == [2, 300, 70_000]


def test_times_are_those_of_plain_division():
    fates = Fates(*(np.array(c) for c in ([2 * 10**12, -1, 5], [4 * 10**12, -1, -1],
                                          [0, TURNED_AWAY, 1], [0, 0, 0])))  # fmt: skip
    ttft, tpot, e2e = fates.times(np.array([5, 9, 9], np.uint8))
    assert ttft.tolist()[::2] == [2.0, 5e-12]
    assert (tpot[0], e2e[0]) == (0.5, 4.0)
    assert np.isnan([ttft[1], *tpot[1:], *e2e[1:]]).all()
    assert fates.shed().tolist() == [False, True, False]


def test_who_came_is_told_by_ticks():
    at_s = np.array([0.0, 1.0, 1.0 + 4e-13, 2.0])  # the third's tick is the second's
    run = Run(ServiceSpec(STEP, 1, 4), at_s, *(np.full(4, 5),) * 2, NONE)
    for until_s in (0.0, 1.0, 1.0 + 1e-12, 2.0, 3.0):
        plain = sum(int(np.rint(a * 1e12)) < tick(until_s) for a in at_s)
        assert run.window.came(tick(until_s)) == plain
    assert run.window.came(int(NEVER)) == 4


def test_what_is_kept_narrow_is_added_wide():
    """Two bytes hold a prompt of 60,000 tokens and an answer of as many, but not both together."""
    at_s, tokens = np.zeros(1), np.array([60_000], np.uint16)
    for kv_tokens, refused in ((119_999, True), (120_000, False)):
        spec = ServiceSpec(STEP, 1, 4, kv_tokens=kv_tokens, door=1)
        for make in (lambda s=spec: Run(s, at_s, tokens, tokens, NONE),
                     lambda s=spec: Ranked(s, at_s, tokens, tokens, NONE, [1])):  # fmt: skip
            if refused:
                with pytest.raises(ScenarioError, match="120000"):
                    make()
            else:
                make()


def test_a_request_that_is_done_takes_thirty_one_bytes():
    """Of 10^8 that is 3.1 GB: the budget of a run."""
    n = 1000
    asked = DrawnRequests(1.0, 1000.0, tokens=LogNormalTokens()).requests(Streams(1), "llm")
    packed = asked.packed()
    many = len(packed.prompt)
    given = packed.arrival_s.nbytes + packed.prompt.nbytes + packed.output.nbytes
    assert given == 12 * many
    assert packed.klass.strides == (0,)  # one class: one byte for all
    assert sum(column.nbytes for column in fates_of(n, 20_000)) == 19 * n


def test_the_longest_at_the_door_is_told_whole():
    order = ByPriority(offline_classes=("nightly",), offline_kv_frac=1.0)
    replica = LlmReplica(1, None, (0.02, 1e-4, 1e-7), (0.02, 5e-5, 1e-9, 1e-4, 1e-7),
                         kv_tokens=119_999)  # fmt: skip
    of = LlmService(replica=replica, order=order).listed()[0][0]
    tokens = np.array([60_000, 9], np.uint16)
    asked = Requests(np.zeros(2), tokens, tokens, np.array([0, 1], np.uint8), ("nightly", "chat"))
    (found,) = misplaced(of, asked)
    assert "must hold 120000" in found
