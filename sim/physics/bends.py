"""Steps that no line tells: the reads of a small batch, the arithmetic of a large one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.physics.roofs import TRTLLM
from sim.physics.step_time import Gpu, Model, Roof, Step, kv_bytes, sent_bytes, weight_bytes

TILE_TOKENS = 16
"""Tokens of a step that take as long as each other."""


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
    was fitted. Those of `calibration.FITS` of 70B cross at 116 to 212 tokens, of 8B at 155 to 354,
    where roofs do: peak FLOPs over bandwidth are 153 (A100) to 295 (H100) operations a byte.
    Where prompts' line is the slower from no token on, as of B200, the two never cross: a step with
    prompts takes longer for another reason than arithmetic, and decode steps stay on their line.
    Neglects: that both overlap only in part near the crossing; whatever lines neglect.
    """
    fixed, each, token = decode_s
    begin, per, square = prompt_s
    n = middles(most_tokens)
    few, many = fixed + each * n, begin + per * n
    line = Step((fixed, each, token), (begin, per, square, per, token))
    slower_s = np.zeros(len(n)) if begin >= fixed else np.maximum(many - few, 0.0)
    return Bent(line, tuple(slower_s.tolist()), tuple(np.maximum(few - many, 0.0).tolist()))


def overlapped(
    model: Model, gpu: Gpu, gpus: int, bits: int, most_tokens: int, roof: Roof = TRTLLM
) -> Bent:
    """Return the step of a roofline whose reads and arithmetic hide behind each other in part.

    sqrt(reads^2 + arithmetic(n)^2) + all-reduces(n) + layers (layer_s + meet_s) + sequence_s D +
    pS S + dC C, n the tokens of a step: its prompts' and one a sequence. The terms are those of
    `step_time.roofline`; decode_frac is not asked.

    Source: Williams, Waterman and Patterson, CACM 52 (2009); that the two hide neither wholly
    (their larger) nor not at all (their sum) is the exponent 2, once fitted: 2.00. Constants:
    `roofs`.
    Neglects: that a replica may leave the node; kernels by size; a time a request, which was fitted
    once and found 0.
    """
    bandwidth = gpus * gpu.bandwidth_Bps
    eight = bits == 8 and gpu.fp8_flops_per_s > gpu.flops_per_s
    flops = gpus * (gpu.fp8_flops_per_s if eight else gpu.flops_per_s)
    each = 2.0 * model.parameters / (flops * (roof.fp8_frac if eight else roof.flops_frac))
    send = sent_bytes(model, gpus) / (gpu.link_Bps * roof.link_frac)
    reads = weight_bytes(model, bits) / (bandwidth * roof.bandwidth_frac)
    fixed = reads + model.layers * (roof.layer_s + (roof.meet_s if gpus > 1 else 0.0))
    context = kv_bytes(model, bits) / (bandwidth * roof.context_frac)
    square = 2.0 * model.layers * model.heads * model.head_size
    square /= gpus * gpu.flops_per_s * roof.square_frac
    more = tuple((np.hypot(reads, each * middles(most_tokens)) - reads).tolist())
    alone, beside = send + roof.sequence_s, (fixed, send, square, send + roof.sequence_s, context)
    return Bent(Step((fixed, alone, context), beside), more, more)
