"""One engine of a language model: its step time and its limits, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from sim.workload import rules
from sim.workload.services.base import AbstractReplica

MOST_BATCH = 4096


def steps_of(path: str, values: Sequence[float], names: str) -> list[str]:
    """Return the fault of coefficients of a step time that are none."""
    many = len(names.split())
    if not rules.is_list(values) or len(values) != many:
        return [f"{path}: is {values!r}; must be {many} times: {names}"]
    if not all(rules.is_number(v) and v >= 0 for v in values) or not values[0] > 0:
        return [f"{path}: is {list(values)!r}; must be above 0, then at least 0: {names}"]
    return []


def more_of(path: str, values: Sequence[float], step_s: Sequence[float]) -> list[str]:
    """Return the fault of what comes to steps, if it is none or leaves them no time."""
    if not len(values):
        return []
    if not rules.is_list(values) or not all(map(rules.is_number, values)):
        return [f"{path}: is {values!r}; must be times"]
    if rules.is_list(step_s) and rules.is_number(step_s[0]) and step_s[0] + min(values) <= 0:
        return [f"{path}: is {min(values):g} at the least; must leave of {step_s[0]:g} more than 0"]
    return []


@final
@dataclass(frozen=True)
class LlmReplica(AbstractReplica):
    """One engine: its GPUs, its step time, its limits.

    A step of D decoding sequences with C context tokens takes d0 + dD D + dC C; with P prompt
    tokens in it p0 + pP P + pS S + pD D + pC C, S the sum of n (n + 2 done) over its chunks.
    To that may come what its number of tokens adds, see `engine.step_time`.

    Parameters
    ----------
    gpus : held together, on as few nodes as they fill.
    gpu_types : where it may run, such as `h100`; None: anywhere. The step time is not scaled.
    decode_s, mixed_s : (d0, dD, dC) and (p0, pP, pS, pD, pC), seconds.
    batch : most sequences at once.
    chunked : prompts in chunks beside decoders, at most `chunk_tokens` of both a step (Sarathi,
        vLLM V1); else whole prompts first, up to `prompt_tokens` a step (vLLM V0).
    padded : each of these counts as long as the longest of them (vLLM up to 0.2).
    kv_tokens : tokens for which there is KV memory.
    grow : KV memory is taken token by token, the last to join evicted when it is full; else all a
        request will need is reserved.
    kv_spare_frac : of KV memory, stays free whenever a request is let in, for those that grow;
        vLLM's watermark is 0.01.
    prefix_hit_frac : share of each prompt that a prefix cache saves.
    tile_tokens, decode_more_s, mixed_more_s : seconds that come to steps of up to 1, 2, … tiles of
        so many tokens, computed together, without and with prompts among them.

    Source: the defaults are Llama-3.1-70B, bf16, on 4 H100, fitted to NVIDIA AIConfigurator 0.12,
    vLLM (1.5 % decode, 3.9 % prefill); KV: 4 x 80 GB x 0.9 - 141 GB over 328 kB a token, 2 % more
    than `ModelReplica` has: the GB are GiB, but buffers take 5.6 GB of each.
    A step with prompts costs no less than one without: 10.076 ms as fitted are raised to 15.198.
    Neglects: KV memory in blocks (half a block a sequence, to be taken off `kv_tokens`); pipeline
    parallelism, speculative decoding, adapters, what is not linear; that tokens
    from a prefix cache still are context and hold KV memory; other GPUs than these at their speed.
    """

    gpus: int = 4
    gpu_types: str | None = None
    decode_s: Sequence[float] = (15.198e-3, 32.34e-6, 26.4e-9)
    mixed_s: Sequence[float] = (15.198e-3, 56.454e-6, 1.3709e-9, 32.34e-6, 26.4e-9)
    batch: int = 256
    chunked: bool = True
    chunk_tokens: int = 2048
    prompt_tokens: int = 8192
    padded: bool = False
    kv_tokens: int = 447_000
    grow: bool = True
    kv_spare_frac: float = 0.0
    prefix_hit_frac: float = 0.0
    tile_tokens: int = 1
    decode_more_s: Sequence[float] = ()
    mixed_more_s: Sequence[float] = ()

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = []
        for name in ("gpus", "batch", "chunk_tokens", "prompt_tokens", "kv_tokens", "tile_tokens"):
            found += rules.whole(f"{path}.{name}", getattr(self, name), 1)
        if not found and self.batch > MOST_BATCH:
            found.append(f"{path}.batch: is {self.batch}; must be at most {MOST_BATCH}")
        found += steps_of(f"{path}.decode_s", self.decode_s, "d0 dD dC")
        found += steps_of(f"{path}.mixed_s", self.mixed_s, "p0 pP pS pD pC")
        for of, least_s in (("decode", self.decode_s), ("mixed", self.mixed_s)):
            found += more_of(f"{path}.{of}_more_s", getattr(self, f"{of}_more_s"), least_s)
        for name in ("kv_spare_frac", "prefix_hit_frac"):
            if not (rules.is_number(getattr(self, name)) and 0 <= getattr(self, name) < 1):
                told = f"is {getattr(self, name)!r}; must be from 0 to below 1"
                found.append(f"{path}.{name}: {told}")
        return found

    def fill(self) -> dict[str, Any]:
        """Return its part of a Serving."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {
            "decode_s": tuple(map(float, self.decode_s)),
            "mixed_s": tuple(map(float, self.mixed_s)),
            "decode_more_s": tuple(map(float, self.decode_more_s)),
            "mixed_more_s": tuple(map(float, self.mixed_more_s)),
        }
