"""Chance: one seed, and a named stream for each cause."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


def _number(name: str | int) -> int:
    """Return a 64-bit number that belongs to a name on every machine and in every release."""
    text = f"text {name}" if isinstance(name, str) else f"number {int(name)}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


@dataclass(frozen=True)
class Streams:
    """The streams of one seed.

    A stream belongs to its name, not to the order of asking, so a new cause of chance shifts no
    other, and two designs under one seed meet the same arrivals and the same failures (common
    random numbers). Asking twice for a name gives the same numbers again from the beginning.

    Source: SeedSequence of NumPy (M. E. O'Neill's hash of entropy); Law and Kelton, Simulation
    Modeling and Analysis, ch. 11, for common random numbers.
    """

    seed: int

    def stream(self, *name: str | int) -> np.random.Generator:
        """Return the generator of a cause, such as `stream("failures", 17)`."""
        key = tuple(_number(part) for part in name)
        words = [half for part in key for half in (part & 0xFFFFFFFF, part >> 32)]
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=words))
