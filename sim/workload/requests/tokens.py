"""How many tokens a request has, prompt and output."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from sim.errors import RackplanError
from sim.files import find, sha256
from sim.state.arrays import Ints
from sim.workload import rules
from sim.workload.requests.base import MOST_TOKENS, parts
from sim.workload.requests.formats import read

Rng = np.random.Generator


class AbstractTokens(abc.ABC):
    """A law of prompt and output tokens."""

    @abc.abstractmethod
    def draw(self, rng: Rng, n: int) -> tuple[Ints, Ints]:
        """Return the tokens of prompt and output, (n,) each, at least 1."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""

    def inputs(self) -> Mapping[str, str]:
        """Return the SHA-256 of each file it reads."""
        return {}


@final
@dataclass(frozen=True)
class FixedTokens(AbstractTokens):
    """All requests alike."""

    prompt: int = 1024
    output: int = 128

    def draw(self, rng: Rng, n: int) -> tuple[Ints, Ints]:
        """Return the tokens, (n,) each."""
        del rng
        return np.full(n, self.prompt, np.int32), np.full(n, self.output, np.int32)

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        return rules.whole(f"{path}.prompt", self.prompt, 1) + rules.whole(
            f"{path}.output", self.output, 1
        )


@final
@dataclass(frozen=True)
class LogNormalTokens(AbstractTokens):
    """Lognormal tokens of given mean and coefficient of variation, prompt and output apart.

    mu = ln(mean) - sigma^2 / 2, sigma^2 = ln(1 + cv^2); rounded to whole tokens, cut at `most`.

    Source: the defaults fit the Azure conversation trace of 2023 (prompt mu 6.63, sigma 0.99;
    output 5.02, 0.86). Neglects: that prompt and output may go together (rank correlation there
    0.07), and what of the mean the cut takes.
    """

    prompt_mean: float = 1236
    prompt_cv: float = 1.29
    output_mean: float = 219
    output_cv: float = 1.05
    most_tokens: int = 8192

    def draw(self, rng: Rng, n: int) -> tuple[Ints, Ints]:
        """Return the tokens, (n,) each."""

        def one(mean: float, cv: float) -> Ints:
            square = math.log(1.0 + cv * cv)
            mu, sigma = math.log(mean) - square / 2.0, math.sqrt(square)
            made = np.empty(n, np.int32)
            for part in parts(n):
                drawn = rng.lognormal(mu, sigma, part.stop - part.start)
                np.rint(drawn, out=drawn)
                made[part] = np.clip(drawn, 1, self.most_tokens, out=drawn)
            return made

        return one(self.prompt_mean, self.prompt_cv), one(self.output_mean, self.output_cv)

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = []
        for name in ("prompt_mean", "output_mean"):
            found += rules.at_least(f"{path}.{name}", getattr(self, name), 1)
        found += rules.whole(f"{path}.most_tokens", self.most_tokens, 1)
        for name in ("prompt_cv", "output_cv"):
            found += rules.at_least(f"{path}.{name}", getattr(self, name), 0)
        if not found and self.most_tokens > MOST_TOKENS:
            found.append(f"{path}.most_tokens: is {self.most_tokens}; at most {MOST_TOKENS:,}")
        return found


@final
@dataclass(frozen=True)
class TokensOf(AbstractTokens):
    """Prompt and output of a request of a trace, drawn together and with replacement.

    Neglects: that requests near in time are alike.
    """

    path: str
    format: str = "auto"

    def draw(self, rng: Rng, n: int) -> tuple[Ints, Ints]:
        """Return the tokens, (n,) each."""
        rows = read(find(self.path), self.format, "skip").requests
        at = rng.integers(0, len(rows.prompt), n)
        return rows.prompt.astype(np.int32)[at], rows.output.astype(np.int32)[at]

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        try:
            find(self.path)
        except (RackplanError, OSError, ValueError, TypeError) as fault:
            return [f"{path}.path: {fault}"]
        return []

    def inputs(self) -> Mapping[str, str]:
        """Return the SHA-256 of the trace."""
        return {self.path: sha256(find(self.path))}
