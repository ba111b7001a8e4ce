"""Replicas that step by a table: who is lent to the other pool, who goes first, and nothing is lost.

Steps of a second, so that each instant is reckoned by hand from the words of the docstrings.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.apart import Link
from sim.engine.tables import PoolRules, StepTable, Tables

SECOND = StepTable((1, 1000), (1.0, 1.0), (1, 64), (1.0, 1.0))


def served(prompts, decodes, ask, budget=100, batch=8, link=None, **rules):
    pools = Tables(SECOND, prompts, decodes, budget, batch, link or Link(), PoolRules(**rules))
    return pools.serve(*map(np.array, zip(*ask, strict=True))), pools


def test_where_the_list_is_long_a_replica_that_decodes_does_a_prompt():
    """The first runs; the second waits, for nobody did; behind it 60 + 60 + 60 are above 150."""
    ask = [(0.0, 60, 1), (0.1, 60, 1), (0.2, 60, 3)]
    got, pools = served(1, 1, ask, queue_tokens=150)
    assert got["ttft_s"].tolist() == pytest.approx([1.0, 1.9, 1.0])
    assert got["e2e_s"][2] == pytest.approx(3.0)  # it stays where it is: nothing is sent
    assert [len(pool) for pool in pools.pools] == [1, 1]  # empty, it went home
    got, _ = served(1, 1, ask)
    assert got["ttft_s"].tolist() == pytest.approx([1.0, 1.9, 2.8])


def test_one_that_is_lent_does_both_as_long_as_it_has_something():
    """The fourth finds the first pool's list as long, and the lent one with room beside an answer."""
    ask = [(0.0, 60, 1), (0.1, 60, 1), (0.2, 60, 9), (0.3, 40, 2)]
    got, _ = served(1, 1, ask, queue_tokens=150)
    assert got["ttft_s"][3] == pytest.approx(1.9)  # begins with the step at 1.2
    assert got["e2e_s"][3] == pytest.approx(2.9)


def test_where_memory_is_promised_away_a_replica_of_prompts_answers():
    """The second pool has room for one: 10 + 50 tokens twice are above 100. Sending takes 7 s."""
    link = Link(latency_s=7.0)
    ask = [(0.0, 10, 50), (0.1, 10, 50)]
    got, _ = served(1, 1, ask, link=link, kv_tokens=100)
    assert got["e2e_s"][0] == pytest.approx(1.0 + 7.0 + 49.0)
    assert got["ttft_s"][1] == pytest.approx(1.9)
    assert got["e2e_s"][1] == pytest.approx(1.9 + 49.0)  # where its prompt was


def test_where_nobody_can_be_lent_the_least_loaded_does_it_all():
    """Both are lent, the first for its list, the second for memory: the fewest tokens has it."""
    ask = [(0.0, 60, 30), (0.1, 60, 30), (0.2, 60, 30), (0.3, 90, 30)]
    _, pools = served(1, 1, ask, kv_tokens=200, queue_tokens=100)
    ahead, behind = pools.both[3]
    assert ahead is behind


def test_a_prompt_beyond_the_budget_waits_until_an_answer_is_done():
    """Two prompts, till 2; two answers run, of 3 and 8 tokens more than they have, till 4 at least.

    A prompt of 100 begins with the next step, at 3; one of 101 when the first is done, at 4.
    """
    for tokens, begins_s in ((100, 3.0), (101, 4.0)):
        ask = [(0.0, 10, 4), (0.0, 10, 9), (2.5, tokens, 1)]
        got, _ = served(1, 0, ask)
        assert got["ttft_s"][2] == pytest.approx(begins_s + 1.0 - 2.5)
        assert got["e2e_s"][0] == pytest.approx(4.0 + (tokens == 100))
        assert got["e2e_s"][1] == pytest.approx(2.0 + 8.0 + 1.0)  # it is held up for a step


def test_who_was_passed_over_often_goes_first():
    """Six prompts of all the budget are there at 1 and would hold an answer up till 7.

    Passed over once it goes first at 2, twice at 3; its two steps are a run.
    """
    ask = [(0.0, 10, 3), *[(0.5 + 0.01 * k, 100, 1) for k in range(6)]]
    for often, want in ((np.inf, 9.0), (2, 5.0), (1, 4.0)):
        got, _ = served(1, 0, ask, most_passed=often)
        assert got["e2e_s"][0] == pytest.approx(want)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), prompts=st.integers(1, 3), decodes=st.integers(0, 3),
    gap_s=st.sampled_from([0.2, 1.0, 5.0]), queue_tokens=st.sampled_from([0.0, 150.0, np.inf]),
    most_passed=st.sampled_from([1, 4, np.inf]),
)  # fmt: skip
def test_all_is_answered_and_given_back(seed, prompts, decodes, gap_s, queue_tokens, most_passed):
    draws = np.random.default_rng(seed)
    n = 60
    at_s = np.cumsum(draws.exponential(gap_s, n))
    prompt, output = draws.integers(1, 160, n), draws.integers(1, 12, n)
    ask = list(zip(at_s, prompt, output, strict=True))
    got, pools = served(
        prompts, decodes, ask, link=Link(1e-3, 0.01), queue_tokens=queue_tokens,
        most_passed=most_passed,
    )  # fmt: skip
    assert (got["ttft_s"] >= 1.0 - 1e-9).all()
    assert (got["e2e_s"] >= got["ttft_s"] + (output - 1) - 1e-6).all()
    for r in pools.all:
        assert (r.load, r.held, r.promised) == (0, 0.0, 0.0)
        assert not any((r.parts, r.batch, r.waits, r.prompts, r.stopped))
    assert sorted(map(len, [*pools.pools, pools.lent])) == sorted([prompts, decodes, 0])
