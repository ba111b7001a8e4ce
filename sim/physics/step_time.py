"""One step of a language model: a roofline, and what fits into the memory of its GPUs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sim.errors import choices


class Model(NamedTuple):
    """A decoder; `kv_heads` below `heads` is grouped-query attention.

    `embedded` of its parameters are the table of tokens and the head, where they are two.
    """

    parameters: float
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    embedded: float = 0.0


class Gpu(NamedTuple):
    """One GPU: dense FLOPs of 16-bit and 8-bit floats, memory, what it sends to its like at once.

    No 8-bit unit: the same number. A data sheet's GB of memory are GiB: what is there is what
    `nvidia-smi` tells, which `trtllm-bench` reckons with too.

    Source of memory: modal-labs/modal-client, pull request 2797 (A100, H100: 81920, 40960 and
    81559 MiB); NVIDIA/TensorRT-LLM, issue 10278 (B200: 183359 MiB); H200: 143771 MiB, many logs.
    """

    flops_per_s: float
    fp8_flops_per_s: float
    bandwidth_Bps: float
    memory_bytes: float
    link_Bps: float


MODELS = {  # their config.json; parameters as in the models' cards; vocabulary x width x 2
    "llama-3.1-8b": Model(8.03e9, 32, 32, 8, 128, 1.0507e9),
    "llama-3.1-70b": Model(70.55e9, 80, 64, 8, 128, 2.1013e9),
    "llama-2-70b": Model(68.98e9, 80, 64, 8, 128, 0.5243e9),
    "codellama-34b": Model(33.74e9, 48, 64, 8, 128, 0.5246e9),
    "opt-66b": Model(65.7e9, 64, 72, 72, 128),
}
MIB = 2.0**20
GPUS = {  # NVIDIA's data sheets, dense; NVLink one way; memory: see Gpu
    "a100-40gb": Gpu(312e12, 312e12, 1.555e12, 40960 * MIB, 300e9),
    "a100": Gpu(312e12, 312e12, 2.039e12, 81920 * MIB, 300e9),
    "h100": Gpu(989e12, 1979e12, 3.35e12, 81559 * MIB, 450e9),
    "h200": Gpu(989e12, 1979e12, 4.8e12, 143771 * MIB, 450e9),
    "b200": Gpu(2250e12, 4500e12, 8.0e12, 183359 * MIB, 900e9),
}


class Step(NamedTuple):
    """A linear step time in seconds, as `sim.engine.serving.StepTime`.

    decode d0 + dD D + dC C; mixed p0 + pP P + pS S + pD D + pC C: D decoding sequences, C their
    context tokens, P prompt tokens of the step, S the sum of n (n + 2 done) over its chunks.
    """

    decode_s: tuple[float, float, float]
    mixed_s: tuple[float, float, float, float, float]


def decode_step_s(step: Step, decoding: float, context: float) -> float:
    """Return the time of a step of `decoding` sequences that hold `context` tokens together."""
    fixed, each, token = step.decode_s
    return fixed + each * decoding + token * context


def prompt_step_s(step: Step, prompt: float) -> float:
    """Return the time of a step that computes one prompt, nothing else."""
    return step.mixed_s[0] + step.mixed_s[1] * prompt + step.mixed_s[2] * prompt**2


def weight_bytes(model: Model, weight_bits: int = 16) -> float:
    """Return what the weights take over all GPUs: parameters x bits / 8."""
    return model.parameters * weight_bits / 8


def held_bytes(model: Model, weight_bits: int = 16) -> float:
    """Return the memory that the weights take over all GPUs: `embedded` stay at 16 bits.

    Source: 8.46 GiB of Llama-3.1-8B in 8 bit, NVIDIA/TensorRT-LLM, issue 6294.
    Neglects: scales of quantization; what a step reads is `weight_bytes`: of the two of
    `embedded` the head alone, at 16 bits, which is as much.
    """
    return weight_bytes(model, weight_bits) + model.embedded * (2.0 - weight_bits / 8)


def kept_bytes(gpus: int, trtllm: bool = False) -> float:
    """Return what each GPU keeps besides weights and KV memory: CUDA, buffers, activations.

    3.7 GB of vLLM, 2.8 GB of TensorRT-LLM, and 1.9 GB of links where GPUs are several.

    Source: `nvidia-smi`'s 79.65 GiB of an H100 less what its logs tell. vllm-project/vllm, pull
    request 10511, Llama-3-8B on 1 and 2 H100: at 0.9 of memory 14.96 and 7.48 GiB of weights leave
    53.29 and 58.97; NVIDIA/TensorRT-LLM, docs/source/reference/memory.md: 6.54 leave 70.48.
    Neglects: that activations grow with the tokens of a step and buffers with the batch, and differ
    by version: Llama-3-8B on an A100 of 40 GB kept 11.1 GiB of KV memory where this leaves 17.6
    (issue 12330, 9.4 GiB of activations), Llama-2-70B on 4 A100 in 2023 333,840 tokens where this
    leaves 454,338 (pull request 2031); more links of more than 2 GPUs.
    """
    return (2.8e9 if trtllm else 3.7e9) + (1.9e9 if gpus > 1 else 0.0)


def kv_bytes(model: Model, kv_bits: int = 16) -> float:
    """Return what a token keeps in the KV cache, over all GPUs: 2 layers kv_heads head_size.

    Source: Ainslie et al., GQA, EMNLP 2023: keys and values of each KV head.
    Neglects: heads kept twice where there are more GPUs than KV heads; blocks half full.
    """
    return 2 * model.layers * model.kv_heads * model.head_size * kv_bits / 8


def room_bytes(gpu: Gpu, gpus: int, used_frac: float = 0.9, kv_frac: float | None = None) -> float:
    """Return what weights and KV memory may take together, over all GPUs.

    vLLM: (memory used_frac - kept) gpus; TensorRT-LLM, where there is a `kv_frac`:
    (memory - kept) gpus; kept as `kept_bytes` tells.
    """
    trtllm = kv_frac is not None
    used_frac = 1.0 if trtllm else used_frac
    return (gpu.memory_bytes * used_frac - kept_bytes(gpus, trtllm)) * gpus


def kv_tokens(
    model: Model,
    gpu: Gpu,
    gpus: int,
    weight_bits: int = 16,
    kv_bits: int = 16,
    used_frac: float = 0.9,
    kv_frac: float | None = None,
) -> int:
    """Return the tokens for which there is KV memory; below 1 the model does not fit.

    vLLM: (room - weights) / kv_bytes; TensorRT-LLM, with `kv_frac`: (room - weights) kv_frac /
    kv_bytes; room and weights as `room_bytes` and `held_bytes` tell.

    Source: vLLM's gpu_memory_utilization, 0.9 by default; TensorRT-LLM's
    kv_cache_free_gpu_mem_fraction, 0.9 by default.
    Neglects: CUDA graphs; that beyond as many GPUs as the model has key-value heads (8 of
    Llama-3.1) each head is held more than once.
    """
    spare = room_bytes(gpu, gpus, used_frac, kv_frac) - held_bytes(model, weight_bits)
    return int(spare * (1.0 if kv_frac is None else kv_frac) // kv_bytes(model, kv_bits))


MOST_GPUS = 64
"""Of a replica that is advised."""


def least_gpus(
    model: Model, gpu: Gpu, weight_bits: int = 16, used_frac: float = 0.9,
    kv_frac: float | None = None,
) -> int:  # fmt: skip
    """Return the least power of 2 of GPUs that holds the weights and leaves something for KV."""
    gpus = 1
    while kv_tokens(model, gpu, gpus, weight_bits, weight_bits, used_frac, kv_frac) < 1:
        gpus *= 2
    return gpus


class Roof(NamedTuple):
    """How near to its data sheet a GPU comes, and what a step takes besides."""

    bandwidth_frac: float = 0.9
    context_frac: float = 0.9  # of the bandwidth, of KV memory
    flops_frac: float = 0.92
    fp8_frac: float = 0.7  # of the 8-bit unit
    link_frac: float = 0.45
    decode_frac: float = 0.65  # of a prompt's token a sequence that decodes
    square_frac: float = 0.63
    layer_s: float = 40e-6
    meet_s: float = 15e-6  # a layer, of more than one GPU
    sequence_s: float = 0.0  # the engine's own, a sequence that decodes


ROOF = Roof()


def sent_bytes(model: Model, gpus: int) -> float:
    """Return what a GPU sends a token: two all-reduces a layer of 16-bit elements, as rings."""
    return 2 * model.layers * 2 * model.heads * model.head_size * 2 * (gpus - 1) / gpus


def roofline(model: Model, gpu: Gpu, gpus: int, bits: int = 16, roof: Roof = ROOF) -> Step:
    """Return the step time of a model that no table has: memory, arithmetic, links, a constant.

    d0 = weights / (gpus bandwidth bandwidth_frac) + layers (layer_s + meet_s);
    dC = KV bytes of a token / (gpus bandwidth context_frac);
    pP = 2 parameters / (gpus FLOPs flops_frac, or fp8_frac of 8 bit) + two all-reduces a layer of
    2 bytes an element, each 2 (gpus - 1) / gpus times over a link, at link_frac of it;
    dD = decode_frac pP, for part of it hides behind the reads;
    pS = 2 layers heads head_size / (gpus FLOPs square_frac); p0 = d0, pD = dD, pC = dC.

    Source: Williams, Waterman and Patterson, CACM 52 (2009); Megatron-LM (arXiv 1909.08053), its
    all-reduces. The constants are chosen by eye on `calibration.TABLE` itself, 16 bit: there d0 and
    a decode step of 64 sequences are within 19 %, a prompt of 2,048 tokens within 14 %. There is no
    table of 8 bit to check the one for it. Beside TensorRT-LLM's published tokens a second it is 17
    % too slow to 67 % too fast; `bends.overlapped` is fitted to these.
    Neglects: that a replica may leave the node; kernels by size; overlap of the roofs but for
    decode_frac; the engine's own time, a request.
    """
    bandwidth = gpus * gpu.bandwidth_Bps
    eight = bits == 8 and gpu.fp8_flops_per_s > gpu.flops_per_s
    flops = gpus * (gpu.fp8_flops_per_s if eight else gpu.flops_per_s)
    layer_s = roof.layer_s + (roof.meet_s if gpus > 1 else 0.0)
    fixed = weight_bytes(model, bits) / (bandwidth * roof.bandwidth_frac) + model.layers * layer_s
    width = model.heads * model.head_size
    token = 2.0 * model.parameters / (flops * (roof.fp8_frac if eight else roof.flops_frac))
    token += sent_bytes(model, gpus) / (gpu.link_Bps * roof.link_frac)
    context = kv_bytes(model, bits) / (bandwidth * roof.context_frac)
    each = roof.decode_frac * token
    square = 2.0 * model.layers * width / (flops * roof.square_frac)
    return Step((fixed, each, context), (fixed, token, square, each, context))


def faults(
    model: str, gpu: str, gpus: int, path: str, weight_bits: int = 16, used_frac: float = 0.9,
    kv_frac: float | None = None, called: Iterable[str] = MODELS,
) -> list[str]:  # fmt: skip
    """Return what is wrong: names not known, a model that does not fit its GPUs; with remedy.

    Memory is as `kv_tokens` has it; `called` is what models may be called where they are told.
    """
    found = []
    if model not in MODELS:
        found.append(f"{path}.model: is {model!r}; {choices(model, called)}")
    if gpu not in GPUS:
        found.append(f"{path}.gpu: is {gpu!r}; must be one of {', '.join(GPUS)}")
    if gpus < 1:
        found.append(f"{path}.gpus: is {gpus}; must be at least 1")
    return found or too_small(model, gpu, gpus, path, weight_bits, used_frac, kv_frac)


def too_small(
    model: str, gpu: str, gpus: int, path: str, weight_bits: int, used_frac: float,
    kv_frac: float | None,
) -> list[str]:  # fmt: skip
    """Return why a model does not fit its GPUs, with remedy; nothing if it does."""
    of, bits, how = (MODELS[model], GPUS[gpu]), weight_bits, (used_frac, kv_frac)
    if kv_tokens(*of, gpus, bits, bits, *how) >= 1:
        return []
    needs, have = held_bytes(of[0], bits), room_bytes(of[1], gpus, *how)
    if kv_frac is not None and have > needs:
        least_frac = kv_bytes(of[0], bits) / (have - needs)
        return [f"{path}.kv_frac: is {kv_frac:g}; must be above {least_frac:.2g}, for one token"]
    if kv_frac is None and room_bytes(of[1], MOST_GPUS, used_frac) <= needs:
        kept, each = kept_bytes(MOST_GPUS), of[1].memory_bytes
        least_frac = (kept + needs / MOST_GPUS) / each
        return [
            f"{path}.used_frac: is {used_frac:g}; must be above {least_frac:.2f}: buffers take "
            f"{kept / 1e9:.1f} GB of each {gpu}, which has {each / 1e9:.0f} GB"
        ]
    least = least_gpus(*of, bits, used_frac, None if kv_frac is None else 1.0)
    part = f" at {used_frac:.0%} of memory" if kv_frac is None else ""
    return [
        f"{path}.gpus: is {gpus}; must be at least {least}: the weights of {model} take "
        f"{needs / 1e9:.0f} GB, {gpus} {gpu} have {have / 1e9:.0f} GB{part}, beside buffers"
    ]
