"""Configuration becomes objects: the only place where a `_target_` is followed.

What a `_target_` may name is decided before anything of it runs: see `allowed`. It must be of the
kind that its place in the configuration asks for. All faults are collected, none is thrown.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from sim.app import experiments
from sim.app.allowed import Allowed, is_abstract, kinds_of
from sim.app.check import misfits, quantity, resolvers, suits, wanted
from sim.engine import AbstractProcess
from sim.errors import RackplanError, ScenarioError, choices
from sim.files import find
from sim.policies.autoscaler import AbstractAutoscaler
from sim.policies.backfill import AbstractBackfill
from sim.policies.elastic import AbstractElastic
from sim.policies.limits import AbstractLimits
from sim.policies.node_scaler import AbstractNodeScaler
from sim.policies.placement import AbstractPlacement
from sim.policies.preemption import AbstractPreemption
from sim.policies.queue import AbstractQueuePolicy
from sim.policies.quota import AbstractQuota
from sim.policies.sharing import AbstractSharing
from sim.state import AbstractCluster, AbstractFabric, AbstractGrowth, AbstractSupply
from sim.study import Scenario
from sim.workload import AbstractComm, AbstractStorage, AbstractWorkload
from sim.workload.services import AbstractServices

GROUPS: dict[str, type] = {
    "cluster": AbstractCluster,
    "workload": AbstractWorkload,
    "queue": AbstractQueuePolicy,
    "backfill": AbstractBackfill,
    "placement": AbstractPlacement,
    "preemption": AbstractPreemption,
    "elastic": AbstractElastic,
    "quota": AbstractQuota,
    "sharing": AbstractSharing,
    "limits": AbstractLimits,
    "services": AbstractServices,
    "autoscaler": AbstractAutoscaler,
    "node_scaler": AbstractNodeScaler,
    "supply": AbstractSupply,
    "growth": AbstractGrowth,
    "fabric": AbstractFabric,
    "comm": AbstractComm,
    "storage": AbstractStorage,
    "failures": AbstractProcess,
    "link_failures": AbstractProcess,
    "slow_nodes": AbstractProcess,
    "reservations": AbstractProcess,
    "steps": AbstractProcess,
}
LEFT_OUT = (
    "failures", "reservations", "preemption", "elastic", "quota", "sharing", "limits",
    "services", "autoscaler", "fabric", "comm", "link_failures", "slow_nodes",
    "node_scaler", "supply", "growth", "steps",
    "storage",
)  # fmt: skip
"""Groups that a configuration may leave out: nothing happens then."""
KNOBS: dict[str, Any] = {
    "seed": int,
    "horizon_s": float | None,
    "warmup_s": float,
    "name": str,
    "question": str,
    "overwrite": bool,
    "report": bool,
    "beside": str | None,
}


def hints_of(found: type) -> dict[str, Any]:
    """Return the types that a constructor asks for; none where a user's file names them wrongly.

    A field that a dataclass has from another file is spelled in the words of that file.
    """
    made: Any = found.__init__  # type: ignore[misc]  # a class's own is what is asked for
    sources = (made, found) if is_dataclass(found) else (made,)
    for source in sources:
        try:
            return typing.get_type_hints(source)
        except (NameError, TypeError):
            continue
    return {}


def interfaces(hint: Any) -> Iterator[type]:
    """Give the interfaces that a type speaks of, as AbstractArrivals in a list of them."""
    if is_abstract(hint):
        yield hint
    for part in typing.get_args(hint):
        yield from interfaces(part)


def nested(issue: str, path: str) -> str:
    """Return a fault of a choice within a choice at its own path; it names itself by its group."""
    group = f"{path.partition('.')[0]}."
    if path == group[:-1] or not issue.startswith(group) or issue.startswith(f"{path}."):
        return issue
    return f"{path}.{issue.removeprefix(group)}"


class Builder:
    """Builds objects and collects every fault on the way."""

    def __init__(self, folders: Sequence[Path], said: Mapping[str, str] | None = None) -> None:
        self.allowed, self.faults = Allowed(folders), list[str]()
        self.said = dict(said or {})  # what the user set, by path, where that is known
        self.not_his: list[str] = []  # knobs not known that an experiment set
        self.unread: list[str] = []  # knobs for which the default stands in

    def also(self, issues: Sequence[str]) -> None:
        """Note more faults, but none of a default that only stands in for what was wrong."""
        stand_ins = tuple(f"{path}{end}" for path in self.unread for end in (":", ".", "["))
        self.faults += [text for text in issues if not text.startswith(stand_ins)]

    def value(self, given: Any, path: str, kinds: Sequence[type]) -> Any:
        """Return a knob's value: nested choices built if they are of `kinds`, units read."""
        if isinstance(given, Mapping) and "_target_" in given:
            return self.build(given, path, kinds)
        if isinstance(given, Mapping):
            return {k: self.value(v, f"{path}.{k}", kinds) for k, v in given.items()}
        if isinstance(given, list):
            made = [self.value(v, f"{path}[{i}]", kinds) for i, v in enumerate(given)]
            return quantity(path, made, self.faults)
        return quantity(path, given, self.faults)

    def old(self, path: str, knob: str) -> bool:
        """Return whether a knob was there before the user put another class in that place."""
        return f"{path}._target_" in self.said and knob not in self.said

    def unknown(self, path: str, name: str, known: Iterable[str]) -> None:
        """Note a knob that a class does not have, as a fault of whoever set it."""
        here = f"{path}.{name}"
        if experiments.is_of_experiment(here, self.said, self.allowed.folders):
            self.not_his.append(here)
        elif not self.old(path, here):
            more = "" if known or "." in path else f"; choose one that has it by {path}=…"
            self.faults.append(f"{here}: is not known; {choices(name, known)}{more}")

    def knobs(self, found: type, given: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return the arguments of a class; what does not suit is noted."""
        known, hints, made = inspect.signature(found).parameters, hints_of(found), {}
        for name, raw in given.items():
            if name == "_target_":
                continue
            here = f"{path}.{name}"
            if name not in known:
                self.unknown(path, str(name), known)
                continue
            hint, before = hints.get(name, Any), len(self.faults)
            value = self.value(raw, here, list(interfaces(hint)))
            if value is None and self.old(path, here) and not suits(None, hint):
                continue  # the class that was there before took it; this one has its own
            if len(self.faults) == before:
                self.faults += misfits(here, value, hint)
            if len(self.faults) == before:
                made[name] = value
            else:
                self.unread.append(here)
        for name, one in known.items():
            if name not in given and one.default is one.empty:
                self.faults.append(f"{path}.{name}: is missing; the choice needs it")
        return made

    def build(self, given: Any, path: str, kinds: Sequence[type]) -> Any:
        """Return the object that a mapping with `_target_` describes; None if there are faults."""
        if not isinstance(given, Mapping) or "_target_" not in given:
            self.faults.append(f"{path}: is {given!r}; must be a choice of its group")
            return None
        try:
            found = self.allowed.find(given["_target_"], kinds)
        except LookupError as error:
            self.faults.append(f"{path}._target_: {error.args[0]}")
            return None
        knobs = self.knobs(found, given, path)
        known = inspect.signature(found).parameters
        whole = all(name in knobs or one.default is not one.empty for name, one in known.items())
        # beside a fault the default stands in, so that the other knobs are held to their rules too
        return self.made(found, knobs, path) if whole else None

    def made(self, found: type, knobs: Mapping[str, Any], path: str) -> Any:
        """Return the object; what its constructor refuses is noted."""
        try:
            return found(**knobs)
        except ScenarioError as error:
            self.also([nested(issue, path) for issue in error.issues])
        except RackplanError as error:
            self.faults.append(f"{path}: {error}")
        except Exception as error:
            if kinds_of(found) and found.__module__.startswith("sim."):
                raise
            told = f"{type(error).__name__}: {error}"
            self.faults.append(f"{path}: {found.__name__} cannot be made of these ({told})")
        return None

    def general(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the knobs that stand at the top of the configuration."""
        valid, made = [*GROUPS, *KNOBS], {}
        for name in config:
            if name not in valid:
                self.faults.append(f"{name}: is not known; {choices(str(name), valid)}")
        for name, hint in KNOBS.items():
            before = len(self.faults)
            made[name] = quantity(name, config.get(name), self.faults)
            if len(self.faults) == before and not suits(made[name], hint):
                self.faults.append(f"{name}: is {config.get(name)!r}; must be {wanted(hint)}")
                made[name] = None
        if made["beside"]:
            try:
                find(made["beside"])
            except RackplanError as error:
                self.faults.append(f"beside: {error}")
        seed = made["seed"]
        if seed is not None and not 0 <= seed < 2**63:
            self.faults.append(f"seed: is {seed}; must be a whole number >= 0, below 2^63")
        return made


def scenario(
    config: Mapping[str, Any], folders: Sequence[Path], said: Mapping[str, str] | None = None,
    issues: Callable[[Scenario], list[str]] = Scenario.issues,
) -> Scenario:  # fmt: skip
    """Return the scenario of a configuration; ScenarioError holds all faults at once."""
    builder = Builder(folders, said)
    faults = builder.faults
    knobs = builder.general(config)
    parts = {}
    for group, kind in GROUPS.items():
        if config.get(group) or group not in LEFT_OUT:
            made = builder.build(config.get(group), group, [kind])
            if made is not None:
                parts[group] = made
    faults += experiments.told(builder.not_his, builder.said, folders)
    lives = [parts.pop(group, None) for group, kind in GROUPS.items() if kind is AbstractProcess]
    whole = Scenario(
        **parts,
        processes=tuple(one for one in lives if one is not None),
        horizon_s=float("inf") if knobs["horizon_s"] is None else float(knobs["horizon_s"]),
        warmup_s=float(knobs["warmup_s"] or 0.0),
        name=knobs["name"] or "",
        question=knobs["question"] or "",
    )
    builder.also(issues(whole))  # what could not be built is here as its default
    for ask in (
        whole.backfill.rule, whole.preemption.rule, whole.quota.tree, whole.sharing.rule,
        whole.limits.rule,
    ):  # fmt: skip
        try:
            ask()
        except ScenarioError as error:
            faults += error.issues
    if faults:
        raise ScenarioError(dict.fromkeys(faults))
    return whole


def question(
    config: DictConfig, folders: Sequence[Path], words: Iterable[str] = (),
    issues: Callable[[Scenario], list[str]] = Scenario.issues,
) -> tuple[Scenario, dict[str, Any]]:  # fmt: skip
    """Return the scenario that a composed configuration asks for, and all its knobs as they are.

    `issues` says what of it is a fault.
    `words` are what the user said, path=value: whose class he replaced, of that the knobs that were
    there before and that the new one does not know do not count.
    """
    references(cast("Any", OmegaConf.to_container(config, resolve=False)))
    plain = cast("Any", OmegaConf.to_container(config, resolve=True))
    said = dict(word.lstrip("+").partition("=")[::2] for word in words)
    return scenario(plain, folders, said, issues), plain


def references(config: Mapping[str, Any]) -> None:
    """Refuse what would run code while a configuration is read: ScenarioError names each."""
    faults: list[str] = []
    resolvers("", config, faults)
    if faults:
        raise ScenarioError(faults)
