"""DistServe's own simulator: OPT-66B on A100, vLLM on one instance, and prompts and decoding apart.

Source: shared/groundtruth/serving/distserve; step times and rules from LLMServe/DistServe
(Apache-2.0), simdistserve: profiler-a100-80g.{vllm,distserve}.json, TP 4, ms: prefill a, b a token,
c a token squared; decode a, b a context token, c a sequence, of batches below 95 and from 95 on. To
each step of it 2 ms + 0.1 us a token are added, to a prompt's 1 ms more; every request decodes
`output` steps after its prompt; nothing is sent between pools; a decode step takes 50,000 tokens of
context at most, in turn; no prompt is begun while 9 million tokens decode. Its README asks for 5 %.

By turns the rules are the same, and each request ends as there. The compiled core decodes a batch
together: while no step is full, as here, what differs is rounding and who of two goes first, 0.5 %.
"""

import csv
import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

from sim.engine.apart import Link, serve_apart
from sim.engine.pools import Prompts
from sim.engine.serving import ServiceSpec, StepTime, columns, serve
from sim.engine.turns import Turns, TurnSpec
from tests.conftest import shared

BARE = np.zeros(0, np.int64)
FOLDER = ("groundtruth", "serving", "distserve")
VLLM = (42.965489361973944, 0.2128658422785494, 4.601017396226869e-05), (
    39.58178936012414, 0.0006945721692406896, 0.13580868185596764), (
    40.859718006896806, 0.0004264871259058686, 0.19508372547790553)  # fmt: skip
APART = (29.441636037717455, 0.151352180625198, 8.317450765979451e-06), (
    30.760284619429587, 0.000451947603788462, 0.063284195750671), (
    27.47082137429487, 0.0004046845541646486, 0.12480667738300383)  # fmt: skip
MOST_PROMPT, MOST_CONTEXT, LARGE, FULL = 479_936, 50_000, 95, 9_000_000


def step(prefill, decode):
    """Return the step time; the context of a step is told one token a sequence less there."""
    (a, b, c), (d, e, f) = prefill, decode
    ms, more = 1e-3, 1e-4
    return StepTime(
        ((d + 2) * ms, (f - more) * ms, (e + more) * ms),
        ((a + 3) * ms, (b + more) * ms, c * ms, 0.0, 0.0),
    )


def turns(prefill, small, large):
    """Return a replica by its own rule."""
    of = TurnSpec(step(prefill, small), 1, MOST_PROMPT, MOST_CONTEXT, full_tokens=FULL)
    return replace(of, large=step(prefill, large), large_from=LARGE)


def known(mode):
    """Return arrivals, prompts, outputs; and the truth's seconds to first and last tokens."""
    asked = json.loads(shared(*FOLDER, "conv_every8.json").read_text())
    with gzip.open(shared(*FOLDER, f"out_lat_{mode}_every8.csv.gz"), "rt") as file:
        truth = list(csv.DictReader(file))
    told = [np.array([row[n] for row in asked]) for n in ("start_time", "prompt_len", "output_len")]
    both = ("first_token_latency", "total_latency")
    return *told, *(np.array([float(row[n]) for row in truth]) * 1e-3 for n in both)


@pytest.mark.parametrize("mode", ["vllm", "distserve"])
def test_each_request_by_its_own_rule(mode):
    at_s, prompt, output, first_s, end_s = known(mode)
    pools = Turns(turns(*VLLM)) if mode == "vllm" else Turns(turns(*APART), turns(*APART))
    got = pools.serve(at_s, prompt, output + 1)
    np.testing.assert_allclose(got["ttft_s"], first_s, rtol=1e-8)
    np.testing.assert_allclose(got["e2e_s"], end_s, rtol=1e-8)


@pytest.mark.parametrize("mode", ["vllm", "distserve"])
def test_latencies_of_distserve(mode):
    at_s, prompt, output, *truth = known(mode)
    knobs = {"batch": 4096, "chunked": False, "prompt_tokens": MOST_PROMPT}
    if mode == "vllm":
        got = serve(ServiceSpec(step(*VLLM[:2]), 1, **knobs), at_s, prompt, output + 1)
    else:
        spec = ServiceSpec(step(*APART[:2]), 1, **knobs)
        got = serve_apart(spec, spec, Link(), at_s, prompt, output + 1)
        live = Prompts(spec, spec, Link(), at_s, prompt, output + 1, (BARE, BARE))
        live.accepts[:] = 1
        live.rest.accepts[:] = 1
        for look_s in np.arange(0.0, at_s[-1], 15.0):  # under way, as an autoscaler looks on
            live.advance(look_s)
        live.advance()
        for name, values in columns(live.outcome(), output + 1).items():
            assert values.tolist() == got[name].tolist(), name
    for mine, want in zip(("ttft_s", "e2e_s"), truth, strict=True):
        assert got[mine].mean() == pytest.approx(want.mean(), rel=0.005)
        for share in (50, 90, 99):
            assert np.percentile(got[mine], share) == pytest.approx(
                np.percentile(want, share), rel=0.005
            ), (mine, share)
