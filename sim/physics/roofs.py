"""How near to its roofs TensorRT-LLM comes, by GPU, model and bits: three constants each."""

from __future__ import annotations

from sim.physics.step_time import Roof

Key = tuple[str, str, int]
"""GPU, model, bits."""

SHARED = Roof(bandwidth_frac=0.9, link_frac=0.77, sequence_s=7.5e-6)
"""What all have in common; link_frac and sequence_s are of an earlier fit, to 70B on H200."""


def _roof(flops_frac: float, context_frac: float, layer_us: float) -> Roof:
    return SHARED._replace(
        flops_frac=flops_frac, fp8_frac=flops_frac, context_frac=context_frac,
        layer_s=layer_us * 1e-6,
    )  # fmt: skip


ROOFS: dict[Key, Roof] = {  # of FLOPs, of bandwidth for context, us a layer
    ("a100", "llama-3.1-70b", 16): _roof(0.73, 0.41, 64.0),
    ("h100", "llama-3.1-70b", 16): _roof(0.66, 0.45, 61.0),
    ("h100", "llama-3.1-70b", 8): _roof(0.63, 0.55, 48.0),
    ("h200", "llama-3.1-70b", 8): _roof(0.62, 0.84, 103.0),
    ("a100", "llama-3.1-8b", 16): _roof(0.80, 0.82, 10.0),
    ("h100", "llama-3.1-8b", 16): _roof(0.73, 0.83, 20.0),
    ("h100", "llama-3.1-8b", 8): _roof(0.71, 0.94, 40.0),
    ("h200", "llama-3.1-8b", 8): _roof(0.69, 0.92, 54.0),
}
"""Constants of `bends.overlapped`, whatever the number of GPUs.

Source: NVIDIA's published tokens a second of TensorRT-LLM 0.17 (16-bit H100: 0.15), fitted by
`experiments.validation.fit_published` at every other pair of lengths, 85 figures; the 72 between
them are in no fit and judge: docs/validation.md.
Neglects: why: 0.41 of the bandwidth for context is what is left when memory and limits are the
benchmark's; kernels of attention by heads a GPU and bits are not told apart from what else grows
with the batch. One set serves 1 to 8 GPUs. 10 us is the least that the fit allows.
"""
TRTLLM = ROOFS["h200", "llama-3.1-70b", 8]
"""Of others; judged by one row of `calibration.TABLE` alone, B200, which it does not hold."""
FITTED_ERROR = (
    "a roofline fitted to published tokens a second of TensorRT-LLM 0.17; of 72 figures in no fit "
    "it is 3 % off in the mean, 12 % at most"
)
OTHER_ERROR = (
    "a roofline with constants of TensorRT-LLM 0.17 on H200, 8 bit, not fitted here; on B200 a "
    "decode step is 10 % too slow, a prompt 22 % too fast"
)


def roof_of(gpu: str, model: str, bits: int) -> Roof:
    """Return the constants of a GPU, model and bits; of those not fitted TRTLLM."""
    return ROOFS.get((gpu, model, bits), TRTLLM)


def error_of(gpu: str, model: str, bits: int) -> str:
    """Return in words how far such a step is from what was published."""
    return FITTED_ERROR if (gpu, model, bits) in ROOFS else OTHER_ERROR
