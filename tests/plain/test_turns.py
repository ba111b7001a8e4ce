"""Sequences that decode in turn: instants by hand; while no step is full it is the compiled core."""

import numpy as np
import pytest

from sim.engine.apart import Link, serve_apart
from sim.engine.serving import ServiceSpec, StepTime, serve
from sim.engine.turns import Turns, TurnSpec

SECOND = StepTime((1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0))
LINE = StepTime((0.03, 7.8e-5, 4.6e-8), (0.025, 1.4e-4, 3.06e-9, 0.0, 0.0))


def drawn(n, gap_s):
    draws = np.random.default_rng(6)
    at_s = np.cumsum(draws.exponential(gap_s, n))
    return at_s, draws.integers(1, 900, n), draws.integers(1, 120, n)


def test_who_has_no_room_goes_first_in_the_next_step():
    """All prompts are done at 1, of 10 tokens; a step holds two with the tokens that they get, 24.

    So at 2 a and b have a token more, at 3 c and a, at 4 b and c: a is done at 3.
    """
    got = Turns(TurnSpec(SECOND, context_tokens=24)).serve([0.0] * 3, [10] * 3, [3, 3, 3])
    assert got["ttft_s"].tolist() == [1.0, 1.0, 1.0]
    assert got["e2e_s"].tolist() == [3.0, 4.0, 4.0]


def test_a_step_of_many_is_of_another_kind():
    slow = StepTime((5.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0))
    spec = TurnSpec(SECOND, large=slow, large_from=2)
    assert Turns(spec).serve([0.0, 0.0], [10, 10], [2, 3])["e2e_s"].tolist() == [6.0, 7.0]
    assert Turns(spec).serve([0.0], [10], [3])["e2e_s"].tolist() == [3.0]


def test_no_prompt_is_begun_while_too_much_decodes():
    """The second comes at 1.5; the first has 11 tokens at 2 and 12 at 3, and is done at 4."""
    for full, want_s in ((12, 3.0), (11, 3.0), (10, 5.0)):
        got = Turns(TurnSpec(SECOND, full_tokens=full)).serve([0.0, 1.5], [10, 5], [4, 1])
        assert got["ttft_s"][1] == pytest.approx(want_s - 1.5)


@pytest.mark.parametrize("gap_s", [0.15, 3.0])
def test_while_no_step_is_full_it_is_the_core(gap_s):
    ask = drawn(1000, gap_s)
    one = ServiceSpec(LINE, 1, batch=4096, chunked=False, prompt_tokens=2000)
    spec, link = TurnSpec(LINE, prompt_tokens=2000), Link(1e-5, 0.01)
    pairs = [
        (Turns(spec), serve(one, *ask)),
        (Turns(spec, spec, link), serve_apart(one, one, link, *ask)),
    ]
    for mine, want in pairs:
        got = mine.serve(*ask)
        for name in ("ttft_s", "tpot_s", "e2e_s"):
            np.testing.assert_allclose(got[name], want[name], rtol=0.0, atol=1e-7)


def test_all_is_answered_on_several_replicas_in_turn():
    ask = drawn(1500, 0.05)
    spec = TurnSpec(LINE, 2, 2000, 3000)
    got = Turns(spec, TurnSpec(LINE, 3, 2000, 3000), Link(1e-5)).serve(*ask)
    least_s = got["ttft_s"] + (ask[2] - 1) * LINE.decode_s[0]
    assert (got["e2e_s"] >= least_s - 1e-9).all()
    assert np.median(got["tpot_s"]) > 2 * LINE.decode_s[0]  # steps are full
