"""Kinds of node: how fast each class of jobs is on them, and what is free there at first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.errors import ScenarioError
from sim.state.arrays import F8
from sim.state.columns import PLENTY, WORD, Kinds, Nodes
from sim.state.inventory import Inventory


def speeds(
    texts: Sequence[str], inventory: Inventory, allowed: np.ndarray | None = None
) -> tuple[F8, np.ndarray]:
    """Return (classes, kinds) speeds and the kinds fastest first, for each distinct `gpu_types`.

    `allowed` (classes, kinds), where given, says on which kinds a class may run besides.

    "" is any type at speed 1; "a|b:0.5" is a at 1 or b at 0.5. Ties go to the kind listed first.
    """
    kinds = inventory.kinds
    speed = np.zeros((len(texts), len(kinds)))
    faults = []
    for i, text in enumerate(texts):
        if not text.strip():
            speed[i] = 1.0
            continue
        for part in text.split("|"):
            name, _, number = part.partition(":")
            try:
                factor = float(number) if number else 1.0
            except ValueError:
                factor = -1.0
            if not (0.0 < factor < np.inf) or not name.strip():
                faults.append(f"gpu_types: is {text!r}; must read like 'h100' or 'h100:1|a100:0.5'")
            for k, (gpu, _) in enumerate(kinds):
                if gpu == name.strip():
                    speed[i, k] = factor
    if faults:
        raise ScenarioError(sorted(set(faults)))
    if allowed is not None:
        speed[~allowed] = 0.0
    return speed, fastest_first(speed)


def fastest_first(speed: F8) -> np.ndarray:
    """Return the kinds of each class, fastest first, (classes, kinds)."""
    return np.argsort(-speed, axis=1, kind="stable").astype(np.int64)


def kinds_of(inventory: Inventory, nodes: Nodes, speed: F8, order: np.ndarray) -> Kinds:
    """Return the kinds with every node in the level of its free GPUs."""
    size = np.array([gpus for _, gpus in inventory.kinds], np.int64)
    words = (len(nodes.kind) + WORD - 1) // WORD
    count = np.zeros((len(size), int(size.max()) + 1), np.int64)
    level = np.zeros((*count.shape, words), np.int64)
    np.add.at(count, (nodes.kind, nodes.free), 1)
    word, bit = nodes.rank // WORD, np.int64(1) << (nodes.rank % WORD).astype(np.int64)
    np.bitwise_or.at(level, (nodes.kind, nodes.free, word), bit)
    some = np.zeros((*count.shape, (words + WORD - 1) // WORD), np.int64)
    bit = np.int64(1) << (word % WORD).astype(np.int64)
    np.bitwise_or.at(some, (nodes.kind, nodes.free, word // WORD), bit)
    free = np.bincount(nodes.kind, nodes.free, len(size)).astype(np.int64)
    return Kinds(
        size, free, count, level, some, speed, order,
        np.full(len(size), PLENTY, np.int64), np.zeros(len(size), np.int64),
    )  # fmt: skip


def dealt(kinds: Kinds) -> Kinds:
    """Return the kinds with the speeds of each class on any kind, on each alone, and on none.

    Rows of class c are c x (kinds + 2) and those that follow.
    """
    classes, many = kinds.speed.shape
    masks = np.vstack([np.ones(many), np.eye(many), np.zeros(many)])
    speed = (kinds.speed[:, None, :] * masks).reshape(classes * (many + 2), many)
    return kinds._replace(speed=speed, order=fastest_first(speed))
