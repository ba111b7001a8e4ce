"""Autoscalers are held to what they must answer: who wrote one is told what was wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.errors import ScenarioError
from sim.state.scaling import Seen, Wish


def refused(policy: object, method: str, now_s: float, given: object, must: str) -> ScenarioError:
    """Return the fault of an answer, to raise."""
    what = f"{type(policy).__name__}.{method}, asked at {now_s:g} s, answered {given!r}"
    return ScenarioError([f"autoscaler: {what}; must be {must}"])


def is_count(value: Any) -> bool:
    """Return whether a value is a finite number; what is not whole of it is cut off later."""
    return isinstance(value, int | float | np.integer | np.floating) and math.isfinite(value)


def counted(policy: object, seen: Seen, many: Any) -> int:
    """Return with how many replicas a policy begins."""
    if not is_count(many):
        raise refused(policy, "start", seen.now_s, many, "a finite number of replicas")
    return int(many)


def wished(policy: object, method: str, seen: Sequence[Seen], given: Any) -> list[Wish]:
    """Return the wishes that a method gave, a service each."""
    now_s = seen[0].now_s if seen else 0.0
    if not isinstance(given, Sequence) or len(given) != len(seen):
        raise refused(policy, method, now_s, given, f"{len(seen)} of Wish, one a service")
    for wish in given:
        if not isinstance(wish, Wish) or not is_count(wish.replicas):
            must = "a Wish(replicas, notes) with a finite number of replicas"
            raise refused(policy, method, now_s, wish, must)
    return list(given)
