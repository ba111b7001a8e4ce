"""What is wrong with the knobs of an autoscaler."""

from __future__ import annotations

from collections.abc import Sequence

from sim.errors import ScenarioError

Names = Sequence[str]


def wrong(rule: object, *, shares: Names = (), counts: Names = (), floor: Names = ()) -> list[str]:
    """Return a fault for each time below 0, asking never, and numbers that are not above 0.

    `shares` must be in 0 to 1, `counts` above 0, `floor` at least 0.
    """
    found = []
    for name, value in vars(rule).items():
        path = f"autoscaler.{name}: is {value!r}; must be"
        if name in ("every_s", "scrape_s") and not 0.0 < value < float("inf"):
            found.append(f"{path} a finite time > 0, such as '15 s'")
        elif name.endswith("_s") and value is not None and not value >= 0.0:
            found.append(f"{path} a time >= 0, such as '30 s'")
        elif name in shares and not 0.0 <= value <= 1.0:
            found.append(f"{path} a number from 0 to 1")
        elif name in counts and not value > 0:
            found.append(f"{path} a number > 0")
        elif name in floor and not value >= 0:
            found.append(f"{path} at least 0")
    return found


def refuse(found: Sequence[str]) -> None:
    """Raise ScenarioError if there are faults."""
    if found:
        raise ScenarioError(found)
