"""A tree of quotas is read from mappings, as a configuration has them; all faults are collected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sim.errors import ScenarioError
from sim.state.tree import EVERY, Amounts, Limits, Part, Ways

SCALE = {"gpus": 1000, "cpus": 1000, "mem_bytes": 1}
"""What a tree counts, and how many of its units one is."""
LIMITS = tuple(f"{kind}{name}" for kind in ("", "borrow_", "lend_") for name in SCALE)
LEAST_WEIGHT, MOST_WEIGHT = 1e-6, 1e6


class Reader:
    """Reads queues and cohorts from mappings, and collects every fault."""

    def __init__(self, leaf: str = "queues", inner: str = "cohorts", up: str = "cohort") -> None:
        self.group, self.faults = "quota", list[str]()
        self.leaf, self.inner, self.up = leaf, inner, up

    def fault(self, path: str, value: object, remedy: str) -> None:
        """Note a fault."""
        self.faults.append(f"{self.group}.{path}: is {value!r}; must be {remedy}")

    def keys(self, path: str, given: Any, known: Iterable[str]) -> Mapping[str, Any]:
        """Return a mapping that has only known keys."""
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            self.fault(path, given, "a mapping")
            return {}
        for name in given:
            if name not in known:
                self.faults.append(
                    f"{self.group}.{path}.{name}: is not known; "
                    f"valid are {', '.join(sorted(known))}"
                )
        return given

    def number(
        self, path: str, value: Any, remedy: str, least: float = -math.inf, most: float = math.inf
    ) -> float:
        """Return a number between two; what is none is noted and counts as 0."""
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if not fits or not least <= value <= most:
            self.fault(path, value, remedy)
            return 0.0
        return float(value)

    def amounts(self, path: str, given: Mapping[str, Any], kind: str) -> Amounts:
        """Return the amounts of one kind, None where not told."""
        made: list[int | None] = []
        for name, scale in SCALE.items():
            value = given.get(kind + name)
            where = f"{path}.{kind}{name}"
            if value is None:
                made.append(None)
            else:
                least = self.number(where, value, "a number >= 0, or null", 0.0, 1e18 / scale)
                made.append(round(least * scale))
        return made[0], made[1], made[2]

    def limits(self, path: str, given: Mapping[str, Any], lone: bool) -> dict[str, Limits]:
        """Return the limits by flavor; a part that is on its own can neither borrow nor lend."""
        flavors = given.get("flavors")
        plain = {name: given[name] for name in LIMITS if given.get(name) is not None}
        if flavors is not None and plain:
            self.faults.append(
                f"{self.group}.{path}.flavors: stands beside {', '.join(plain)}; must stand alone: "
                "tell the limits either for each flavor or for all GPU types together"
            )
        told: Mapping[str, Any]
        if flavors is None:
            told = {EVERY: plain} if plain else {}
        else:
            told = self.keys(
                f"{path}.flavors", flavors, flavors if isinstance(flavors, Mapping) else ()
            )
        made = {}
        for name, one in told.items():
            where = path if name == EVERY else f"{path}.flavors.{name}"
            cells = self.keys(where, one, LIMITS)
            made[name] = Limits(
                *(self.amounts(where, cells, kind) for kind in ("", "borrow_", "lend_"))
            )
            for knob in cells:
                if lone and cells[knob] is not None and knob.startswith(("borrow_", "lend_")):
                    self.fault(f"{where}.{knob}", cells[knob],
                               "null, or its part of the tree needs a cohort over it")  # fmt: skip
        return made

    def part(
        self, path: str, name: str, given: Mapping[str, Any], parent: Any, cohorts: Iterable[str]
    ) -> Part:
        """Return a queue or cohort."""
        up = "" if parent is None else str(parent)
        knob = "parent" if path.startswith(self.inner) else self.up
        if up and up not in cohorts:
            known = ", ".join(cohorts) or f"none: tell it in {self.inner}"
            self.fault(f"{path}.{knob}", up, f"null or one of {self.inner}; there are {known}")
            up = ""
        told, remedy = given.get("weight", 1.0), "a number from 0 to 10^6"
        weight = self.number(f"{path}.weight", told, remedy, 0.0, MOST_WEIGHT)
        if 0.0 < weight < LEAST_WEIGHT:
            self.fault(f"{path}.weight", weight, "0, or at least 10^-6")
        return Part(name, up, self.limits(path, given, not up), weight)

    def cohorts(self, given: Any, known: Iterable[str]) -> tuple[Part, ...]:
        """Return the cohorts; a cycle among them is noted once."""
        told = self.keys(self.inner, given, given if isinstance(given, Mapping) else ())
        made = []
        for name, one in told.items():
            path = f"{self.inner}.{name}"
            knobs = self.keys(path, one, known)
            made.append(self.part(path, str(name), knobs, knobs.get("parent"), told))
        up = {part.name: part.parent for part in made}
        for name in up:
            seen, at = [name], up[name]
            while at and at not in seen:
                seen.append(at)
                at = up[at]
            if at == name and name == min(seen):
                self.fault(f"{self.inner}.{name}.parent", up[name],
                           f"outside the cycle {' -> '.join([*seen, name])}")  # fmt: skip
        return tuple(made)

    @staticmethod
    def told_of(given: Any) -> list[Any]:
        """Return what a mapping holds; nothing of what is none."""
        return list(given.values()) if isinstance(given, Mapping) else []

    def names(self, path: str, given: Any) -> tuple[str, ...]:
        """Return a list of names, as text."""
        if isinstance(given, str) or not isinstance(given, Iterable | None):
            self.fault(path, given, "a list of names, as [ann, bob]")
            return ()
        return tuple(str(name) for name in given or ())

    def chosen(self, path: str, given: Any, words: Mapping[str, int]) -> tuple[int, ...]:
        """Return what a list of words stands for."""
        names = self.names(path, given)
        if not names or len(set(names)) < len(names) or not set(names) <= set(words):
            self.fault(path, list(names), f"a list of {', '.join(words)}, each once at most")
        return tuple(words.get(name, 0) for name in names)

    def queues(self, given: Any, known: Iterable[str], cohorts: Iterable[Part]) -> tuple[Part, ...]:
        """Return the queues; there must be one."""
        told = self.keys(self.leaf, given, given if isinstance(given, Mapping) else ())
        names = [part.name for part in cohorts]
        made = []
        for name, one in told.items():
            path = f"{self.leaf}.{name}"
            knobs = self.keys(path, one, known)
            made.append(self.part(path, str(name), knobs, knobs.get(self.up), names))
        if isinstance(given, Mapping) and not given:
            self.fault(self.leaf, {}, "some by name, as {a: {tenants: [ann], gpus: 64}}")
        return tuple(made)

    def whole(self, queues: tuple[Part, ...], ways: Iterable[Ways], default: str | None) -> None:
        """Raise ScenarioError with all faults, those of the tree as a whole among them."""
        if default is not None and default not in [part.name for part in queues]:
            self.fault(
                "default", default, f"null or one of {self.leaf}, for tenants that none names"
            )
        owners: dict[str, str] = {}
        for part, way in zip(queues, ways, strict=True):
            for tenant in way.tenants:
                if tenant in owners:
                    self.fault(f"{self.leaf}.{part.name}.tenants", tenant,
                               f"in one only; it is in {owners[tenant]} too")  # fmt: skip
                owners.setdefault(tenant, part.name)
        self.done()

    def told(self, queues: Iterable[Part], cohorts: Iterable[Part]) -> None:
        """Note where a queue leaves out what others count, or some tell no flavors apart."""
        for part in queues:
            if not part.limits:
                self.fault(f"queues.{part.name}.gpus", None, "a number >= 0, or tell flavors")
        parts, own = [*queues, *cohorts], {part.name for part in queues}
        all_ = [(part, name, limits) for part in parts for name, limits in part.limits.items()]
        if len({name == EVERY for _, name, _ in all_}) > 1:
            self.faults.append(
                f"{self.group}: some tell the limits of each flavor, some of all GPU types; "
                "must be one way throughout"
            )
        counted = [
            i for i in range(3) if any(limits.nominal[i] is not None for _, _, limits in all_)
        ]
        for part, name, limits in all_:
            for i in counted:
                if limits.nominal[i] is None and part.name in own:
                    at = f"queues.{part.name}" + (f".flavors.{name}" if name else "")
                    self.faults.append(
                        f"{self.group}.{at}.{list(SCALE)[i]}: is null, and others count it; must "
                        "be a number >= 0, 0 to live on what is lent"
                    )

    def done(self) -> None:
        """Raise ScenarioError if there were faults."""
        if self.faults:
            raise ScenarioError(dict.fromkeys(self.faults))
