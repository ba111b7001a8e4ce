"""A tree whose queues have fair shares is read from mappings; all faults are collected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from sim.state.fair_share import Amounts, Split
from sim.state.quota import SHARES
from sim.state.tree import EVERY, Limits, Part, Tree, Ways
from sim.state.tree_read import LEAST_WEIGHT, MOST_WEIGHT, SCALE, Reader

EMPTY = {EVERY: Limits()}


class Shared:
    """Reads queues and what is over them, with a weight, a priority and amounts of some kinds.

    `kinds` are the prefixes of amounts besides the quota, "": each is at most the next one, where
    both are told.
    """

    def __init__(self, reader: Reader, weight: str, kinds: tuple[str, ...]) -> None:
        self.reader, self.weight, self.kinds = reader, weight, kinds
        self.amounts: dict[str, dict[str, Amounts]] = {kind: {} for kind in kinds}
        self.priority: dict[str, float] = {}
        self.keeps: tuple[str, ...] = ()
        self.told: list[tuple[str, Part, Mapping[str, Any]]] = []

    def known(self, *more: str) -> tuple[str, ...]:
        """Return the knobs of a queue or what is over it."""
        amounts = (kind + name for kind in ("", *self.kinds) for name in SCALE)
        return (self.weight, "priority", *dict.fromkeys(amounts), *more)

    def inner(self, given: Any) -> tuple[Part, ...]:
        """Return what is over queues."""
        parts = self.reader.cohorts(given, self.known("parent"))
        return self.read(self.reader.inner, given, parts)

    def leaves(self, given: Any, parents: Iterable[Part], *more: str) -> tuple[Part, ...]:
        """Return the queues, which have the knobs `more` besides."""
        known = self.known(self.reader.up, "tenants", *more)
        parts = self.reader.queues(given, known, parents)
        return self.read(self.reader.leaf, given, parts)

    def read(self, group: str, given: Any, parts: Iterable[Part]) -> tuple[Part, ...]:
        """Return the parts with their weights; note their amounts and priorities."""
        read, made = self.reader, []
        for part, one in zip(parts, read.told_of(given), strict=True):
            path, knobs = f"{group}.{part.name}", one if isinstance(one, Mapping) else {}
            if part.name in self.priority:
                read.fault(path, part.name, f"a name of its own; {read.inner} have it too")
            weight = read.number(
                f"{path}.{self.weight}", knobs.get(self.weight, 1.0), "a number from 0 to 10^6",
                0.0, MOST_WEIGHT,
            )  # fmt: skip
            if 0.0 < weight < LEAST_WEIGHT:
                read.fault(f"{path}.{self.weight}", weight, "0, or at least 10^-6")
            self.priority[part.name] = read.number(
                f"{path}.priority", knobs.get("priority", 0.0), "a number"
            )
            for kind in self.kinds:
                self.amounts[kind][part.name] = read.amounts(path, knobs, kind)
            if self.flag(f"{path}.reclaimable", knobs.get("reclaimable", True)) is False:
                self.keeps += (part.name,)
            limits = part.limits or EMPTY
            made.append(part._replace(weight=weight, limits=limits))
            self.told.append((path, made[-1], knobs))
        return tuple(made)

    def flag(self, path: str, value: Any) -> bool:
        """Return true or false; what is neither is noted."""
        if value is not True and value is not False:
            self.reader.fault(path, value, "true or false")
        return value is True

    def without(self, knobs: Iterable[str], remedy: str) -> None:
        """Note knobs that are told and mean nothing."""
        for path, _, told in self.told:
            for knob in knobs:
                if told.get(knob) is not None:
                    self.reader.fault(f"{path}.{knob}", told[knob], remedy)

    def rising(self) -> None:
        """Note amounts that are beyond what must be no less."""
        for path, _, knobs in self.told:
            for name in SCALE:
                told = [kind + name for kind in self.kinds if knobs.get(kind + name) is not None]
                for low, high in pairwise(told):
                    try:
                        if knobs[low] > knobs[high] >= 0:
                            told_ = f"null, or at least its {low}, {knobs[low]!r}"
                            self.reader.fault(f"{path}.{high}", knobs[high], told_)
                    except TypeError:
                        continue  # no numbers: told already

    def tree(
        self, queues: tuple[Part, ...], inner: tuple[Part, ...], ways: Ways, split: Split,
        default: str | None,
    ) -> Tree:  # fmt: skip
        """Return the tree; ScenarioError holds all faults at once."""
        self.rising()
        all_ = tuple(
            ways._replace(tenants=self.reader.names(f"{path}.tenants", knobs.get("tenants")))
            for path, _, knobs in self.told
            if path.startswith(f"{self.reader.leaf}.")
        )
        self.reader.whole(queues, all_, default)
        return Tree(queues, all_, inner, default or "", SHARES, split=split,
                    leaf=self.reader.leaf)  # fmt: skip
