"""Plans by the clock: pairs of an hour and a number, and what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def plan_faults(
    path: str, plan: Sequence[Sequence[float]], period_s: float, what: str, *, endless: bool
) -> list[str]:
    """Return a fault for each entry of a plan that is no pair [hour, number of `what`].

    An hour is from 0 to below those of the period, which is above 0; a number is at least 0, and
    may be infinite, as many as can be, only with `endless`.
    """
    pair = f"[hour, {what}], such as [7, 8]"
    if len(plan) == 0:
        return [f"{path}: is empty; must be pairs {pair}"]
    found, number = [], "a number >= 0" if endless else "a finite number >= 0"
    for i, entry in enumerate(plan):
        if len(entry) != 2:
            found.append(f"{path}[{i}]: is {list(entry)}; must be a pair {pair}")
            continue
        hour, many = entry
        if not 0.0 <= hour * 3600.0 < period_s:
            told = f"must be an hour from 0 to below {period_s / 3600.0:g}, the period"
            found.append(f"{path}[{i}]: begins at hour {hour:g}; {told}")
        if not many >= 0.0 or (math.isinf(many) and not endless):
            found.append(f"{path}[{i}]: has {many:g} {what}; must be {number}")
    return found
