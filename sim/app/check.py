"""Does a value suit what a constructor takes? Faults are collected, not thrown one by one."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sim.errors import UnitError
from sim.units import parse, suffix_of

RESOLVER = "${"


def quantity(path: str, value: Any, faults: list[str]) -> Any:
    """Return a value in SI where the knob's name ends in a unit; texts such as "2 h" are read."""
    name = path.rsplit(".", 1)[-1].split("[", 1)[0]
    suffix = suffix_of(name)
    if not suffix or not isinstance(value, str):
        return value
    try:
        return parse(value, suffix)
    except UnitError as error:
        known = "; units are s, min, h, d, w" if suffix == "s" else ""
        faults.append(f"{path}: {error}{known}")
        return None


def wanted(kind: Any) -> str:
    """Return a type as one would say it to a user."""
    plain = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    if kind in plain:
        return plain[kind]
    if kind is type(None):
        return "null"
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(wanted(k) for k in typing.get_args(kind)))
    base = origin or kind
    if isinstance(base, type) and issubclass(base, Mapping):
        return "a mapping"
    if isinstance(base, type) and issubclass(base, Sequence):
        return "a list"
    name = getattr(kind, "__name__", str(kind))
    return f"a choice of kind {name} (a mapping with _target_)"


def suits(value: Any, kind: Any) -> bool:
    """Return whether a value is of a type, as far as a configuration can say."""
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return value in typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(suits(value, k) for k in typing.get_args(kind))
    if kind is Any or kind is None or kind is type(None):
        return kind is Any or value is None
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float)
    base = origin or kind
    if base in (int, str):
        return isinstance(value, base)
    if base in (Sequence, list, tuple):
        return isinstance(value, list | tuple)
    return not isinstance(base, type) or isinstance(value, base)


def misfits(path: str, value: Any, kind: Any) -> Iterator[str]:
    """Give a fault for a value that does not suit, or for each part of it that does not."""
    if not suits(value, kind):
        yield f"{path}: is {value!r}; must be {wanted(kind)}"
        return
    union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    for one in typing.get_args(kind) if union else (kind,):
        parts = typing.get_args(one)
        if isinstance(value, Mapping) and len(parts) == 2:
            for key, item in value.items():
                yield from misfits(f"{path}.{key}", item, parts[1])
        elif isinstance(value, list) and parts:
            for i, item in enumerate(value):
                yield from misfits(f"{path}[{i}]", item, parts[0])


def resolvers(path: str, value: Any, faults: list[str]) -> None:
    """Note every `${name:...}`: only plain references to other knobs are allowed here."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            resolvers(f"{path}.{key}" if path else str(key), item, faults)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            resolvers(f"{path}[{i}]", item, faults)
    elif isinstance(value, str) and any(":" in p.split("}")[0] for p in value.split(RESOLVER)[1:]):
        faults.append(f"{path}: is {value!r}; only references such as ${{seed}} may stand here")
