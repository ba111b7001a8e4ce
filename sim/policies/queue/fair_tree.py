"""Slurm's fair tree: who is owed most, account by account."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

OWN = "shares"
"""The key under which an account's own shares stand."""


def faults(tree: Any, path: str) -> Iterator[str]:
    """Give every fault of a tree of shares: a number a user, a mapping an account."""
    for name, node in tree.items():
        here = f"{path}.{name}"
        if isinstance(node, Mapping):
            yield from faults(node, here)
        elif isinstance(node, bool) or not isinstance(node, int | float) or not 0 <= node < 2**53:
            yield f"{here}: is {node!r}; must be a number of shares >= 0, or an account of users"


def repeated(tree: Mapping[str, Any], path: str) -> list[str]:
    """Return a fault for each user that a tree names more than once."""
    many = Counter(users(tree))
    return [f"{path}: names {who!r} {n} times; must name a tenant once"
            for who, n in sorted(many.items()) if n > 1]  # fmt: skip


def users(tree: Mapping[str, Any]) -> list[str]:
    """Return the users of a tree, account by account."""
    found: list[str] = []
    for name, node in tree.items():
        if isinstance(node, Mapping):
            found += users(node)
        elif name != OWN:
            found.append(name)
    return found


def with_all(tree: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the tree with one share each for those of `names` that it does not name."""
    named = set(users(tree))
    return {name: 1.0 for name in names if name not in named} | dict(tree)


def level(part: float, of_parts: float, use: float, of_use: float) -> float:
    """Return (shares / siblings' shares) / (use / siblings' use): 0 of no share, inf of no use."""
    if part <= 0.0 or of_parts <= 0.0:
        return 0.0
    return part / of_parts / (use / of_use) if use > 0.0 and of_use > 0.0 else math.inf


def fair_tree(tree: Mapping[str, Any], used: Mapping[str, float]) -> dict[str, float]:
    """Return each user's factor, rank / users: 1 for who is owed most.

    From the root, siblings stand in order of `level`, greatest first, each account's users before
    the next account; equal users have one rank, equal accounts are one.

    Source: Slurm, fair_tree.shtml. Neglects: limits of usage, and parent shares.
    """
    count = rank = len(users(tree))
    found: dict[str, float] = {}

    def walk(siblings: list[tuple[str, Any, float]]) -> None:
        nonlocal rank
        who = [users(node) if isinstance(node, Mapping) else [name] for name, node, _ in siblings]
        spent = [sum(used.get(user, 0.0) for user in some) for some in who]
        parts, total = sum(part for _, _, part in siblings), sum(spent)
        levels = [level(part, parts, use, total)
                  for (_, _, part), use in zip(siblings, spent, strict=True)]  # fmt: skip
        for value in sorted(set(levels), reverse=True):
            alike = [one for one, of in zip(siblings, levels, strict=True) if of == value]
            alone = [name for name, node, _ in alike if not isinstance(node, Mapping)]
            found.update(dict.fromkeys(alone, rank / count))
            rank -= len(alone)
            merged = [one for _, node, _ in alike if isinstance(node, Mapping)
                      for one in children(node)]  # fmt: skip
            if merged:
                walk(merged)

    walk(children(tree))
    return found


def children(account: Mapping[str, Any]) -> list[tuple[str, Any, float]]:
    """Return the name, what it is and the shares of each in an account."""
    return [(name, node, float(node.get(OWN, 1) if isinstance(node, Mapping) else node))
            for name, node in account.items() if name != OWN]  # fmt: skip
