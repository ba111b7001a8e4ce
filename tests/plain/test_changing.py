"""Replicas come, drain and are lost: the kernel ends where single steps end, to the last tick."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.apart import Link
from sim.engine.pools import Prompts, PromptsByRank
from sim.engine.ranked import Ranked
from sim.engine.serving import ROUTES, Run, ServiceSpec, StepTime, tick
from sim.state.fates import Fates
from sim.state.serving import DOOR
from tests.plain.changing import Changing, Pools
from tests.plain.test_serving import ROUGH

pytestmark = pytest.mark.rare
STEP = StepTime((0.03, 7.8e-5, 4.6e-8), (0.025, 1.4e-4, 3.06e-9, 1.4e-4, 6e-8))
COMMON = {
    "seed": st.integers(0, 2**32 - 1),
    "route": st.sampled_from(ROUTES),
    "chunked": st.booleans(),
    "grow": st.booleans(),
    "tight": st.booleans(),
    "ranks": st.integers(0, 3),
    "displaces": st.booleans(),
    "most_open": st.sampled_from([None, 3, 12]),
    "spare": st.sampled_from([0, 40]),
}


def drawn(seed, ranks, n=50):
    """Return what makes changes, arrivals, prompts, outputs, what routes draw, and ranks if any."""
    draws = np.random.default_rng(seed)
    arrival = np.cumsum(draws.exponential(draws.choice([0.02, 0.3, 1.0]), n))
    prompt, output = draws.integers(1, 300, n), draws.integers(1, 60, n)
    rank = draws.integers(0, max(ranks, 1), n).astype(np.int8)
    rank[0] = max(ranks - 1, 0)
    draw = draws.integers(0, 2**62, n)
    return draws, arrival, prompt, output, draw, rank if ranks else None


def instants(draws, arrival, many=12):
    """Return instants, and whether one accepts, drains or is lost then."""
    at_s = np.sort(draws.uniform(0.0, 1.3 * arrival[-1] + 2.0, many))
    return zip(at_s.tolist(), draws.integers(0, 4, many).tolist(), strict=True)


def alike(fates: Fates, arrival, plain, thrown):
    n = len(arrival)
    first, last = ([of.get(i, -1) for i in range(n)] for of in (plain.first, plain.end))
    came = np.array(arrival)
    for got, want in ((fates.first, first), (fates.last, last)):
        assert np.where(got < 0, -1, got + came).tolist() == want
    assert fates.place.tolist() == plain.where
    assert fates.preempted.tolist() == thrown


def change(run, plain, r, how, at_s, lose):
    """Tell both the same; a replica accepts again when it has nothing left, as a service's do."""
    if how < 2 and run.outstanding(r) == 0:
        run.accepts[r] = 1
        plain.accept(r)
    elif how < 2:
        return
    elif how == 2:
        run.drain(r, at_s)
        plain.drain(r)
    else:
        run.lose(r, at_s)
        lose(r)


@settings(max_examples=250, deadline=None)
@given(
    **COMMON, batch=st.integers(1, 6), door=st.booleans(), hit=st.sampled_from([0.0, 0.4]),
    padded=st.booleans(), rough=st.booleans(), rows=st.sampled_from([None, 7]),
)  # fmt: skip
def test_same_to_the_last_tick(
    seed, route, chunked, grow, tight, ranks, displaces, most_open, spare, batch, door, hit, padded,
    rough, rows,
):  # fmt: skip
    draws, arrival, prompt, output, draw, rank = drawn(seed, ranks)
    spec = ServiceSpec(
        ROUGH if rough else STEP, 3, batch, chunked, chunk_tokens=64, prompt_tokens=400, grow=grow,
        kv_tokens=400 if tight else 10**6, kv_spare_tokens=spare, route=route, most_open=most_open,
        prefix_hit_rate=hit, padded=padded, displaces=displaces and ranks > 0,
        door=ranks - 1 if door and ranks else None, door_seats=int(draws.integers(1, 7)),
    )  # fmt: skip
    given_ = spec, arrival, prompt, output, draw
    run = Run(*given_, rows=rows) if rank is None else Ranked(*given_, rank, rows)
    came = np.rint(arrival * 1e12).astype(int).tolist()
    computed = np.maximum(np.rint(prompt * (1.0 - hit)), 1).astype(int).tolist()
    told = None if rank is None else rank.tolist()
    plain = Changing(spec, run.service.rules, came, computed, output.tolist(), draw.tolist(), told)
    for at_s, how in instants(draws, arrival):
        run.advance(at_s)
        plain.advance(tick(at_s))
        held = [plain.held(r, lambda one: not plain.outside(one)) for r in plain.pool]
        assert run.loads([0, 1, 2])[2].tolist() == held
        change(run, plain, int(draws.integers(3)), how, at_s, plain.lose)
    for r in [*range(3)] * 2:
        change(run, plain, r, 0, at_s, plain.lose)
        at_s += 1000.0  # who drains has nothing left
        run.advance(at_s)
        plain.advance(tick(at_s))
    assert run.over()
    assert run.service.rules[DOOR] == (-1 if spec.door is None else spec.door)
    alike(run.fates(4e6), came, plain, [one.thrown for one in plain.all])


@settings(max_examples=120, deadline=None)
@given(**COMMON, link=st.sampled_from([Link(), Link(1e-4, 0.01), Link(0.02, 0.0)]))
def test_two_pools_to_the_last_tick(
    seed, route, chunked, grow, tight, ranks, displaces, most_open, spare, link
):
    draws, arrival, prompt, output, draw, rank = drawn(seed, ranks)
    knobs = {"route": route, "grow": grow, "kv_tokens": 400 if tight else 10**6}
    knobs |= {"kv_spare_tokens": spare, "displaces": displaces and ranks > 0}
    first = ServiceSpec(STEP, 2, 3, chunked, chunk_tokens=64, prompt_tokens=400,
                        most_open=most_open, **knobs)  # fmt: skip
    second = ServiceSpec(STEP, 3, 4, **knobs)
    given_ = first, second, link, arrival, prompt, output, (draw, draw)
    run = Prompts(*given_) if rank is None else PromptsByRank(*given_, rank)
    came = np.rint(arrival * 1e12).astype(int).tolist()
    told = None if rank is None else rank.tolist()
    rules = run.service.rules, run.rest.service.rules
    given_ = came, prompt.tolist(), output.tolist(), draw.tolist(), told
    plain = Pools((first, second), rules, link, *given_)
    pools = (run, plain.first, plain.first.lose), (run.rest, plain.rest, plain.lose_decoding)
    for at_s, how in instants(draws, arrival, 16):
        run.advance(at_s)
        plain.advance(tick(at_s))
        held = [plain.rest.held(r) for r in plain.rest.pool]
        assert run.rest.loads([0, 1, 2])[2].tolist() == held
        own, other, lose = pools[int(draws.integers(2))]
        change(own, other, int(draws.integers(len(other.pool))), how, at_s, lose)
    for r in [0, 1] * 3:
        for own, other, lose in pools:
            change(own, other, r, 0, at_s, lose)
        at_s += 1000.0  # who drains has nothing left
        run.advance(at_s)
        plain.advance(tick(at_s))
    assert run.over()
    plain.first.end = plain.end
    alike(run.fates(4e6), came, plain.first, [plain.thrown(i) for i in range(len(came))])
