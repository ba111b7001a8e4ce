"""Tokens a second of Llama-3.1 as NVIDIA published them, and ours with the same settings.

Source: NVIDIA/TensorRT-LLM, Apache-2.0: docs/source/performance/perf-overview.md of v0.17 (A100 in
16 bit, H100 and H200 in 8), of v0.15 (H100 in 16 bit) and of v1.0 (Llama 3.3 70B), output tokens a
second. Its settings are what these pages name: 0.95 of what is free is KV memory, what a request
will need is reserved ("guaranteed no evict"), and `trtllm-bench` takes the batch and the tokens of
a step from lengths and memory (tensorrt_llm/bench/build/tuning.py): `tuned`. Not known: where 0.90
was taken for want of memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sim.engine.serving import serve
from sim.physics.bends import overlapped
from sim.physics.calibration import named
from sim.physics.step_time import GPUS, MODELS, Roof, kv_bytes, weight_bytes
from sim.study.services import spec_of
from sim.workload.services import LlmService, ModelReplica
from sim.workload.services.base import AbstractReplica

Key = tuple[str, str, int, int]
"""Model, GPU, how many, bits."""

LENGTHS = [(128, 128), (128, 2048), (128, 4096), (500, 2000), (1000, 1000), (2048, 128),
           (2048, 2048), (5000, 500), (20000, 2000)]  # fmt: skip
MANY = {(128, 128): 30000, (128, 4096): 1500, (1000, 2000): 1500, (2048, 2048): 1500,
        (5000, 500): 1500, (20000, 2000): 1000}  # fmt: skip
NAN = float("nan")
PUBLISHED: dict[
    Key, tuple[float, ...]
] = {  # model, GPU, how many, bits: tokens a second of LENGTHS
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
V10_KEYS = [("llama_70b", "h200", 1, 8), ("llama_70b", "h100", 2, 8)]
FIT = (0, 2, 4, 6, 8)
"""To these of LENGTHS `sim.physics.roofs` is fitted, see `fit_published`; the others judge."""


def up(value: float, *least: tuple[float, int]) -> int:
    """Return the value raised to a multiple that grows with it: `least` of (below, multiple)."""
    multiple = next(step for below, step in least if value < below)
    return multiple * int(np.ceil(value / multiple))


def limits(kv_tokens: int, prompt: int, output: int) -> tuple[int, int]:
    """Return the batch and the tokens of a step that trtllm-bench sets."""
    seats = min(kv_tokens / (prompt + output), 4096)
    tokens = min(seats * (1 + prompt / output), 32768)
    batch = max(up(seats, (256, 32), (1024, 128), (np.inf, 256)), 64)
    return batch, max(up(tokens, (4096, 256), (8192, 512), (np.inf, 1024)), 2048)


def tuned(key: Key, lengths: tuple[int, int]) -> tuple[int, int]:
    """Return the limits of `trtllm-bench`: it takes no buffers off, and all weights at `bits`."""
    model, gpu = MODELS[named(key[0])], GPUS[key[1]]
    spare = gpu.memory_bytes * key[2] - weight_bytes(model, key[3])
    return limits(int(spare * 0.95 // kv_bytes(model, key[3])), *lengths)


def tokens_per_s(
    key: Key, lengths: tuple[int, int], step_time: str = "roofline", software: str = "trtllm",
    roof: Roof | None = None,
) -> float:  # fmt: skip
    """Return output tokens a second of one replica that has all requests at once."""
    model, gpu, gpus, bits = key
    batch, tokens = tuned(key, lengths)
    replica: AbstractReplica = ModelReplica(
        model, gpu, gpus, bits, software, step_time, kv_frac=0.95, grow=False, batch=batch,
        chunk_tokens=tokens,
    )  # fmt: skip
    if roof is not None:
        line, more, mixed_more = overlapped(
            MODELS[named(model)], GPUS[gpu], gpus, bits, batch + tokens, roof
        )
        replica = replace(
            replica.plain(), decode_s=line.decode_s, mixed_s=line.mixed_s, decode_more_s=more,
            mixed_more_s=mixed_more,
        )  # fmt: skip
    of = LlmService(replica=replica).listed()[0][0]
    n = MANY.get(lengths, 3000)
    got = serve(spec_of(of, 1), np.zeros(n), np.full(n, lengths[0]), np.full(n, lengths[1]))
    return float(n * lengths[1] / got["e2e_s"].max())


def off(key: Key, step_time: str = "roofline", software: str = "trtllm") -> np.ndarray:
    """Return ours over what is published, of the lengths that are."""
    told = PUBLISHED[key]
    pairs = [(of, want) for of, want in zip(LENGTHS, told, strict=True) if want == want]
    return np.array([tokens_per_s(key, of, step_time, software) / want for of, want in pairs])


def percent(ratio: float) -> str:
    """Return how far a ratio is from 1."""
    return f"{100 * (ratio - 1):+.0f}".replace("-", "−").replace("−0", "0").replace("+0", "0")


def lines() -> Iterator[str]:
    """Give a table in Markdown: how far each length of each row is from what is published, %."""
    yield "| model, GPUs, bits | steps of | " + " | ".join(f"{p}/{o}" for p, o in LENGTHS) + " |"
    yield "|---|---|" + "---:|" * len(LENGTHS)
    ways = [(key, "roofline", "trtllm") for key in PUBLISHED]
    ways += [(("llama_70b", "a100", gpus, 16), "bent", "vllm") for gpus in (4, 8)]
    for key, step_time, software in ways:
        found = iter(off(key, step_time, software))
        cells = [percent(next(found)) if v == v else "" for v in PUBLISHED[key]]
        way = "shipped table, bent"
        if step_time == "roofline":
            cells = [f"({one})" if at in FIT and one else one for at, one in enumerate(cells)]
            way = software
        name = f"{key[0].replace('llama_', '').upper()}, {key[2]} {key[1].upper()}, {key[3]}"
        yield f"| {name} | {way} | " + " | ".join(cells) + " |"
    for at, key in enumerate(V10_KEYS):
        cells = [percent(tokens_per_s(key, of) / V10[of][at]) if of in V10 else ""
                 for of in LENGTHS]  # fmt: skip
        yield (f"| 70B, {key[2]} {key[1].upper()}, 8, v1.0 | trtllm | " + " | ".join(cells) + " |")
