"""Slurm's multifactor priority with the classic fair share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from sim.errors import ScenarioError
from sim.policies.queue.classic_share import classic
from sim.policies.queue.multifactor import Multifactor


@final
@dataclass(frozen=True)
class MultifactorClassic(Multifactor):
    """As `Multifactor`, the factor of fair share being 2^(-U / S / damping).

    S is a user's share of all, U its effective use: its own, moved towards that of its account's
    as far as it is entitled to the account. Who used just its share has 2^(-1 / damping).

    Source: Slurm, classic_fair_share.shtml (PriorityFlags=NO_FAIR_TREE, FairShareDampeningFactor).
    Neglects: as `Multifactor`.
    """

    damping: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a damping of nothing, and what `Multifactor` refuses."""
        if not self.damping > 0.0:
            raise ScenarioError([f"queue.damping: is {self.damping!r}; must be > 0"])
        super().__post_init__()

    def fair(self, tree: Mapping[str, Any], used: Mapping[str, float]) -> dict[str, float]:
        """Return each user's factor of fair share, in [0, 1]."""
        return classic(tree, used, self.damping)
