"""How full a node would be, by a shape of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

from sim.errors import ScenarioError
from sim.policies.placement.scored import AbstractScored, Asked, Scoring, Term, weights_or_fault


@final
@dataclass(frozen=True)
class RequestedToCapacityRatio(AbstractScored):
    """How full a node would be, valued by points [percent full, worth 0 to 10].

        score = round(sum of w f(floor(100 (used + asked) / capacity)) / sum of w)

    f is straight between the points, times 10. Resources that score 0 are left out of both sums, as
    are those that the node has not, and GPUs for jobs without. Ties go to the lowest number.

    Source: kube-scheduler, noderesources/requested_to_capacity_ratio.go.
    Neglects: its other plugins; the 100 millicores and 200 MB that it reckons for a job that asks
    for none; that of equals it takes any.
    """

    shape: Sequence[Sequence[int]] = ((0, 0), (100, 10))
    cpu_weight: int = 1
    mem_weight: int = 1
    gpu_weight: int = 5

    def __post_init__(self) -> None:
        """Refuse weights and points that are none."""
        name = "requested_to_capacity_ratio"
        weights_or_fault(name, cpu=self.cpu_weight, mem=self.mem_weight, gpu=self.gpu_weight)
        whole = all(isinstance(v, int) for point in self.shape for v in point)
        good = whole and all(
            len(point) == 2 and 0 <= point[0] <= 100 and 0 <= point[1] <= 10 for point in self.shape
        )
        rising = good and all(a[0] < b[0] for a, b in pairwise(self.shape))
        if not (self.shape and rising):
            given = [list(point) for point in self.shape]
            must = "points [percent full 0 to 100, worth 0 to 10], whole numbers, rising"
            raise ScenarioError([f"placement.shape: is {given!r}; must be {must}"])

    def scoring(self, asked: Asked) -> Scoring:
        """Return the shape and the weights of the resources."""
        del asked
        weights = (self.cpu_weight, self.mem_weight, self.gpu_weight)
        points = [(int(full), int(worth)) for full, worth in self.shape]
        return Scoring({Term.SHAPE: 1}, weights, points)
