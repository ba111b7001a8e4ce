"""How nodes come and go: how many of each pool, how long it takes, what they cost."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, final

from sim.errors import ScenarioError
from sim.state.inventory import Inventory


class Terms(NamedTuple):
    """On which terms the nodes of one pool come and go."""

    pool: str
    first: int  # number of its first node
    places: int  # nodes it may ever have
    start: int  # there at instant 0
    least: int
    most: int
    come_s: float
    notice_s: float
    refused_frac: float
    refused_after_s: float
    spot_mtbf_s: float  # inf: nodes are not interrupted
    node_h_usd: float


class AbstractSupply(abc.ABC):
    """How nodes come and go."""

    moves_jobs: bool = False
    lost_s: float | None = None

    @property
    def alive(self) -> bool:
        """Return whether nodes may come and go though no node scaler asks."""
        return False

    @abc.abstractmethod
    def terms(self, inventory: Inventory) -> tuple[Terms, ...]:
        """Return the terms of each pool; ScenarioError holds all faults."""


@final
@dataclass(frozen=True)
class Supply(AbstractSupply):
    """Nodes come `come_s` after they are asked for, as many as the cluster has places.

    Parameters
    ----------
    start_nodes : nodes of a pool that are there at instant 0; None: all.
    min_nodes, max_nodes : of a pool, between which a node scaler may choose; None: all.
    come_s : from asking for a node until it takes jobs.
    notice_s : from telling a node to go until whoever still runs there is stopped. Replicas are
        drained meanwhile, others start elsewhere.
    refused_frac : chance that a node asked for will not come, known after `refused_after_s`.
    spot_mtbf_s : mean time until a node that is on is interrupted, with notice; None: never.
    node_h_usd : of a node from asking until it has gone; 0: not told.
    moves_jobs : a node scaler may empty nodes on which training runs; replicas may always move.
    lost_s : work that a job stopped there does again at most; None: all of it (no checkpoints).
    pools : the same for single pools by name, `{cloud: {start_nodes: 0, come_s: 5 min}}`.

    Source: 65 s to take a spot node back, notices of 120 s (AWS) and 30 s (Google, Azure).
    Neglects: that stock-outs and interruptions come together; billing by the minute or the hour.
    """

    start_nodes: int | None = None
    min_nodes: int = 0
    max_nodes: int | None = None
    come_s: float = 180.0
    notice_s: float = 120.0
    refused_frac: float = 0.0
    refused_after_s: float = 60.0
    spot_mtbf_s: float | None = None
    node_h_usd: float = 0.0
    moves_jobs: bool = False
    lost_s: float | None = None
    pools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        found = faults_of({name: getattr(self, name) for name in OF_POOL}, "supply")
        if self.lost_s is not None and not self.lost_s >= 0.0:
            found.append(f"supply.lost_s: is {self.lost_s!r}; must be a time >= 0, or null")
        for name, own in self.pools.items():
            path = f"supply.pools.{name}"
            if not hasattr(own, "keys"):
                found.append(f"{path}: is {own!r}; must be a mapping such as {{start_nodes: 0}}")
                continue
            odd = [knob for knob in own if knob not in OF_POOL]
            found += [f"{path}.{k}: is not known; valid are {', '.join(OF_POOL)}" for k in odd]
            found += faults_of({k: v for k, v in own.items() if k in OF_POOL}, path)
        if found:
            raise ScenarioError(found)

    @property
    def alive(self) -> bool:
        """Return whether some nodes start off or may be interrupted."""
        own = [self.start_nodes, self.spot_mtbf_s]
        for pool in self.pools.values():
            own += [pool.get("start_nodes"), pool.get("spot_mtbf_s")]
        return any(value is not None for value in own)

    def terms(self, inventory: Inventory) -> tuple[Terms, ...]:
        """Return the terms of each pool; ScenarioError where bounds cross or a pool is unknown."""
        names = [pool.name for pool in inventory.pools]
        found = [f"supply.pools.{name}: is no pool; valid are {', '.join(names)}"
                 for name in self.pools if name not in names]  # fmt: skip
        made, first = [], 0
        for pool in inventory.pools:
            said = {name: getattr(self, name) for name in OF_POOL}
            given = said | dict(self.pools.get(pool.name, {}))
            path = f"supply.pools.{pool.name}" if pool.name in self.pools else "supply"
            most = pool.nodes if given["max_nodes"] is None else int(given["max_nodes"])
            start = min(most, pool.nodes)
            start = start if given["start_nodes"] is None else int(given["start_nodes"])
            if most > pool.nodes:
                found.append(f"{path}.max_nodes: is {most}; must be at most {pool.nodes}, the "
                             f"places of pool {pool.name}: raise its nodes")  # fmt: skip
            if given["min_nodes"] > most:
                found.append(f"{path}.min_nodes: is {given['min_nodes']}, above max_nodes, {most}; "
                             "must be at most that: raise max_nodes")  # fmt: skip
            if start > most:
                found.append(f"{path}.start_nodes: is {start}; must be at most {most}, max_nodes")
            spot_s = math.inf if given["spot_mtbf_s"] is None else float(given["spot_mtbf_s"])
            made.append(Terms(
                pool.name, first, pool.nodes, start, int(given["min_nodes"]), most,
                float(given["come_s"]), float(given["notice_s"]), float(given["refused_frac"]),
                float(given["refused_after_s"]), spot_s, float(given["node_h_usd"]),
            ))  # fmt: skip
            first += pool.nodes
        if found:
            raise ScenarioError(dict.fromkeys(found))
        return tuple(made)


OF_POOL = tuple(f.name for f in fields(Supply) if f.name not in ("moves_jobs", "lost_s", "pools"))
"""The knobs that a pool may have of its own."""


def faults_of(given: Mapping[str, Any], path: str) -> list[str]:
    """Return every fault of the knobs of a pool."""
    found = []
    for name, value in given.items():
        number = type(value) in (int, float)
        if name.endswith("_nodes"):
            if not (type(value) is int and value >= 0) and not (
                value is None and name != "min_nodes"
            ):
                found.append(f"{path}.{name}: is {value!r}; must be a whole number >= 0")
        elif name == "spot_mtbf_s":
            if value is not None and not (number and value > 0.0):
                found.append(f"{path}.{name}: is {value!r}; must be a time > 0, or null")
        elif name == "refused_frac":
            if not (number and 0.0 <= value <= 1.0):
                found.append(f"{path}.{name}: is {value!r}; must be from 0 to 1")
        elif not (number and 0.0 <= value < math.inf):
            found.append(f"{path}.{name}: is {value!r}; must be a finite number >= 0")
    return found
