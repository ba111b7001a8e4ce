"""A replica of a service as its life has it: how it stands, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Stage(IntEnum):
    """How a replica stands."""

    ASKED = 0
    """Waits for GPUs."""
    STARTS = 1
    """Holds them, and comes up."""
    READY = 2
    """Takes requests."""
    DRAINS = 3
    """Answers what it has, and takes no more."""
    GONE = 4
    """Holds nothing."""


@dataclass
class Held:
    """One replica from asking to going: the place it fills, how it stands, its instants."""

    slot: int
    asked_s: float
    warm: bool = False
    stage: Stage = Stage.ASKED
    row: int = -1  # first row of the ledger
    start_s: float = np.nan
    ready_s: float = np.nan
    told_s: float = np.nan  # to go
    end_s: float = np.nan
    why: str = ""
