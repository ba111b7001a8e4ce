"""Configuration becomes objects: the only place where a `_target_` is followed.

What a `_target_` may name is decided before anything of it runs: a class of sim.policies,
sim.workload, sim.state or sim.engine, or a class in a .py file that lies in the current directory
or beside the user's own configuration; and it must be of the kind that its place in the
configuration asks for.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.app.check import choices, quantity, resolvers, suits, wanted
from sim.engine import AbstractProcess
from sim.errors import RackplanError, ScenarioError
from sim.policies.backfill import AbstractBackfill
from sim.policies.placement import AbstractPlacement
from sim.policies.queue import AbstractQueuePolicy
from sim.state import AbstractCluster
from sim.study import Scenario
from sim.workload import AbstractWorkload

GROUPS: dict[str, type] = {
    "cluster": AbstractCluster,
    "workload": AbstractWorkload,
    "queue": AbstractQueuePolicy,
    "backfill": AbstractBackfill,
    "placement": AbstractPlacement,
    "failures": AbstractProcess,
}
ROOMS = ("sim.policies.", "sim.workload.", "sim.state.", "sim.engine.")
KNOBS: dict[str, Any] = {
    "seed": int,
    "horizon_s": float | None,
    "warmup_s": float,
    "name": str,
    "question": str,
    "overwrite": bool,
    "report": bool,
}
FORBIDDEN = ("_partial_", "_args_", "_convert_", "_recursive_")


def hints_of(found: type) -> dict[str, Any]:
    """Return the types that a constructor asks for; none where a user's file names them wrongly."""
    try:
        return typing.get_type_hints(found.__init__)  # type: ignore[misc]
    except (NameError, TypeError):
        return {}


class Builder:
    """Builds objects and collects every fault on the way."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders, self.faults = list(folders), list[str]()

    def module(self, name: str, path: str) -> Any:
        """Return a module that may be named, None with a fault noted if it may not."""
        if (name + ".").startswith(ROOMS) and all(part.isidentifier() for part in name.split(".")):
            try:
                return importlib.import_module(name)
            except ModuleNotFoundError:
                self.faults.append(f"{path}._target_: there is no module {name!r}")
                return None
        for folder in self.folders:
            file = folder.joinpath(*name.split(".")).with_suffix(".py")
            if all(p.isidentifier() for p in name.split(".")) and file.is_file():
                return self.user_module(name, file)
        where = ", ".join(dict.fromkeys(str(f) for f in self.folders))
        self.faults.append(
            f"{path}._target_: {name!r} may not be named; must be a class of {', '.join(ROOMS)}* "
            f"or of a .py file in {where}"
        )
        return None

    @staticmethod
    def user_module(name: str, file: Path) -> Any:
        """Return a user's own module, loaded from its file."""
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) == str(file):
            return known
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    def target(self, text: Any, path: str, kind: type | None) -> type | None:
        """Return the class that a `_target_` names, if it may."""
        if not isinstance(text, str) or "." not in text or "__" in text:
            self.faults.append(f"{path}._target_: is {text!r}; must be the path of a class")
            return None
        name, _, last = text.rpartition(".")
        module = self.module(name, path)
        if module is None:
            return None
        found = getattr(module, last, None)
        base = kind or object
        if not inspect.isclass(found) or not issubclass(found, base) or inspect.isabstract(found):
            valid = [n for n, c in vars(module).items() if inspect.isclass(c) and
                     issubclass(c, base) and not inspect.isabstract(c)]  # fmt: skip
            asked = kind.__name__ if kind else "class"
            self.faults.append(f"{path}._target_: {text!r} is no {asked}; {choices(last, valid)}")
            return None
        made_here = found.__module__.startswith(ROOMS) or found.__module__ == name
        if kind is None and not made_here:
            self.faults.append(f"{path}._target_: {text!r} may not be named")
            return None
        return found

    def value(self, given: Any, path: str) -> Any:
        """Return a knob's value: nested choices built, units read."""
        if isinstance(given, Mapping) and "_target_" in given:
            return self.build(given, path, None)
        if isinstance(given, Mapping):
            return {k: self.value(v, f"{path}.{k}") for k, v in given.items()}
        if isinstance(given, list):
            made = [self.value(v, f"{path}[{i}]") for i, v in enumerate(given)]
            return quantity(path, made, self.faults)
        return quantity(path, given, self.faults)

    def build(self, given: Any, path: str, kind: type | None) -> Any:
        """Return the object that a mapping with `_target_` describes; None if there are faults."""
        if not isinstance(given, Mapping) or "_target_" not in given:
            self.faults.append(f"{path}: is {given!r}; must be a choice of its group")
            return None
        found = self.target(given["_target_"], path, kind)
        if found is None:
            return None
        known = inspect.signature(found).parameters
        odd = [n for n in given if n != "_target_" and (n in FORBIDDEN or n not in known)]
        self.faults += [f"{path}.{name}: is not known; {choices(name, known)}" for name in odd]
        before = len(self.faults)
        knobs = {n: self.value(v, f"{path}.{n}") for n, v in given.items() if n in known}
        hints = hints_of(found)
        for name, made in knobs.items():
            hint = hints.get(name, Any)
            if len(self.faults) == before and not suits(made, hint):
                self.faults.append(f"{path}.{name}: is {given[name]!r}; must be {wanted(hint)}")
        needed = [n for n, p in known.items() if p.default is p.empty and n not in given]
        self.faults += [f"{path}.{name}: is missing; the choice needs it" for name in needed]
        if len(self.faults) > before:
            return None
        try:
            return found(**knobs)
        except ScenarioError as error:
            self.faults += error.issues
        except RackplanError as error:
            self.faults.append(f"{path}: {error}")
        return None


def scenario(
    config: Mapping[str, Any], raw: Mapping[str, Any], folders: Sequence[Path]
) -> Scenario:
    """Return the scenario of a configuration; ScenarioError holds all faults at once.

    `raw` is the same configuration before references were resolved.
    """
    builder = Builder(folders)
    resolvers("", raw, builder.faults)
    odd = sorted(set(config) - set(GROUPS) - set(KNOBS))
    valid = [*GROUPS, *KNOBS]
    builder.faults += [f"{name}: is not known; {choices(name, valid)}" for name in odd]
    knobs = {}
    for name, hint in KNOBS.items():
        knobs[name] = quantity(name, config.get(name), builder.faults)
        if not suits(knobs[name], hint):
            builder.faults.append(f"{name}: is {config.get(name)!r}; must be {wanted(hint)}")
    parts = {}
    for group, kind in GROUPS.items():
        optional = group == "failures"
        if not (optional and not config.get(group)):
            parts[group] = builder.build(config.get(group), group, kind)
    workload = parts.get("workload")
    if isinstance(workload, AbstractWorkload):
        builder.faults += workload.issues()
    cluster = parts.get("cluster")
    if isinstance(cluster, AbstractCluster):
        try:
            cluster.inventory()
        except ScenarioError as error:
            builder.faults += error.issues
    if builder.faults:
        raise ScenarioError(dict.fromkeys(builder.faults))
    process = parts.pop("failures", None)
    horizon_s = knobs["horizon_s"]
    made = Scenario(
        **parts,
        processes=() if process is None else (process,),
        horizon_s=float("inf") if horizon_s is None else float(horizon_s),
        warmup_s=float(knobs["warmup_s"]),
        name=knobs["name"],
        question=knobs["question"],
    )
    if found := made.issues():
        raise ScenarioError(found)
    return made
