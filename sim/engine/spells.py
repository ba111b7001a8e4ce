"""What fails and is repaired, again and again: nodes, links, switches."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
import simpy

from sim.engine.clock import Clock
from sim.errors import ScenarioError


def spells(
    clock: Clock,
    rng: np.random.Generator,
    mtbf_s: float,
    repair_s: float,
    fail: Callable[[], object],
    mend: Callable[[], object],
) -> Generator[simpy.Event, None, None]:
    """A life: whole for an exponential time of mean `mtbf_s`, then `repair_s` in repair."""
    while True:
        yield clock.timeout(rng.exponential(mtbf_s))
        fail()
        yield clock.timeout(repair_s)
        mend()


def refuse_times(path: str, mtbf_s: float, repair_s: float, more: list[str] | None = None) -> None:
    """Raise ScenarioError for times that are none, and for `more` faults."""
    found = [
        f"{path}.{name}: is {value!r}; must be a time > 0, such as '1000 h'"
        for name, value in (("mtbf_s", mtbf_s), ("repair_s", repair_s))
        if not 0.0 < value < np.inf
    ]
    if found := [*found, *(more or [])]:
        raise ScenarioError(found)
