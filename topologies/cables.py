"""A sprayed fabric's cables, a tree's links made of them: what is left when switches fail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from topologies.fabric import Fabric, Floats, Ints
from topologies.routes.updown import Tiers


@dataclass(frozen=True, eq=False)
class Cables:
    """The edges of a fabric in tiers, each by the vertex of `tree` whose way up it is.

    Neglects: that others send less to who has lost spines or cores: only who has, is slowed, both
    ways.
    """

    fabric: Fabric

    @cached_property
    def _over(self) -> Ints:
        """Return the vertex of the tree that each edge leads out of, (edges,); -1 where of none."""
        plan = self.fabric.router
        assert isinstance(plan, Tiers)
        a, low = self.fabric.a, plan.nodes + plan.leaves
        unit = np.minimum(np.maximum(a - plan.nodes, 0) // plan.lanes, plan.unit_count - 1)
        pod = np.maximum(a - low, 0) // max(1, plan.spines) // plan.parts
        up = np.where(a < plan.nodes, a, plan.nodes + unit if plan.unit_count > 1 else -1)
        above = plan.nodes + plan.unit_count + pod if plan.groups > 1 else -1
        return np.where(a < low, up, above)

    @cached_property
    def _first(self) -> int:
        return self.fabric.nodes

    @property
    def switches(self) -> int:
        """Return how many switches there are: leaves, then spines, then cores."""
        return len(self.fabric.kind) - self._first

    def left(self, number: int, down: NDArray[np.bool_]) -> tuple[Ints, Floats]:
        """Return (vertices, parts), (k,) both: what switch `number` takes part in, and has left.

        `down` (switches,) are those that do not work. A part is of the capacity that it has with
        all of them, 0 … 1, of cables with both ends working.
        """
        f, over = self.fabric, self._over
        mine = (f.a == self._first + number) | (f.b == self._first + number)
        touched = np.unique(over[mine & (over >= 0)])
        those = np.flatnonzero(np.isin(over, touched))
        dead = np.concatenate([np.zeros(self._first, np.bool_), down])
        Bps = np.minimum(f.capacity_Bps, f.back_Bps)[those]
        works = ~(dead[f.a[those]] | dead[f.b[those]])
        at = np.searchsorted(touched, over[those])
        return touched, np.bincount(at, Bps * works, len(touched)) / np.bincount(
            at, Bps, len(touched)
        )
