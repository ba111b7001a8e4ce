"""Gavel's isolated shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from sim.policies.queue.base import F8
from sim.policies.queue.time_shares import AbstractTimeShares
from sim.policies.queue.wants import Wants, equal_shares


@final
@dataclass(frozen=True)
class GavelIsolated(AbstractTimeShares):
    """Each of n jobs has an n-th of every kind of node, whatever the others do with theirs.

    What finish-time fairness is measured by: what nobody should fall below.

    Source: Narayanan et al., OSDI 2020, 4.2 (isolated). Neglects: weights of jobs, and which kind
    serves whom best.
    """

    def target(self, wants: Wants) -> F8:
        """Return the shares, (k, kinds)."""
        return equal_shares(wants)
