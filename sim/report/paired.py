"""What one design changes against another, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """How a design differs from the first, in one metric.

    Parameters
    ----------
    mean : over the seeds that both have.
    half : half-width of the 95 % interval; None with fewer than two such seeds, or where they
        change nothing.
    seeds : how many they are.
    """

    mean: float
    half: float | None
    seeds: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.half is not None and abs(self.mean) > self.half


def paired(mine: Mapping[int, float], first: Mapping[int, float]) -> Difference | None:
    """Return the mean difference over the seeds that both have, and its t-interval's half-width.

        half = t(0.975, n - 1) s / sqrt(n)           None with fewer than 2 common seeds

    None too where the seeds change nothing on either side: a trace replayed draws nothing, and no
    spread says nothing of what another week would bring.

    Source: paired t-interval; common random numbers as in Law and Kelton, ch. 11.
    Neglects: that differences of heavy-tailed waits are far from normal for few seeds.
    """
    seeds = sorted(set(mine) & set(first))
    if not seeds:
        return None
    change = np.array([mine[seed] - first[seed] for seed in seeds])
    if len({(mine[seed], first[seed]) for seed in seeds}) < 2:
        return Difference(float(change.mean()), None, len(seeds))
    return Difference(float(change.mean()), half_width(change.tolist()), len(seeds))


def half_width(values: Sequence[float]) -> float:
    """Return the half-width of the 95 % t-interval of a mean; 0 where there is none."""
    if len(set(values)) < 2:
        return 0.0
    from scipy.stats import t

    spread = np.std(values, ddof=1) / math.sqrt(len(values))
    return float(t.ppf(0.5 + LEVEL / 2, len(values) - 1) * spread)
