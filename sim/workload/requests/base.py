"""What asks a service: columns of requests in order of arrival."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.rng import Streams

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

LATEST_S = 4e6
"""The latest instant of an arrival: picoseconds in whole numbers last so long."""
MOST_TOKENS = 10_000_000
"""More tokens than any request has."""
MOST_REQUESTS = 200_000_000


@dataclass(frozen=True)
class Requests:
    """The requests of one service.

    Parameters
    ----------
    arrival_s : (n,) rising, from 0.
    prompt, output : (n,) tokens, at least 1 each.
    klass : (n,) the place of its class in `classes`.
    classes : names.
    notes : what a reader should know, a sentence each.
    inputs : the SHA-256 of each file read.
    """

    arrival_s: F8
    prompt: I8
    output: I8
    klass: I8
    classes: tuple[str, ...] = ("",)
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)

    def packed(self) -> Requests:
        """Return the same in as few bytes as hold them: 17 a request instead of 32."""
        kind = np.min_scalar_type(len(self.classes))
        short: dict[str, Any] = {
            "prompt": self.prompt.astype(np.int32),
            "output": self.output.astype(np.int32),
            "klass": self.klass.astype(kind),
        }
        return replace(self, **short)


class AbstractRequests(abc.ABC):
    """Where the requests of a service come from."""

    @abc.abstractmethod
    def requests(self, streams: Streams, service: str) -> Requests:
        """Return the requests; each service draws from streams of its own."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters, each as `path: what is; what must be`."""
