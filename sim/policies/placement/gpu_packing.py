"""Devices in use before whole ones, nodes in use before idle ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.placement.scored import AbstractScored, Asked, Scoring, Term


@final
@dataclass(frozen=True)
class GpuPacking(AbstractScored):
    """Partly used devices first, then whole ones of used nodes, then idle nodes.

        on used devices only   max(50, 100 - floor(what is free on them in percent / 10))
        k whole devices more   max(33, 50 - k)
        idle node of n GPUs    max(n, 33 - n)

    A job without GPUs is alike everywhere.

    Source: Q. Weng et al., Beware of Fragmentation, USENIX ATC 2023, "GpuPacking"; after W. Xiao
    et al., AntMan, OSDI 2020. Neglects: cores and memory, beyond their having room.
    """

    def scoring(self, asked: Asked) -> Scoring:
        """Return the weight of packing."""
        del asked
        return Scoring({Term.PACKING: 1})
