"""The node whose free GPUs stay of most use to the jobs that usually come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.placement.scored import AbstractScored, Asked, Scoring, Term, Typical

Wish = tuple[int, int, int, str]
KNOWN = {"mcpu": 0, "gpus": 0, "gpu_milli": 1000, "gpu_types": "", "count": 1}


@final
@dataclass(frozen=True)
class Fgd(AbstractScored):
    """Fragmentation gradient descent: the start that turns the fewest free GPUs into fragments.

        F(node) = sum over typical jobs of their share times the free GPUs they could not use there
        score = floor(100 sigmoid(F before - F after)), a share on the device where it is greatest

    Typical are the most frequent wishes (cores, GPUs, share, types) until `cover` percent of the
    jobs are in; it knows the first `history` jobs of the run (null: all), or what `typical` lists:
    mappings of mcpu, gpus, gpu_milli, gpu_types and count.

    Source: Q. Weng et al., Beware of Fragmentation, USENIX ATC 2023, sections 4 and 5.
    Neglects: memory in what is typical; that wishes change over time; gangs over
    several nodes, which count as fitting none.
    """

    cover: int = 95
    history: int | None = None
    typical: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        """Refuse what is out of range, and columns that are not known."""
        faults = []
        if not 1 <= self.cover <= 100:
            faults.append(f"placement.cover: is {self.cover!r}; must be a percentage from 1 to 100")
        if self.history is not None and self.history < 1:
            faults.append(f"placement.history: is {self.history!r}; must be >= 1, or null for all")
        odd = sorted({name for row in self.typical for name in row if name not in KNOWN})
        faults += [
            f"placement.typical: {n!r} is not known; valid are {', '.join(KNOWN)}" for n in odd
        ]
        if faults:
            raise ScenarioError(faults)

    def scoring(self, asked: Asked) -> Scoring:
        """Return the weight of fragments, and the typical jobs."""
        counts: Counter[Wish] = Counter()
        for row in self.typical:
            mcpu, gpus, milli, types, count = ({**KNOWN, **row}[name] for name in KNOWN)
            counts[mcpu, milli if gpus else 0, gpus, types] += count
        if not self.typical:
            jobs, first = asked.jobs, slice(self.history)
            columns = (jobs.mcpu, np.where(jobs.gpus > 0, jobs.milli, 0), jobs.gpus, jobs.klass)
            rows = zip(*(column[first].tolist() for column in columns), strict=True)
            for (mcpu, milli, gpus, klass), count in Counter(rows).items():
                counts[mcpu, milli, gpus, asked.gpu_types[klass] if gpus else ""] += count
        return Scoring({Term.FRAGMENT: 1}, tries=True, typical=usual(counts, self.cover))


def usual(counts: Mapping[Wish, int], cover: int) -> list[Typical]:
    """Return the most frequent wishes up to `cover` percent, their shares adding up to 1.

    Of wishes as frequent the greater goes first: more cores, then a larger share, then more GPUs.
    """
    order = sorted(counts, reverse=True)
    order.sort(key=lambda wish: -counts[wish])
    total, seen, kept = float(sum(counts.values())), 0.0, []
    for wish in order:
        if seen >= cover * total / 100.0:
            break
        seen += counts[wish]
        kept.append(wish)
    part = 1.0 if len(kept) == len(order) else seen / total
    made = []
    for mcpu, milli, gpus, text in kept:
        types = frozenset(name.split(":")[0].strip() for name in text.split("|") if name.strip())
        often = counts[mcpu, milli, gpus, text] / total / part
        made.append(Typical(often, mcpu, gpus, milli, types))
    return made
