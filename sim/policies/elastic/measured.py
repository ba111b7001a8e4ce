"""A curve of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.elastic.speedup import F8, I8, AbstractSpeedup


@final
@dataclass(frozen=True)
class Measured(AbstractSpeedup):
    """The speed measured on some numbers of GPUs; straight lines in between.

    Below the first point it goes straight to 0, beyond the last it stays.

    Source: the user's own measurement; the default points are an assumption.
    Neglects: that jobs differ; `parallel_share` is not used.
    """

    gpus: Sequence[int] = (1, 2, 4, 8, 16)
    speeds: Sequence[float] = (1.0, 1.9, 3.6, 6.6, 11.5)

    def __post_init__(self) -> None:
        """Refuse points that do not rise."""
        found, path = [], "elastic.speedup"
        for name, least in (("gpus", 1), ("speeds", 0.0)):
            points = list(getattr(self, name))
            object.__setattr__(self, name, tuple(points))
            rises = all(a < b for a, b in pairwise(points))
            good = points and points[0] >= least and points[0] > 0 and np.isfinite(points[-1])
            if not rises or not good:
                found.append(f"{path}.{name}: is {points!r}; must be numbers above 0 that rise")
        if len(self.gpus) != len(self.speeds):
            found.append(
                f"{path}.speeds: has {len(self.speeds)} numbers; must have one for each of the "
                f"{len(self.gpus)} in {path}.gpus"
            )
        if found:
            raise ScenarioError(found)

    def speed(self, gpus: I8, parallel_share: F8) -> F8:
        """Return the speed, (k,), in the unit of the points."""
        del parallel_share
        made: F8 = np.interp(gpus, [0.0, *self.gpus], [0.0, *self.speeds])
        return made
