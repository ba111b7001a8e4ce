"""Switches of a sprayed fabric that fail: the links of its tree carry what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim import kernel
from sim.state import AbstractCables

if TYPE_CHECKING:
    from sim.engine.clock import Clock


class Sprayed:
    """Which switches are down, and the cables that go with them."""

    def __init__(self, cables: AbstractCables) -> None:
        self._cables = cables
        self._down = np.zeros(cables.switches, np.bool_)

    @property
    def switches(self) -> int:
        """Return how many switches can fail."""
        return len(self._down)

    def switch(self, clock: Clock, number: int, works: bool) -> None:
        """A switch fails or works again; who crosses its links is slowed, or sped again."""
        self._down[number] = not works
        vertices, parts = self._cables.left(number, self._down)
        for vertex, part in zip(vertices.tolist(), parts.tolist(), strict=True):
            kernel.set_link(clock.state, vertex, part)
