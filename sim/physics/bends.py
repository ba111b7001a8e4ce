"""Steps that no line tells: the reads of a small batch, the arithmetic of a large one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.physics.step_time import Gpu, Model, Roof, Step, kv_bytes, sent_bytes, weight_bytes

TILE_TOKENS = 16
"""Tokens of a step that take as long as each other."""
TRTLLM = Roof(
    bandwidth_frac=0.9, flops_frac=0.82, fp8_frac=0.61, link_frac=0.77, layer_s=93e-6,
    sequence_s=7.5e-6,
)  # fmt: skip
"""TensorRT-LLM of 2025: fitted, see `overlapped`."""


class Bent(NamedTuple):
    """A line, and what comes to it by tiles of TILE_TOKENS, as the serving core's step time."""

    line: Step
    decode_more_s: tuple[float, ...] = ()
    mixed_more_s: tuple[float, ...] = ()


def middles(most_tokens: int) -> np.ndarray:
    """Return the tokens in the middle of each tile, up to a step's most, (tiles,)."""
    tiles = max(-(-most_tokens // TILE_TOKENS), 1)
    return TILE_TOKENS * np.arange(tiles) + (TILE_TOKENS + 1) / 2.0


def slower(
    decode_s: tuple[float, float, float], prompt_s: tuple[float, float, float], most_tokens: int
) -> Bent:
    """Return a step that is as its line of decode steps has it or as that of prompts, the slower.

    Both lines are read at all the tokens n of a step, those of prompts and one a sequence:
    max(d0 + dD n, p0 + pP n) + pS S + dC C, C the context of who decodes. Few tokens wait for the
    weights to be read, many for arithmetic, in which one of a sequence counts as one of a prompt.

    Source: the two roofs of Williams, Waterman and Patterson, CACM 52 (2009). A line of decode
    steps is fitted to up to 64 sequences, one of prompts beyond that; each is so taken where it
    was fitted. Those of `calibration.FITS` of 70B cross at 116 to 213 tokens, of 8B at 155 to 355,
    where roofs do: peak FLOPs over bandwidth are 153 (A100) to 295 (H100) operations a byte.
    Neglects: that both overlap only in part near the crossing; whatever lines neglect. Those of
    B200 do not cross: prompts' is the slower from the first token on, and decode steps are 1 to
    4 % (16 bit) and 15 to 18 % (8 bit) slower than the table has them; take the table there.
    """
    fixed, each, token = decode_s
    begin, per, square = prompt_s
    n = middles(most_tokens)
    few, many = fixed + each * n, begin + per * n
    line = Step((fixed, each, token), (begin, per, square, per, token))
    return Bent(line, *(tuple(np.maximum(of, 0.0).tolist()) for of in (many - few, few - many)))


def overlapped(
    model: Model, gpu: Gpu, gpus: int, bits: int, most_tokens: int, roof: Roof = TRTLLM
) -> Bent:
    """Return the step of a roofline whose reads and arithmetic hide behind each other in part.

    sqrt(reads^2 + arithmetic(n)^2) + all-reduces(n) + layers (layer_s + meet_s) + sequence_s D +
    pS S + dC C, n the tokens of a step: its prompts' and one a sequence. The terms are those of
    `step_time.roofline`; decode_frac is not asked.

    Source: Williams, Waterman and Patterson, CACM 52 (2009); that the two hide neither wholly
    (their larger) nor not at all (their sum) is the exponent 2, fitted: 2.00. So are the constants
    but for bandwidth_frac, square_frac and meet_s: to NVIDIA's published tokens a second of
    TensorRT-LLM 0.17, Llama-3.1-70B on 1, 2, 4 and 8 H200, 8 bit, and 8B on an A100, 45 in all,
    with the limits of its benchmark. Others are met as docs/validation.md says; they were in sight
    when this form was chosen among a few, and in no fit. The engine's own time is in layer_s, 4 ms
    a step more than vLLM's kernels have, and in sequence_s; a time a request besides was fitted
    too, and found 0.
    Neglects: 16 bit on more than 2 GPUs, where published engines lose up to 42 % with much context
    and this does not; that a replica may leave the node; kernels by size.
    """
    bandwidth = gpus * gpu.bandwidth_Bps * roof.bandwidth_frac
    eight = bits == 8 and gpu.fp8_flops_per_s > gpu.flops_per_s
    flops = gpus * (gpu.fp8_flops_per_s if eight else gpu.flops_per_s)
    each = 2.0 * model.parameters / (flops * (roof.fp8_frac if eight else roof.flops_frac))
    send = sent_bytes(model, gpus) / (gpu.link_Bps * roof.link_frac)
    reads = weight_bytes(model, bits) / bandwidth
    fixed = reads + model.layers * (roof.layer_s + (roof.meet_s if gpus > 1 else 0.0))
    context = kv_bytes(model, bits) / bandwidth
    square = 2.0 * model.layers * model.heads * model.head_size
    square /= gpus * gpu.flops_per_s * roof.square_frac
    more = tuple((np.hypot(reads, each * middles(most_tokens)) - reads).tolist())
    alone, beside = send + roof.sequence_s, (fixed, send, square, send + roof.sequence_s, context)
    return Bent(Step((fixed, alone, context), beside), more, more)
