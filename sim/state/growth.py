"""When nodes are bought, and when they are retired."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

from sim.errors import ScenarioError
from sim.state.inventory import Inventory

KNOBS: dict[str, Any] = {"at_s": None, "nodes": None, "pool": None, "notice_s": 0.0}


class Change(NamedTuple):
    """Nodes of a pool that come at an instant, or go."""

    at_s: float
    pool: int
    nodes: int  # below 0: so many are retired
    notice_s: float


class AbstractGrowth(abc.ABC):
    """When nodes are bought, and when they are retired."""

    @abc.abstractmethod
    def changes(self, inventory: Inventory) -> list[Change]:
        """Return what comes and goes, in order of time; ScenarioError holds all faults."""


@final
@dataclass(frozen=True)
class NoGrowth(AbstractGrowth):
    """All nodes are there from the beginning to the end."""

    def changes(self, inventory: Inventory) -> list[Change]:
        """Return nothing."""
        del inventory
        return []


@final
@dataclass(frozen=True)
class PurchasePlan(AbstractGrowth):
    """Each of `entries` delivers `nodes` nodes of `pool` at `at_s`; below 0: retires as many.

    The cluster says how many nodes there will be in all; those that are delivered later stand last
    in their pool, and are not there before. Retired are those of the lowest numbers: from
    `notice_s` before on they take no new job, and who still runs there at `at_s` is stopped.
    `pool` may be left out where there is one.

    Source: none.
    Neglects: late deliveries, burn-in, that racks are filled as a whole.
    """

    entries: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        """Refuse entries that are none."""
        found = []
        for i, entry in enumerate(self.entries):
            path = f"growth.entries[{i}]"
            if not hasattr(entry, "keys"):
                found.append(f"{path}: is {entry!r}; must be a mapping with at_s and nodes")
                continue
            valid = ", ".join(KNOBS)
            found += [f"{path}.{k}: is not known; valid are {valid}" for k in entry
                      if k not in KNOBS]  # fmt: skip
            for name in ("at_s", "notice_s"):
                value = entry.get(name, KNOBS[name])
                if type(value) not in (int, float) or not 0.0 <= value < math.inf:
                    past = "; the run begins at 0 s" if name == "at_s" else ""
                    found.append(f"{path}.{name}: is {value!r}; must be a finite time >= 0{past}")
            if type(entry.get("nodes")) is not int or entry["nodes"] == 0:
                found.append(f"{path}.nodes: is {entry.get('nodes')!r}; must be a whole number, "
                             "below 0 to retire nodes")  # fmt: skip
        if found:
            raise ScenarioError(found)

    def changes(self, inventory: Inventory) -> list[Change]:
        """Return what comes and goes; a fault where more go than are there, or come than fit."""
        names, found, made = [pool.name for pool in inventory.pools], [], []
        for i, entry in enumerate(self.entries):
            name = entry.get("pool") or (names[0] if len(names) == 1 else None)
            if name not in names:
                found.append(f"growth.entries[{i}].pool: is {name!r}; must be one of "
                             f"{', '.join(names)}")  # fmt: skip
                continue
            notice_s = float(entry.get("notice_s", 0.0))
            change = Change(float(entry["at_s"]), names.index(name), entry["nodes"], notice_s)
            made.append((i, change))
        made.sort(key=lambda one: one[1].at_s)
        for p, pool in enumerate(inventory.pools):
            own = [(i, change) for i, change in made if change.pool == p]
            there = pool.nodes - sum(c.nodes for _, c in own if c.nodes > 0)
            if there < 0:
                found.append(
                    f"growth.entries: deliver {pool.nodes - there} nodes of pool {pool.name}; must "
                    f"be at most {pool.nodes}, all it has in the end: raise its nodes"
                )
            for i, change in own:
                if there >= 0 and there + change.nodes < 0:
                    found.append(f"growth.entries[{i}].nodes: is {change.nodes}, but {there} nodes "
                                 f"are there by then; must be at least {-there}")  # fmt: skip
                    break
                there += change.nodes
        if found:
            raise ScenarioError(found)
        return [change for _, change in made]
