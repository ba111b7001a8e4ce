"""Llama-70B on A100, H100 and H200 as NVIDIA published it: tokens a second with all requests queued.

Source: NVIDIA/TensorRT-LLM, Apache-2.0: docs/source/performance/perf-overview.md of v0.17 (Llama
3.1 70B; A100 in 16 bit, H100 and H200 in 8) and of v1.0 (Llama 3.3 70B), output tokens a second;
docs/source/performance.md of v0.6.1 (first token of one request on 4 A100).

What the step times are of: A100 those of `calibration.TABLE`, fitted to a table of vLLM; they give
9 % as the error of step times. H100 and H200 have no 8 bit there, so that the roofline answers, its
constant for 8 bit chosen on v1.0's one H200 and two H100, all else on TABLE.

Where it is off, and why. 25 % too fast on 4 A100 where requests are short: thousands a batch come
and go, and no time of the engine's own, a request, is modelled; the same on 8, which TABLE's line
has up to 18 % too fast beyond the 64 sequences it was fitted to. On 8 H200 40 % too fast where
2,048 sequences decode: the engine's time a sequence again, beside steps four times shorter than on
one. Published software moves too: from v0.17 to v1.0 the same H200 went 5 % slower to 21 % faster,
by length.
"""

import numpy as np
import pytest

from sim.engine.serving import serve
from sim.physics.calibration import TABLE
from sim.physics.step_time import prompt_step_s
from sim.study.services import spec_of
from sim.workload.services import LlmService, ModelReplica

STEP_TIMES = 0.09
FIRST_TOKEN_MS = {128: 47, 2048: 377}
LENGTHS = [(128, 128), (128, 2048), (128, 4096), (500, 2000), (1000, 1000), (2048, 128),
           (2048, 2048), (5000, 500), (20000, 2000)]  # fmt: skip
MANY = {(128, 128): 30000, (128, 4096): 1500, (1000, 2000): 1500, (2048, 2048): 1500,
        (5000, 500): 1500, (20000, 2000): 1000}  # fmt: skip
V017 = {  # GPU, how many, bits: tokens a second of LENGTHS
    ("a100", 4, 16): (2733, 2811, 1976, 2276, 1922, 325.2, 1394, 392.6, 212.1),
    ("a100", 8, 16): (4718, 5242, 3725, 4445, 3320, 542.4, 2554, 696.3, 413.4),
    ("h200", 1, 8): (4021, 4166, 2652, 3018, 2823, 466.0, 1914, 560.2, 279.5),
    ("h200", 2, 8): (6823, 8290, 6527, 6848, 5165, 809.0, 4184, 1025, 640.6),
    ("h200", 4, 8): (11099, 14156, 10574, 12453, 8911, 1358, 7130, 1812, 1200),
    ("h200", 8, 8): (15356, 21196, 16942, 17278, 13181, 1983, 11142, 2718, 1920),
    ("h100", 2, 8): (6645, 6170, 3897, 4973, 4391, 772.7, 2898, 919.7, 443.0),
    ("h100", 4, 8): (11128, 11512, 7439, 9837, 7431, 1303, 5480, 1603, 920.2),
    ("h100", 8, 8): (14731, 17062, 14171, 14679, 11451, 1923, 8802, 2457, 1513),
}
V10 = {  # prompt, output: tokens a second of one H200, of two H100
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
FAR = {  # the farthest of each, from TABLE or the roofline
    ("a100", 4, 16): 0.26,
    ("a100", 8, 16): 0.19,
    ("h200", 1, 8): 0.14,
    ("h200", 2, 8): 0.28,
    ("h200", 4, 8): 0.23,
    ("h200", 8, 8): 0.41,
    ("h100", 2, 8): 0.21,
    ("h100", 4, 8): 0.24,
    ("h100", 8, 8): 0.33,
}


def tokens_per_s(gpu, gpus, bits, prompt, output):
    """Return output tokens a second of one replica that has all requests at once."""
    step_time = "table" if bits == 16 else "roofline"
    replica = ModelReplica(gpu=gpu, gpus=gpus, weight_bits=bits, step_time=step_time, batch=2048,
                           chunk_tokens=8192)  # fmt: skip
    of = LlmService(replica=replica).listed()[0][0]
    n = MANY.get((prompt, output), 3000)
    got = serve(spec_of(of, 1), np.zeros(n), np.full(n, prompt), np.full(n, output))
    return n * output / got["e2e_s"].max()


@pytest.mark.parametrize(("prompt", "published_ms"), FIRST_TOKEN_MS.items())
def test_the_first_token_on_four_a100(prompt, published_ms):
    made_s = prompt_step_s(TABLE["a100", "llama-3.1-70b", 4, 16, "vllm"], prompt)
    assert 1e3 * made_s == pytest.approx(published_ms, rel=STEP_TIMES)


@pytest.mark.parametrize("key", V017, ids=lambda key: f"{key[1]}-{key[0]}-{key[2]}-bit")
def test_tokens_a_second_at_full_load(key):
    """Each length within FAR, the mean of them within the error of step times."""
    made = np.array([tokens_per_s(*key, *lengths) for lengths in LENGTHS])
    off = made / np.array(V017[key])
    assert off == pytest.approx(1.0, abs=FAR[key])
    assert abs(np.log(off).mean()) < STEP_TIMES


def test_four_a100_are_within_the_error_of_step_times_unless_requests_are_short():
    key = "a100", 4, 16
    for lengths, published in zip(LENGTHS, V017[key], strict=True):
        if lengths != (128, 128):
            assert tokens_per_s(*key, *lengths) == pytest.approx(published, rel=STEP_TIMES)


@pytest.mark.parametrize("lengths", V10, ids=str)
@pytest.mark.parametrize(("gpu", "gpus", "at"), [("h200", 1, 0), ("h100", 2, 1)])
def test_tokens_a_second_of_later_software(gpu, gpus, at, lengths):
    made = tokens_per_s(gpu, gpus, 8, *lengths)
    assert made == pytest.approx(V10[lengths][at], rel=0.26)


def test_the_order_of_lengths_is_the_published_one():
    """Which requests a GPU answers faster: all pairs whose published rates differ by a quarter."""
    for key, published in V017.items():
        made = [tokens_per_s(*key, *lengths) for lengths in LENGTHS]
        for first, a in zip(made, published, strict=True):
            for second, b in zip(made, published, strict=True):
                assert first > second or a < 1.25 * b, (key, a, b)


def test_more_gpus_help_as_much_as_published():
    """From 4 to 8 of a kind, within the distance of both: all-reduces eat what GPUs add."""
    for gpu, bits in (("a100", 16), ("h200", 8), ("h100", 8)):
        for i, lengths in enumerate(LENGTHS):
            told = V017[gpu, 8, bits][i] / V017[gpu, 4, bits][i]
            made = tokens_per_s(gpu, 8, bits, *lengths) / tokens_per_s(gpu, 4, bits, *lengths)
            assert made == pytest.approx(told, rel=0.25), (gpu, lengths)
