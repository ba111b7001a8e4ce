"""Which choices of hardware a service can be on: each is judged by itself, as a run would be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from sim.physics.calibration import Key
from sim.study import Scenario
from sim.study.capacity import moved
from sim.workload.services import AbstractPool, AbstractReplica, AbstractServices, Several


def label(key: Key | None) -> str:
    """Return a choice in words."""
    if key is None:
        return "as configured"
    gpu, model, gpus, bits, software = key
    return f"{model}, {gpus} {gpu}, {bits} bit, {software}"


def parts(of: AbstractServices, path: str = "services") -> Iterator[tuple[str, AbstractServices]]:
    """Give each service with its path."""
    if isinstance(of, Several):
        for i, one in enumerate(of.services):
            yield from parts(one, f"{path}.services[{i}]")
    else:
        yield path, of


def on(of: Any, key: Key | None) -> Any:
    """Return a service, a pool or a replica on a choice of hardware; None: as it is configured."""
    if key is None:
        return of
    if isinstance(of, AbstractReplica):
        return moved(of, key)
    if not is_dataclass(of):
        return of
    kinds = AbstractPool, AbstractReplica
    held = {one.name: getattr(of, one.name) for one in fields(of)}
    own = {name: on(value, key) for name, value in held.items() if isinstance(value, kinds)}
    return replace(of, **own)  # type: ignore[type-var]


def judged(of: AbstractServices, path: str, keys: Sequence[Key]) -> dict[Key | None, list[str]]:
    """Return the faults of a service as it is configured, None, and on each choice."""
    every: list[Key | None] = [None, *keys]
    return {key: on(of, key).issues(path) for key in every}


def at_best(of: AbstractServices, path: str, keys: Sequence[Key]) -> AbstractServices:
    """Return each service on its first choice with the fewest faults, as configured before all."""
    if isinstance(of, Several):
        each = [at_best(one, f"{path}.services[{i}]", keys) for i, one in enumerate(of.services)]
        return replace(of, services=each)
    told = judged(of, path, keys)
    made: AbstractServices = on(of, min(told, key=lambda key: len(told[key])))
    return made


def faults_of_all(of: Scenario, keys: Sequence[Key]) -> list[str]:
    """Return the faults of a scenario that it has whichever choice its services are on.

    Where a service can be on none, and not for one reason, it is told of each why.
    """
    if not isinstance(of.services, AbstractServices):
        return of.issues()
    found = replace(of, services=at_best(of.services, "services", keys)).issues()
    for path, part in parts(of.services):
        told = judged(part, path, keys)
        least = min(told.values(), key=len)
        if not all(text in faults for text in least for faults in told.values()):
            found += reasons({key: told[key] for key in keys}, least)
    return found


def reasons(told: dict[Any, list[str]], but: Sequence[str] = ()) -> list[str]:
    """Return in words why choices are none, `but` for what is told already."""
    return [
        f"not {label(key) if key is None else f'on {label(key)}'}: {text}"
        for key, faults in told.items()
        for text in faults
        if text not in but
    ]
