"""An autoscaler is asked; what a user's own raises is told as its fault, with method and line."""

from __future__ import annotations

from sim.errors import blame
from sim.policies.autoscaler import AbstractAutoscaler
from sim.policies.autoscaler.held import counted, wished
from sim.state.arrays import F8
from sim.state.scaling import Seen, Wish


def first_of(policy: AbstractAutoscaler, seen: Seen) -> int:
    """Return how many replicas there are when the run begins."""
    try:
        return counted(policy, seen, policy.start(seen))
    except Exception as error:
        blame("autoscaler", error, seen.now_s)
        raise


def wishes_of(policy: AbstractAutoscaler, seen: list[Seen], notes: list[F8]) -> list[Wish]:
    """Return a wish a service."""
    try:
        return wished(policy, "together", seen, policy.together(seen, notes))
    except Exception as error:
        blame("autoscaler", error, seen[0].now_s)
        raise
