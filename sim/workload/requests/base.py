"""What asks a service: columns of requests in order of arrival."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from sim.rng import Streams
from sim.state.arrays import F8, Ints

LATEST_S = 4e6
"""The latest instant of an arrival: picoseconds in whole numbers last so long."""
MOST_TOKENS = 10_000_000
"""More tokens than any request has."""
MOST_REQUESTS = 200_000_000


BLOCK = 2**15
"""Requests taken at a time, so that what they need meanwhile stays in the cache."""


def parts(n: int) -> Iterator[slice]:
    """Return n rows in blocks, one after the other."""
    return (slice(first, min(first + BLOCK, n)) for first in range(0, n, BLOCK))


def narrow(values: Ints) -> Ints:
    """Return numbers of tokens in as few bytes as hold the greatest, (n,)."""
    kind = np.min_scalar_type(int(values.max(initial=0)))
    return values.astype(kind, copy=False)


@dataclass(frozen=True)
class Requests:
    """The requests of one service.

    Parameters
    ----------
    arrival_s : (n,) rising, from 0.
    prompt, output : (n,) tokens, at least 1 each; as integers of any width.
    klass : (n,) the place of its class in `classes`.
    classes : names.
    notes : what a reader should know, a sentence each.
    inputs : the SHA-256 of each file read.
    prefix : (n,) numbers, alike where prompts begin alike, -1 is not known; None: of none.
    rejected : rows of a file that were set aside, and why; None if there were none.
    """

    arrival_s: F8
    prompt: Ints
    output: Ints
    klass: Ints
    classes: tuple[str, ...] = ("",)
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    prefix: Ints | None = None
    rejected: pa.Table | None = None

    def packed(self) -> Requests:
        """Return the same in as few bytes as hold them: 13 a request instead of 32."""
        kind = np.min_scalar_type(len(self.classes))
        short: dict[str, Any] = {
            "prompt": narrow(self.prompt),
            "output": narrow(self.output),
            "klass": self.klass.astype(kind, copy=False),
        }
        return replace(self, **short)

    def longest(self) -> int:
        """Return the most tokens that a request has, prompt and output together."""
        most = 0
        for part in parts(len(self.prompt)):
            total = np.add(self.prompt[part], self.output[part], dtype=np.int64)
            most = max(most, int(total.max()))
        return most


class AbstractRequests(abc.ABC):
    """Where the requests of a service come from."""

    @abc.abstractmethod
    def requests(self, streams: Streams, service: str) -> Requests:
        """Return the requests; each service draws from streams of its own."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters, each as `path: what is; what must be`."""

    def late(self, path: str, until_s: float) -> list[str]:
        """Return what of its laws begins at an instant or later, by its path."""
        del path, until_s
        return []
