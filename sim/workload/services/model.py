"""A replica by its model and GPU: step time, KV memory and whether it fits follow from these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from sim.physics import calibration, roofs
from sim.physics.bends import TILE_TOKENS, Bent, overlapped, slower
from sim.physics.step_time import GPUS, MODELS, faults, kv_bytes, kv_tokens, roofline
from sim.workload import rules
from sim.workload.services.base import AbstractReplica
from sim.workload.services.replica import LlmReplica

STEP_TIMES = ("table", "bent", "roofline")
BITS = (8, 16)
OWN = ("decode_s", "mixed_s", "kv_tokens")
"""Knobs of LlmReplica that the model decides unless they are given."""


@final
@dataclass(frozen=True)
class ModelReplica(AbstractReplica):
    """As LlmReplica, its step time and KV memory those of a model on GPUs.

    Parameters
    ----------
    model : such as llama_70b (Llama-3.1-70B), llama_8b, llama_2_70b.
    gpu : its type, such as a100, h100, h200, b200. Where the cluster has several types, this one
        among them, replicas go there; see `gpu_types`.
    gpus : tensor-parallel, held together.
    weight_bits : 16, or 8; KV memory has as many.
    software : whose step times are taken: vllm, trtllm.
    step_time : table, from `physics.calibration.TABLE`; bent, from there too, but beyond the tokens
        at which its line of prompts is the slower one that one, `physics.bends.slower`: for large
        batches; roofline, where the table has no such row, of trtllm `physics.bends.overlapped`.
    used_frac : of the GPUs' memory, for weights, buffers and KV memory (vLLM).
    kv_frac : of what weights and buffers leave, for KV memory (TensorRT-LLM), not used_frac.
    decode_s, mixed_s, kv_tokens : None, as the model has; else these instead.

    Source: `physics.calibration` (NVIDIA AIConfigurator 0.12), `physics.step_time`,
    `physics.roofs`. The error of the fit, or of the roofline, stands in the notes of a run.
    Neglects: as LlmReplica and `kv_tokens`.
    """

    model: str = "llama_70b"
    gpu: str = "h100"
    gpus: int = 4
    weight_bits: int = 16
    software: str = "vllm"
    step_time: str = "table"
    used_frac: float = 0.9
    kv_frac: float | None = None
    gpu_types: str | None = None
    decode_s: Sequence[float] | None = None
    mixed_s: Sequence[float] | None = None
    kv_tokens: int | None = None
    batch: int = 256
    chunked: bool = True
    chunk_tokens: int = 2048
    prompt_tokens: int = 8192
    padded: bool = False
    grow: bool = True
    kv_spare_frac: float = 0.0
    prefix_hit_frac: float = 0.0

    def step(self) -> Bent:
        """Return the step time of the model; KeyError where there is none."""
        model, most = calibration.named(self.model), self.batch
        most += self.chunk_tokens if self.chunked else self.prompt_tokens
        key = self.gpu, model, self.gpus, self.weight_bits, self.software
        of = MODELS[model], GPUS[self.gpu], self.gpus, self.weight_bits
        if self.step_time == "roofline":
            if self.software != "trtllm":
                return Bent(roofline(*of))
            return overlapped(*of, most, roofs.roof_of(self.gpu, model, self.weight_bits))
        if self.step_time == "bent":
            return slower(*calibration.lines_of(key), most)
        return Bent(calibration.TABLE[key])

    def holds(self) -> int:
        """Return the tokens for which there is KV memory; below 1 the model does not fit."""
        model, gpu = MODELS[calibration.named(self.model)], GPUS[self.gpu]
        bits = self.weight_bits
        return kv_tokens(model, gpu, self.gpus, bits, bits, self.used_frac, self.kv_frac)

    def plain(self) -> LlmReplica:
        """Return the replica in numbers."""
        made: dict[str, Any] = {"kv_tokens": self.holds()}
        if None in (self.decode_s, self.mixed_s):
            line, decode_more_s, mixed_more_s = self.step()
            more = {
                "decode_more_s": decode_more_s if self.decode_s is None else (),
                "mixed_more_s": mixed_more_s if self.mixed_s is None else (),
            }
            made |= line._asdict() | (more | {"tile_tokens": TILE_TOKENS} if decode_more_s else {})
        return self.with_(made)

    def with_(self, made: dict[str, Any]) -> LlmReplica:
        """Return the replica with these numbers where its own are not given."""
        mine = self.__dataclass_fields__
        shared = [n for n in LlmReplica.__dataclass_fields__ if n in mine and n not in OWN]
        knobs = {n: getattr(self, n) for n in shared}
        given = {n: getattr(self, n) for n in OWN if getattr(self, n) is not None}
        return LlmReplica(**(knobs | made | given))

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = self.own_issues(path)
        rest = self.with_({}).issues(path)  # of knobs that no model decides
        if not found:
            found = self.model_issues(path)
        return list(dict.fromkeys([*found, *rest])) or self.plain().issues(path)

    def own_issues(self, path: str) -> list[str]:
        """Return the faults of what says which step time and memory are meant."""
        found = rules.whole(f"{path}.gpus", self.gpus, 1)
        for name, valid in (("step_time", STEP_TIMES), ("weight_bits", BITS)):
            if getattr(self, name) not in valid:
                told = ", ".join(map(str, valid))
                found.append(f"{path}.{name}: is {getattr(self, name)!r}; must be one of {told}")
        if not (rules.is_number(self.used_frac) and 0 < self.used_frac <= 1):
            found.append(f"{path}.used_frac: is {self.used_frac!r}; must be above 0, up to 1")
        if not (self.kv_frac is None or (rules.is_number(self.kv_frac) and 0 < self.kv_frac <= 1)):
            found.append(f"{path}.kv_frac: is {self.kv_frac!r}; must be above 0, up to 1, or null")
        return found

    def model_issues(self, path: str) -> list[str]:
        """Return why there is no such model, GPU or step time, or no room; with what there is."""
        model, bits = calibration.named(self.model), self.weight_bits
        of = model, self.gpu, self.gpus, path, bits, self.used_frac, self.kv_frac
        found = faults(*of, called=calibration.ALIASES)
        given = None not in (self.decode_s, self.mixed_s)
        if self.step_time == "roofline" or given or model not in MODELS or self.gpu not in GPUS:
            return found
        here = f"{path}.gpus"
        if not any(text.startswith(f"{here}:") for text in found):
            lacks = calibration.fault(self.gpu, model, self.gpus, bits, self.software, here)
            return [*found, lacks] if lacks else found
        there = calibration.measured(self.gpu, model) or "none"
        return [f"{text}; measured are {there}" if text.startswith(here) else text
                for text in found]  # fmt: skip

    def error(self, model: str) -> str:
        """Return in words how far its step times are from what they stand for."""
        given = [n for n in ("decode_s", "mixed_s") if getattr(self, n) is not None]
        if len(given) == 2:
            return "as given"
        key = self.gpu, model, self.gpus, self.weight_bits, self.software
        told = calibration.error_of(*key) + (", bent" if self.step_time == "bent" else "")
        if self.step_time == "roofline":
            told = calibration.ROOFLINE_ERROR
            if self.software == "trtllm":
                told = roofs.error_of(self.gpu, model, self.weight_bits)
        return told + (f", but {given[0]} as given" if given else "")

    def fill(self) -> dict[str, Any]:
        """Return its part of a Serving."""
        model, made = calibration.named(self.model), self.plain().fill()
        memory = "" if self.kv_tokens is None else ", as given"
        note = (
            f"step times of {model} on {self.gpus} {self.gpu}, {self.weight_bits} bit: "
            f"{self.error(model)}; KV memory for {made['kv_tokens']:,} tokens{memory}"
        )
        held = kv_bytes(MODELS[model], self.weight_bits)
        return made | {"gpu": self.gpu, "model": model, "notes": (note,), "kv_token_bytes": held}
