"""Llama-3.1 as NVIDIA published it: tokens a second with all requests queued, of TensorRT-LLM.

Source: NVIDIA/TensorRT-LLM, Apache-2.0: docs/source/performance/perf-overview.md of v0.17 (A100 in
16 bit, H100 and H200 in 8), of v0.15 (H100 in 16 bit) and of v1.0 (Llama 3.3 70B), output tokens a
second; docs/source/performance.md of v0.6.1 (first token of one request on 4 A100). Its settings
are what these pages name: 0.95 of what the weights leave is KV memory, what a request will need is
reserved ("guaranteed no evict"), and `trtllm-bench` takes the batch and the tokens of a step from
lengths and memory (tensorrt_llm/bench/build/tuning.py): `limits`.

What is fitted and what is judged. `bends.TRTLLM` is fitted to 70B on 1 to 8 H200 (FITTED), its
flops_frac to 8B on one A100, both of v0.17. All else is judged: other GPUs, model, number of bits,
later software. `calibration.TABLE` is fitted to a table of vLLM; none of these is in it.

Where it is off, and why. 16 bit of 70B on 4 and 8 GPUs is too fast by up to 45 %, and more so the
more context tokens a batch holds, on A100 and H100 alike; on 1 and 2 GPUs it is not, so that it is
neither reads nor arithmetic nor the links: open. TABLE, bent, is nearer there on A100. One H100
leaves 9 GB to KV memory by its data sheet, whose 80 GB are 80 GiB: too few sequences, 7 to 19 %.
"""

import numpy as np
import pytest

from sim.engine.serving import serve
from sim.physics.bends import overlapped
from sim.physics.calibration import TABLE
from sim.physics.step_time import GPUS, MODELS, decode_step_s, prompt_step_s
from sim.study.services import spec_of
from sim.workload.services import LlmService, ModelReplica

STEP_TIMES = 0.09
FIRST_TOKEN_MS = {128: 47, 2048: 377}
LENGTHS = [(128, 128), (128, 2048), (128, 4096), (500, 2000), (1000, 1000), (2048, 128),
           (2048, 2048), (5000, 500), (20000, 2000)]  # fmt: skip
MANY = {(128, 128): 30000, (128, 4096): 1500, (1000, 2000): 1500, (2048, 2048): 1500,
        (5000, 500): 1500, (20000, 2000): 1000}  # fmt: skip
NAN = float("nan")
PUBLISHED = {  # model, GPU, how many, bits: tokens a second of LENGTHS
    ("llama_70b", "a100", 2, 16): (1314, 531.3, NAN, 439.4, 472.9, 149.0, 261.1, 121.5, NAN),
    ("llama_70b", "a100", 4, 16): (2733, 2811, 1976, 2276, 1922, 325.2, 1394, 392.6, 212.1),
    ("llama_70b", "a100", 8, 16): (4718, 5242, 3725, 4445, 3320, 542.4, 2554, 696.3, 413.4),
    ("llama_70b", "h200", 1, 8): (4021, 4166, 2652, 3018, 2823, 466.0, 1914, 560.2, 279.5),
    ("llama_70b", "h200", 2, 8): (6823, 8290, 6527, 6848, 5165, 809.0, 4184, 1025, 640.6),
    ("llama_70b", "h200", 4, 8): (11099, 14156, 10574, 12453, 8911, 1358, 7130, 1812, 1200),
    ("llama_70b", "h200", 8, 8): (15356, 21196, 16942, 17278, 13181, 1983, 11142, 2718, 1920),
    ("llama_70b", "h100", 1, 8): (3378, 911.6, 426.3, 775.6, 840.0, 343.3, NAN, 245.3, NAN),
    ("llama_70b", "h100", 2, 8): (6645, 6170, 3897, 4973, 4391, 772.7, 2898, 919.7, 443.0),
    ("llama_70b", "h100", 4, 8): (11128, 11512, 7439, 9837, 7431, 1303, 5480, 1603, 920.2),
    ("llama_70b", "h100", 8, 8): (14731, 17062, 14171, 14679, 11451, 1923, 8802, 2457, 1513),
    ("llama_70b", "h100", 2, 16): (3143, 784.7, 418.8, 660.7, 785.4, 315.4, 384.4, 210.7, NAN),
    ("llama_70b", "h100", 4, 16): (6393, 5742, 3457, 4375, 4076, 779.8, 2609, 875.0, 406.4),
    ("llama_70b", "h100", 8, 16): (10960, 10252, 6916, 8942, 6984, 1351, 4515, 1589, 847.4),
    ("llama_8b", "a100", 1, 16): (6627, 5256, 3454, 4277, 3787, 799.6, 2424, 825.1, 330.0),
    ("llama_8b", "h100", 1, 16): (16117, 9894, 5759, 7953, 7721, 1972, 4371, 1802, 621.6),
    ("llama_8b", "h100", 1, 8): (28837, 21109, 13594, 16501, 15245, 3557, 9488, 3559, 1401),
    ("llama_8b", "h200", 1, 8): (29526, 25399, 17371, 21021, 17538, 3794, 11969, 3988, 1804),
}
V10 = {  # prompt, output: tokens a second of 70B on one H200, on two H100
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
FITTED = [key for key in PUBLISHED if key[:2] == ("llama_70b", "h200")]
WITHIN = {  # how far the farthest length of each is
    ("llama_70b", "a100", 2, 16): 0.11,
    ("llama_70b", "a100", 4, 16): 0.30,
    ("llama_70b", "a100", 8, 16): 0.46,
    ("llama_70b", "h200", 1, 8): 0.11,
    ("llama_70b", "h200", 2, 8): 0.06,
    ("llama_70b", "h200", 4, 8): 0.07,
    ("llama_70b", "h200", 8, 8): 0.04,
    ("llama_70b", "h100", 1, 8): 0.20,
    ("llama_70b", "h100", 2, 8): 0.05,
    ("llama_70b", "h100", 4, 8): 0.18,
    ("llama_70b", "h100", 8, 8): 0.16,
    ("llama_70b", "h100", 2, 16): 0.16,
    ("llama_70b", "h100", 4, 16): 0.25,
    ("llama_70b", "h100", 8, 16): 0.43,
    ("llama_8b", "a100", 1, 16): 0.04,
    ("llama_8b", "h100", 1, 16): 0.10,
    ("llama_8b", "h100", 1, 8): 0.17,
    ("llama_8b", "h200", 1, 8): 0.11,
}
OPEN = [key for key in PUBLISHED if key[3] == 16 and key[2] >= 4]
LITTLE = ("llama_70b", "h100", 1, 8)


def up(value, *least):
    """Return the value raised to a multiple that grows with it: `least` of (below, multiple)."""
    multiple = next(step for below, step in least if value < below)
    return multiple * int(np.ceil(value / multiple))


def limits(kv_tokens, prompt, output):
    """Return the batch and the tokens of a step that trtllm-bench sets."""
    seats = min(kv_tokens / (prompt + output), 4096)
    tokens = min(seats * (1 + prompt / output), 32768)
    batch = max(up(seats, (256, 32), (1024, 128), (np.inf, 256)), 64)
    return batch, max(up(tokens, (4096, 256), (8192, 512), (np.inf, 1024)), 2048)


def tokens_per_s(key, lengths, step_time="roofline", software="trtllm"):
    """Return output tokens a second of one replica that has all requests at once."""
    model, gpu, gpus, bits = key
    knobs = {"model": model, "gpu": gpu, "gpus": gpus, "weight_bits": bits, "kv_frac": 0.95,
             "step_time": step_time, "software": software, "grow": False}  # fmt: skip
    batch, tokens = limits(ModelReplica(**knobs).holds(), *lengths)
    replica = ModelReplica(batch=batch, chunk_tokens=tokens, **knobs)
    of = LlmService(replica=replica).listed()[0][0]
    n = MANY.get(lengths, 3000)
    got = serve(spec_of(of, 1), np.zeros(n), np.full(n, lengths[0]), np.full(n, lengths[1]))
    return n * lengths[1] / got["e2e_s"].max()


def off(key, **how):
    """Return ours over what is published, of the lengths that are."""
    told = PUBLISHED[key]
    pairs = [(of, want) for of, want in zip(LENGTHS, told, strict=True) if want == want]
    return np.array([tokens_per_s(key, of, **how) / want for of, want in pairs])


def named(key):
    return f"{key[0]}-{key[2]}-{key[1]}-{key[3]}-bit"


@pytest.mark.parametrize(("prompt", "published_ms"), FIRST_TOKEN_MS.items())
def test_the_first_token_on_four_a100(prompt, published_ms):
    made_s = prompt_step_s(TABLE["a100", "llama-3.1-70b", 4, 16, "vllm"], prompt)
    assert 1e3 * made_s == pytest.approx(published_ms, rel=STEP_TIMES)


@pytest.mark.parametrize("key", PUBLISHED, ids=named)
def test_tokens_a_second_at_full_load(key):
    """Each length within WITHIN; their mean within the error of step times but for what is open."""
    found = off(key)
    assert found == pytest.approx(1.0, abs=WITHIN[key])
    if key in FITTED:
        assert abs(np.log(found).mean()) < 0.01
    elif key not in (*OPEN, LITTLE):
        far = 0.12 if key == ("llama_8b", "h100", 1, 8) else STEP_TIMES
        assert abs(np.log(found).mean()) < far


@pytest.mark.parametrize(("gpus", "far"), [(4, 0.18), (8, 0.28)])
def test_the_bent_table_on_a100(gpus, far):
    """vLLM's step times of another year beside TensorRT-LLM's: 11 % too fast in the mean."""
    found = off(("llama_70b", "a100", gpus, 16), step_time="bent", software="vllm")
    assert found == pytest.approx(1.0, abs=far)
    assert 0.09 < np.log(found).mean() < 0.12
    straight = off(("llama_70b", "a100", gpus, 16), step_time="table", software="vllm")
    assert np.log(straight).mean() > np.log(found).mean() + 0.03
    assert straight[0] > found[0] + 0.15  # short requests: the line has large batches too fast


def test_a_roofline_of_vllm_is_further_off_as_it_has_less_of_the_engines_own_time():
    for gpu, far in (("h200", 0.40), ("h100", 0.55)):
        for gpus in (2, 4, 8):
            key = "llama_70b", gpu, gpus, 8
            found = off(key, software="vllm")
            assert found == pytest.approx(1.0, abs=far)
            assert np.abs(np.log(found)).mean() > 2 * np.abs(np.log(off(key))).mean()


@pytest.mark.parametrize("lengths", V10, ids=str)
@pytest.mark.parametrize(("gpu", "gpus", "at"), [("h200", 1, 0), ("h100", 2, 1)])
def test_tokens_a_second_of_later_software(gpu, gpus, at, lengths):
    made = tokens_per_s(("llama_70b", gpu, gpus, 8), lengths)
    assert made == pytest.approx(V10[lengths][at], rel=0.13)


def test_steps_of_a_b200_that_the_fit_did_not_see():
    """The one row of TABLE of TensorRT-LLM: a decode step is met, a prompt is 22 % too fast."""
    key = "b200", "llama-3.1-70b", 4, 8, "trtllm"
    line, more, _ = overlapped(MODELS[key[1]], GPUS["b200"], 4, 8, 4096)
    decode_s = decode_step_s(line, 64, 64 * 1024) + more[3]  # the fourth tile of 16 ends at 64
    assert decode_s == pytest.approx(decode_step_s(TABLE[key], 64, 64 * 1024), rel=0.05)
    prompt_s = prompt_step_s(line, 2048) + more[127]
    assert prompt_s == pytest.approx(prompt_step_s(TABLE[key], 2048), rel=0.23)


def test_the_order_of_lengths_is_the_published_one():
    """Which requests a GPU answers faster: all pairs whose published rates differ by a quarter."""
    for key, published in PUBLISHED.items():
        if key in OPEN:
            continue
        made = off(key) * np.array([want for want in published if want == want])
        told = [want for want in published if want == want]
        for first, a in zip(made, told, strict=True):
            for second, b in zip(made, told, strict=True):
                assert first > second or a < 1.25 * b, (key, a, b)


def test_more_gpus_help_as_much_as_published():
    """From 4 to 8 of a kind: all-reduces and the engine's own time eat what GPUs add."""
    for gpu, bits in (("a100", 16), ("h200", 8), ("h100", 8)):
        four, eight = ("llama_70b", gpu, 4, bits), ("llama_70b", gpu, 8, bits)
        assert off(eight) / off(four) == pytest.approx(1.0, abs=0.21)
