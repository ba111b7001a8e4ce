"""What became of requests: four numbers each, as narrow as they can be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.state.arrays import F8, I8, Ints
from sim.state.serving import TICKS_PER_S, TURNED_AWAY

SHORT = np.iinfo(np.int16).max
MANY = SHORT + 1
"""Replicas of whom it is not known how many they are."""


class Fates(NamedTuple):
    """What became of requests in order of arrival, (n,) each; 19 bytes a request as a rule."""

    first: I8  # ticks from its arrival to its first token; -1: had none
    last: I8  # ticks to its last; -1: not answered in full
    place: Ints  # the replica that had it last; -1: none had it, TURNED_AWAY: shed
    preempted: Ints  # times it was thrown out of a batch, or lost its replica

    def part(self, rows: slice) -> Fates:
        """Return those of some rows, of the same memory."""
        return Fates(self.first[rows], self.last[rows], self.place[rows], self.preempted[rows])

    def shed(self) -> np.ndarray:
        """Return whether each was turned away, (n,)."""
        return np.asarray((self.last < 0) & (self.place == TURNED_AWAY))

    def times(self, output: Ints) -> tuple[F8, F8, F8]:
        """Return seconds to the first token, a token after it, to the last; nan where not so far.

        The second is (last - first) / (output - 1), 0 for a single token.
        """
        first, last = seconds(self.first), seconds(self.last)
        return first, each_s(first, last, output), last


def seconds(ticks: I8) -> F8:
    """Return ticks as seconds, nan for what is not so far, (n,)."""
    made, never = ticks / TICKS_PER_S, ticks < 0
    if never.any():
        made[never] = np.nan
    return made


def each_s(first_s: F8, last_s: F8, output: Ints) -> F8:
    """Return the mean time of each token after the first, (n,); 0 for a single token."""
    return (last_s - first_s) / np.maximum(output - np.int64(1), 1)


def fates_of(n: int, replicas: int) -> Fates:
    """Return room for n requests on so many replicas; nothing is written in it yet."""
    place: Ints = np.empty(n, np.int16) if replicas <= SHORT else np.empty(n, np.int32)
    return Fates(np.empty(n, np.int64), np.empty(n, np.int64), place, np.empty(n, np.uint8))
