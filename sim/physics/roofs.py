"""How near to its roofs TensorRT-LLM comes, by GPU, model and bits: two constants each."""

from __future__ import annotations

import math

from sim.physics.step_time import GPUS, MODELS, Roof

Key = tuple[str, str, int]
"""GPU, model, bits."""

SHARED = Roof(bandwidth_frac=0.9, link_frac=0.77, sequence_s=7.5e-6)
"""What all have in common. link_frac and sequence_s are of an earlier fit, to 45 figures of 70B on
H200 and 8B on A100: 20 of those that judge now among them."""


def _roof(flops_frac: float, context_frac: float, layer_us: float) -> Roof:
    return SHARED._replace(
        flops_frac=flops_frac, fp8_frac=flops_frac, context_frac=context_frac,
        layer_s=layer_us * 1e-6,
    )  # fmt: skip


ROOFS: dict[Key, Roof] = {  # of FLOPs, of bandwidth for context; us a layer, by model
    ("a100", "llama-3.1-70b", 16): _roof(0.73, 0.41, 59.0),
    ("h100", "llama-3.1-70b", 16): _roof(0.66, 0.45, 59.0),
    ("h100", "llama-3.1-70b", 8): _roof(0.63, 0.58, 59.0),
    ("h200", "llama-3.1-70b", 8): _roof(0.62, 0.68, 59.0),
    ("a100", "llama-3.1-8b", 16): _roof(0.80, 0.84, 30.0),
    ("h100", "llama-3.1-8b", 16): _roof(0.73, 0.85, 30.0),
    ("h100", "llama-3.1-8b", 8): _roof(0.71, 0.92, 30.0),
    ("h200", "llama-3.1-8b", 8): _roof(0.69, 0.88, 30.0),
}
"""Constants of `bends.overlapped`, whatever the number of GPUs.

Source: NVIDIA's published tokens a second of TensorRT-LLM 0.17 (16-bit H100: 0.15), fitted by
`experiments.validation.fit_published` at every other pair of lengths, 85 figures; the 72 between
them judge: docs/validation.md. A layer's time, the software's, is one for all GPUs of a model: full
load alone does not tell it from reads of context, and apart H200 would be slower than H100.
Neglects: why: 0.41 of the bandwidth for context is what is left when memory and limits are the
benchmark's; kernels of attention by heads a GPU and bits are not told apart from what else grows
with the batch. One set serves 1 to 8 GPUs.
"""
TRTLLM = ROOFS["h200", "llama-3.1-70b", 8]
FITTED_ERROR = (
    "a roofline fitted to published tokens a second of TensorRT-LLM 0.17; at 72 others, of lengths "
    "between, it is 3 % off in the mean, 15 % at most"
)
OTHER_ERROR = (
    "a roofline with constants of TensorRT-LLM 0.17 of the nearest GPU, model and bits that was "
    "fitted, not fitted here; those that were, taken so from another, are -12 to +18 % off in "
    "tokens a second; on B200 a decode step is 18 % too fast, a prompt 28 %"
)


def nearest(gpu: str, model: str, bits: int, among: dict[Key, Roof]) -> Key:
    """Return whose constants stand for it: of a model of about its size, of its bits, of its GPU.

    In this order; a GPU without an 8-bit unit computes in 16.
    """
    size = MODELS[model].parameters
    wide = bits == 8 and GPUS[gpu].fp8_flops_per_s <= GPUS[gpu].flops_per_s
    done = 16 if wide else bits

    def far(key: Key) -> tuple[float, bool, bool]:
        """Return how far one is."""
        return abs(math.log(size / MODELS[key[1]].parameters)), key[2] != done, key[0] != gpu

    return min(among, key=far)


def roof_of(gpu: str, model: str, bits: int) -> Roof:
    """Return the constants of a GPU, model and bits; of those not fitted the nearest one's."""
    return ROOFS[nearest(gpu, model, bits, ROOFS)]


def error_of(gpu: str, model: str, bits: int) -> str:
    """Return in words how far such a step is from what was published."""
    return FITTED_ERROR if (gpu, model, bits) in ROOFS else OTHER_ERROR
