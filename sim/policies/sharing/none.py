"""Neighbours on a device do not notice each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.sharing.base import AbstractSharing, Position, Share, spares


@final
@dataclass(frozen=True)
class NoInterference(AbstractSharing):
    """Each job on a shared device runs at its own rate, as if the share were a device of its own.

    Neglects: all interference. MIG comes nearest: slices of memory, cache and cores are apart.
    Source: NVIDIA documentation, Multi-Instance GPU User Guide (isolation of instances).
    """

    mig_position: Position = "spare"

    def rule(self) -> Share:
        """Return factors of 1."""
        return Share(np.ones(2), spares(self.mig_position))
