"""Nodes set aside for a time: maintenance, or one tenant's own use."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import simpy

from sim.engine.clock import Clock
from sim.engine.cluster import AbstractProcess, Cluster
from sim.errors import ScenarioError
from sim.rng import Streams

KNOBS: dict[str, Any] = {
    "nodes": None, "start_s": None, "duration_s": None, "announced_s": 0.0, "every_s": None,
    "tenants": (), "evicts": False,
}  # fmt: skip


def faults_of(entry: Any, path: str) -> list[str]:
    """Return every fault of one reservation."""
    if not hasattr(entry, "keys"):
        return [f"{path}: is {entry!r}; must be a mapping with nodes, start_s, duration_s"]
    valid, wrong = ", ".join(KNOBS), [name for name in entry if name not in KNOBS]
    found = [f"{path}.{name}: is not known; valid are {valid}" for name in wrong]
    given = {**KNOBS, **entry}

    def number(name: str, least: float, above: str = ">=") -> bool:
        value = given[name]
        good = type(value) in (int, float) and math.isfinite(value)
        good = good and (value > least or (value == least and above == ">="))
        if not good:
            found.append(f"{path}.{name}: is {value!r}; must be a time {above} {least:g} s")
        return good

    if type(given["nodes"]) is not int or given["nodes"] < 1:
        found.append(f"{path}.nodes: is {given['nodes']!r}; must be a whole number >= 1")
    known = [number(name, 0.0) for name in ("announced_s", "start_s")]
    if all(known) and given["start_s"] < given["announced_s"]:
        found.append(
            f"{path}.start_s: is {given['start_s']:g} s; must not lie before it is announced, "
            f"{given['announced_s']:g} s ahead: set {path}.announced_s"
        )
    if number("duration_s", 0.0, ">") and given["every_s"] is not None:
        number("every_s", given["duration_s"])
    if type(given["tenants"]) not in (list, tuple):
        found.append(f"{path}.tenants: is {given['tenants']!r}; must be a list of names")
    if type(given["evicts"]) is not bool:
        found.append(f"{path}.evicts: is {given['evicts']!r}; must be true or false")
    return found


def window(
    clock: Clock, cluster: Cluster, row: int, entry: Mapping[str, Any]
) -> Generator[simpy.Event, None, None]:
    """One reservation's life: announced, begun, over; and again, if it comes every so often."""
    start_s, ahead_s = entry["start_s"], entry["start_s"] - entry["announced_s"]
    while True:
        yield clock.timeout(max(start_s - ahead_s - clock.now, 0.0))
        end_s = start_s + entry["duration_s"]
        cluster.set_aside(row, entry["nodes"], (start_s, end_s), entry["tenants"])
        yield clock.timeout(start_s - clock.now)
        for job in cluster.outsiders(row) if entry["evicts"] else ():
            cluster.evict(job, math.inf)
        yield clock.timeout(end_s - clock.now)
        cluster.set_free(row)
        if entry["every_s"] is None:
            return
        start_s += entry["every_s"]


@final
@dataclass(frozen=True)
class Reservations(AbstractProcess):
    """Each of `entries` sets `nodes` nodes aside from `start_s` on for `duration_s`.

    They are chosen when it is announced (`announced_s`; with `every_s` as long ahead each time):
    those expected to be empty by then, lowest number first. From then on only jobs whose walltime
    ends before it begins start there, so that the nodes drain. Jobs of `tenants` are not kept out;
    with none it is maintenance. Who still runs there at its beginning runs on, or with `evicts` is
    sent back to the queue, to start anew.

    Plans respect it: behind a blocked job they are then made as Slurm makes them, a planned job
    keeping its nodes whole, by the backfill's depth and number of reservations.

    Source: Slurm, scontrol(1), create reservation, flag MAINT; job_test_resv.
    Neglects: jobs that ask for a reservation by name and run nowhere else; FLEX; jobs of its
    tenants that run beyond its end.
    """

    entries: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        """Refuse entries that are none."""
        found = []
        for i, entry in enumerate(self.entries):
            found += faults_of(entry, f"reservations.entries[{i}]")
        if found:
            raise ScenarioError(found)

    def issues(self, nodes: int) -> list[str]:
        """Return which entries set more nodes aside than there are."""
        return [
            f"reservations.entries[{i}].nodes: is {entry['nodes']}; must be at most {nodes}, the "
            "nodes of the cluster"
            for i, entry in enumerate(self.entries)
            if entry.get("nodes", 0) > nodes
        ]

    def names(self) -> Mapping[str, tuple[str, Iterable[str]]]:
        """Return for whom nodes are set aside."""
        return {
            f"reservations.entries[{i}].tenants": ("tenant", entry.get("tenants", ()))
            for i, entry in enumerate(self.entries)
        }

    @property
    def windows(self) -> int:
        """Return how many windows it needs."""
        return len(self.entries)

    def begin(self, clock: Clock, cluster: Cluster, streams: Streams) -> None:
        """Start one SimPy process a reservation."""
        del streams
        for entry in self.entries:
            clock.process(window(clock, cluster, cluster.window(), {**KNOBS, **entry}))
