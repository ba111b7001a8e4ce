"""What a parameter must be, said the same way everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_list(value: Any) -> bool:
    """Return whether a value is a list of things, not a word."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def above(path: str, value: Any, least: float, most: float = math.inf) -> list[str]:
    """Return the fault of a value that is no number in (least, most], or nothing."""
    if is_number(value) and least < value <= most:
        return []
    upto = "" if most == math.inf else f", at most {most:g}"
    return [f"{path}: is {value!r}; must be a number above {least:g}{upto}"]


def at_least(path: str, value: Any, least: float) -> list[str]:
    """Return the fault of a value that is no number of at least `least`, or nothing."""
    if is_number(value) and value >= least:
        return []
    return [f"{path}: is {value!r}; must be a number, at least {least:g}"]


def whole(path: str, value: Any, least: int) -> list[str]:
    """Return the fault of a value that is no whole number of at least `least`, or nothing."""
    if is_number(value) and value == int(value) and value >= least:
        return []
    return [f"{path}: is {value!r}; must be a whole number >= {least}"]


def weights(path: str, values: Any, count: int | None = None) -> list[str]:
    """Return the fault of weights that are none: numbers >= 0, one of them above 0."""
    fits = (
        is_list(values)
        and all(is_number(v) and v >= 0 for v in values)
        and any(v > 0 for v in values)
    )
    if not fits:
        return [f"{path}: is {values!r}; must be numbers >= 0, one of them above 0"]
    if count is not None and len(values) != count:
        return [f"{path}: has {len(values)} numbers; must have {count}"]
    return []


def shares(path: str, mix: Any) -> list[str]:
    """Return the fault of a mapping of names to weights that is none."""
    if isinstance(mix, Mapping) and not weights(path, list(mix.values())):
        return []
    return [f"{path}: is {mix!r}; must give each name a weight >= 0, one of them above 0"]


def one_of(path: str, value: Any, kind: type, example: str) -> list[str]:
    """Return the fault of a value that is none of a family of laws, or those of the law."""
    if not isinstance(value, kind):
        return [f"{path}: is {value!r}; must be {example}"]
    found: list[str] = value.issues(path)  # type: ignore[attr-defined]  # every family has it
    return found


def prices(path: str, given: Any) -> list[str]:
    """Return the faults of prices by name that are none; None: there are none."""
    if given is None:
        return []
    if not isinstance(given, Mapping):
        return [f"{path}: is {given!r}; must give names a price, as {{h100: 2.5}}, or null"]
    return [f for name, price in given.items() for f in above(f"{path}.{name}", price, 0)]


def each_of(path: str, given: Any, names: Sequence[str]) -> list[str]:
    """Return the faults of a mapping of names to numbers above 0 by `names`, or None."""
    if given is None:
        return []
    if not isinstance(given, Mapping):
        return [f"{path}: is {given!r}; must give names theirs, as {{chat: {{{names[0]}: 1}}}}"]
    found = []
    for key, told in given.items():
        if not isinstance(told, Mapping) or not told or not set(told) <= set(names):
            must = " or ".join(names)
            found.append(f"{path}.{key}: is {told!r}; must have {must}, or both, and no other")
        else:
            found += [f for k, v in told.items() for f in above(f"{path}.{key}.{k}", v, 0)]
    return found
