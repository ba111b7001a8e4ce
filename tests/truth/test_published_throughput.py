"""Llama-70B on A100, H100 and H200 as NVIDIA published it, none of it looked at in any fit.

Source: NVIDIA/TensorRT-LLM, Apache-2.0: docs/source/performance/perf-overview.md of v1.0 (Llama 3.3
70B, 8-bit weights, all requests queued at once, output tokens a second) and
docs/source/performance.md of v0.6.1 (LLaMA 70B on 4 A100, 16 bit, first token of one request).

The table has A100 at 16 bit: within the 9 % that the facts give as the error of step times. It has
no 8 bit for these two, so that a roofline answers: within the 42 % that `step_time.roofline` states
of its worse half, prompts. Where it is off, and why: 22 % too slow where one H200 decodes, for its
constant a layer is of vLLM on four GPUs that speak to each other at each (without it, and with the
95 % of memory that NVIDIA gives to KV at times, 14 %); up to 40 % too fast where most of the work
is short requests on H100, for no time of the engine's own, a request, is modelled.
"""

import numpy as np
import pytest

from sim.engine.serving import serve
from sim.physics.calibration import TABLE
from sim.physics.step_time import prompt_step_s
from sim.study.services import spec_of
from sim.workload.services import LlmService, ModelReplica

STEP_TIMES, ROOFLINE = 0.09, 0.42
FIRST_TOKEN_MS = {128: 47, 2048: 377}
MANY = {(128, 128): 30000, (1000, 2000): 1500, (2048, 2048): 1500, (5000, 500): 1500,
        (20000, 2000): 1000}  # fmt: skip
PUBLISHED = {  # prompt, output: tokens a second of one H200, of two H100
    (128, 128): (3803, 6378),
    (128, 2048): (4336, 6651),
    (500, 2000): (3666, 5222),
    (1000, 1000): (2909, 4205),
    (1000, 2000): (2994, 4146),
    (2048, 128): (442, 762),
    (2048, 2048): (2003, 3082),
    (5000, 500): (566, 898),
    (20000, 2000): (283, 437),
}


def tokens_per_s(gpu, gpus, prompt, output):
    """Return output tokens a second of one replica that has all requests at once."""
    replica = ModelReplica(gpu=gpu, gpus=gpus, weight_bits=8, step_time="roofline", batch=2048)
    of = LlmService(replica=replica).listed()[0][0]
    n = MANY.get((prompt, output), 3000)
    got = serve(spec_of(of, 1), np.zeros(n), np.full(n, prompt), np.full(n, output))
    return n * output / got["e2e_s"].max()


@pytest.mark.parametrize(("prompt", "published_ms"), FIRST_TOKEN_MS.items())
def test_the_first_token_on_four_a100(prompt, published_ms):
    made_s = prompt_step_s(TABLE["a100", "llama-3.1-70b", 4, 16, "vllm"], prompt)
    assert 1e3 * made_s == pytest.approx(published_ms, rel=STEP_TIMES)


@pytest.mark.parametrize("lengths", PUBLISHED, ids=str)
@pytest.mark.parametrize(("gpu", "gpus", "at"), [("h200", 1, 0), ("h100", 2, 1)])
def test_tokens_a_second_at_full_load(gpu, gpus, at, lengths):
    made = tokens_per_s(gpu, gpus, *lengths)
    assert made == pytest.approx(PUBLISHED[lengths][at], rel=ROOFLINE)


def test_over_all_lengths_the_roofline_leans_nowhere():
    off = [np.log(tokens_per_s(gpu, gpus, *lengths) / PUBLISHED[lengths][at])
           for at, (gpu, gpus) in enumerate((("h200", 1), ("h100", 2)))
           for lengths in PUBLISHED]  # fmt: skip
    assert abs(np.mean(off)) < STEP_TIMES


def test_the_order_of_lengths_is_the_published_one():
    """Which requests a GPU answers faster: all pairs whose published rates differ by a quarter."""
    for at, (gpu, gpus) in enumerate((("h200", 1), ("h100", 2))):
        some = [(128, 2048), (1000, 1000), (2048, 2048), (2048, 128), (5000, 500), (20000, 2000)]
        made = [tokens_per_s(gpu, gpus, *lengths) for lengths in some]
        for a, first in zip(some, made, strict=True):
            for b, second in zip(some, made, strict=True):
                if PUBLISHED[a][at] > 1.25 * PUBLISHED[b][at]:
                    assert first > second, (gpu, a, b)
