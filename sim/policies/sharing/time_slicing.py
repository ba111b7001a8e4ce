"""Neighbours on a device take turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.sharing.base import AbstractSharing, Position, Share, spares

MOST = 1000
"""Jobs on one device: a thousandth each."""


@final
@dataclass(frozen=True)
class TimeSlicing(AbstractSharing):
    """Of k jobs on a device each has it for an equal part of the time, whatever it asked for.

        factor(k) = (1 - switching) / k        factor(1) = 1

    `gpu_milli` is then only what may lie together (memory, replicas of a device plug-in): alone on
    the device a job has all of it. `switching` is the part of the time lost between turns. MIG
    instances do not take turns.

    Source: NVIDIA GPU Operator, Time-Slicing GPUs in Kubernetes (equal turns, no limits).
    Neglects: that a job leaves part of its turn idle, and the length of a turn.
    """

    switching: float = 0.0
    mig_position: Position = "spare"

    def rule(self) -> Share:
        """Return one part in k, from none to the most that a device can hold."""
        if not 0.0 <= self.switching < 1.0:
            raise ScenarioError(
                [f"sharing.switching: is {self.switching!r}; must be a part of 1, below 1"]
            )
        factor = (1.0 - self.switching) / np.maximum(np.arange(MOST + 1.0), 1.0)
        factor[:2] = 1.0
        return Share(factor, spares(self.mig_position))
