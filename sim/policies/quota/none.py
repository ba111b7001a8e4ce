"""No quotas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.quota.base import AbstractQuota


@final
@dataclass(frozen=True)
class NoQuota(AbstractQuota):
    """Whoever comes may take what is free.

    Source: none, the absence of a rule. Neglects: whose the GPUs are.
    """

    def tree(self) -> None:
        """Return no tree."""
